"""``appliance configure``: from a download to traffic on every tunnel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import Run
from tests.fakes.box import Box
from tests.vendors.samples import GENERIC, ID

KEYS = ("Fake.key.of.tunnel_1", "Fake.key.of.tunnel_2")
LAN = ("--lan", "172.16.20.0/24")
NAMED = ("--name", "vpc", *LAN)


def test_the_whole_way(box: Box, run: Run, generic: Path) -> None:
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert done.code == 0, done.err
    status = done.json
    assert (status["state"], status["healthy"], status["why"]) == ("ok", True, None)
    (connection,) = status["connections"]
    assert connection["redundant"]
    assert [tunnel["state"] for tunnel in connection["tunnels"]] == ["carrying", "carrying"]
    assert connection["prefixes"] == [{"prefix": "10.0.0.0/16", "source": "bgp", "via": ["vpc-1", "vpc-2"]}]
    assert status["drift"] == []
    assert "vpc-1: child rekeyed" in done.err
    assert "vpc-1: carrying" in done.err


def test_a_second_time_changes_nothing(box: Box, run: Run, generic: Path) -> None:
    run("configure", "--bgp", "--from", generic, *NAMED, "--yes")
    written, intent = box.writes, box.store.read_intent()
    spis = {sa.name: sa.ike_id for sa in box.charon.standing.values()}
    done = run("configure", "--bgp", "--from", generic, "--yes", "--json")
    assert done.code == 0
    assert box.writes == written
    assert box.store.read_intent() == intent
    assert {sa.name: sa.ike_id for sa in box.charon.standing.values()} == spis
    assert run("plan", "--json").json["changes"] == 0


def test_a_dry_run_writes_nothing_at_all(box: Box, run: Run, generic: Path) -> None:
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--dry-run", "--json")
    assert done.code == 0
    assert done.json["changes"] > 10
    assert box.writes == 0
    assert box.files() == {}
    assert box.store.read_intent() is None


def test_nobody_to_ask(box: Box, run: Run, generic: Path) -> None:
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--json")
    assert done.code == 2
    assert "--yes" in done.error["hint"]
    assert box.writes == 0
    assert box.files() == {}


def test_a_person_says_no(box: Box, run: Run, generic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("configure", "showing"):
        monkeypatch.setattr(f"appliance.cli.{place}.is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    done = run("configure", "--bgp", "--from", generic, *NAMED)
    assert done.code == 2
    assert "nothing was applied" in done.err
    assert box.writes == 0
    assert box.store.read_intent() is None


def test_secrets_are_in_their_files_and_nowhere_else(box: Box, run: Run, generic: Path) -> None:
    said = ""
    for arguments in (
        ("configure", "--bgp", "--from", generic, *NAMED, "--dry-run", "--json"),
        ("configure", "--bgp", "--from", generic, *NAMED, "--yes"),
        ("configure", "--bgp", "--from", generic, "--yes", "--json", "--crypto", "recommended"),
        ("plan",), ("plan", "--json"), ("status",), ("status", "--json"), ("apply", "--yes", "--json"),
        ("connection", "list", "--json"), ("down", "--yes", "--json"), ("apply", "--yes"),
        ("connection", "remove", "vpc", "--yes"),
    ):  # fmt: skip
        done = run(*arguments)
        assert done.code == 0, (arguments, done.err)
        said += done.out + done.err
        files = {name: text for name, text in box.files().items() if "/secrets/" not in name}
        assert not any(key in text for key in KEYS for text in (said, *files.values())), arguments
    assert [name for name in box.files() if "/secrets/" in name] == []


def test_what_is_missing_is_told_with_its_flag(box: Box, run: Run, strongswan: Path) -> None:
    done = run("configure", "--bgp", "--from", strongswan, "--yes", "--json")
    assert done.code == 3
    fixes = {fault["key"]: fault["fix"] for fault in done.error["faults"]}
    assert fixes == {
        "site.asn": "--asn ASN",
        "connections[0].peer-asn": "--peer-asn ASN",
        "site.networks": "--lan CIDR",
    }
    assert box.files() == {}


def test_a_document_for_static_routing_is_remarked_on(box: Box, run: Run) -> None:
    document = Path(__file__).parents[1] / "pipeline" / "aws-generic-static" / "document.txt"
    wanted = ("--asn", "65010", "--peer-asn", "64512", *NAMED, "--dry-run")
    assert "vpc: the document is for static routing" in run("configure", "--bgp", "--from", document, *wanted).err


def test_every_fault_of_a_document_is_listed(box: Box, run: Run, generic: Path) -> None:
    generic.write_text(GENERIC.replace("1436 bytes", "143600 bytes"))
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert done.code == 3
    assert len(done.error["faults"]) == 2
    assert {fault["file"] for fault in done.error["faults"]} == {str(generic)}
    assert all(fault["line"] for fault in done.error["faults"])


def test_a_second_document_leaves_the_first_alone(box: Box, run: Run, generic: Path, tmp_path: Path) -> None:
    run("configure", "--bgp", "--from", generic, *NAMED, "--yes")
    before = {sa.name: sa for sa in box.charon.standing.values()}
    second = tmp_path / "second.txt"
    second.write_text(other_connection())
    for door in box.refusers:
        door.tried.clear()
    done = run("configure", "--bgp", "--from", second, "--name", "lab", "--yes", "--json")
    assert done.code == 0, done.err
    assert [connection["name"] for connection in done.json["connections"]] == ["vpc", "lab"]
    assert [one for one in box.tried if "vpc" in one] == []
    assert {name: box.charon.standing[name] for name in before} == before
    assert "Left untouched: vpc-1, vpc-2" in done.err
    assert "Traffic: none" in done.err


def other_connection() -> str:
    """Another connection's download."""
    text = GENERIC.replace(ID, "vpn-0fa4e000000000002").replace("198.51.100.", "192.0.2.")
    return text.replace("169.254.23.", "169.254.123.").replace("169.254.22.", "169.254.122.")


def test_another_connections_name_is_not_taken(box: Box, run: Run, generic: Path, tmp_path: Path) -> None:
    run("configure", "--bgp", "--from", generic, *NAMED, "--yes")
    intent = box.store.read_intent()
    second = tmp_path / "second.txt"
    second.write_text(other_connection())
    done = run("configure", "--bgp", "--from", second, "--name", "vpc", "--yes", "--json")
    assert done.code == 2
    assert "vpc" in done.error["message"]
    assert box.store.read_intent() == intent


def test_what_was_taken_down_stays_down_when_another_comes(box: Box, run: Run, generic: Path, tmp_path: Path) -> None:
    run("configure", "--bgp", "--from", generic, *NAMED, "--yes")
    run("down", "vpc", "--yes")
    second = tmp_path / "second.txt"
    second.write_text(other_connection())
    done = run("configure", "--bgp", "--from", second, "--name", "lab", "--yes", "--json")
    states = {connection["name"]: connection["state"] for connection in done.json["connections"]}
    assert states == {"vpc": "down", "lab": "ok"}
    assert "vpc-1" not in box.kernel.links


def test_stronger_algorithms_on_wish(box: Box, run: Run, strongswan: Path) -> None:
    wanted = ("--asn", "65010", "--peer-asn", "64512", *NAMED, "--yes")
    done = run("configure", "--bgp", "--from", strongswan, *wanted, "--crypto", "recommended")
    assert done.code == 0, done.err
    used = {proposal for held in box.charon.held.values() for proposal in held.connection.proposals}
    assert used == {"aes256gcm16-prfsha384-ecp384", "aes256-sha384-ecp384"}
    assert {held.connection.version for held in box.charon.held.values()} == {2}


def test_a_script_keeps_the_documents_algorithms_and_hears_of_weak_ones(box: Box, run: Run, strongswan: Path) -> None:
    strongswan.write_text(strongswan.read_text().replace("ikev2", "ikev1"))
    wanted = ("--asn", "65010", "--peer-asn", "64512", *NAMED, "--yes")
    done = run("configure", "--bgp", "--from", strongswan, *wanted)
    assert done.code == 0, done.err
    assert "--crypto recommended" in done.err
    assert {held.connection.proposals for held in box.charon.held.values()} == {("aes256-sha256-modp2048",)}


def test_what_is_foreign_is_refused_and_taken_over_on_wish(box: Box, run: Run, generic: Path) -> None:
    box.frr.configure("router bgp 64999\n bgp router-id 192.0.2.9\n")
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert done.code == 4
    assert done.error["code"] == "foreign-frr"
    assert box.writes == 0
    assert box.files().keys() <= {"var/fingerprint.key"}
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--adopt")
    assert done.code == 0, done.err
    assert "taken over: router bgp 64999" in done.err
    backups = [text for name, text in box.files().items() if name.startswith("var/adopted/")]
    assert any("router bgp 64999" in text for text in backups)


def test_what_cuts_the_administrator_off_is_refused_unless_allowed(
    box: Box, run: Run, generic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.1.2.3 50000 172.16.20.1 22")
    wanted = ("configure", "--bgp", "--from", generic, *NAMED, "--network", "10.0.0.0/8", "--yes", "--json")
    done = run(*wanted)
    assert done.code == 4
    assert done.error["code"] == "cut-management"
    assert "10.1.2.3" in done.error["message"]
    assert box.writes == 0
    assert run(*wanted, "--allow", "cut-management").code == 0


@pytest.mark.parametrize("client", ["UNKNOWN 65535 UNKNOWN 65535", "fe80::1%eth0 50000 fe80::2 22", ""])
def test_a_session_from_nowhere_in_particular(
    box: Box, run: Run, generic: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", client)
    assert run("configure", "--bgp", "--from", generic, *NAMED, "--network", "10.0.0.0/8", "--yes").code == 0


def test_an_administrator_in_ipv4_mapped_form(
    box: Box, run: Run, generic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "::ffff:10.1.2.3 50000 ::ffff:172.16.20.1 22")
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--network", "10.0.0.0/8", "--yes", "--json")
    assert (done.code, done.error["code"]) == (4, "cut-management")


def test_a_masked_key_comes_from_its_file(box: Box, run: Run, generic: Path, tmp_path: Path) -> None:
    generic.write_text(GENERIC.replace("Fake.key.of.tunnel_2", "********"))
    key = tmp_path / "key"
    key.write_text("Fake.key.of.a_file\n")
    wanted = ("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert run(*wanted).error["faults"][0]["fix"] == "--psk vpc-2=file:PATH"
    done = run(*wanted, "--psk", f"vpc-9=file:{key}", "--psk", f"vpc-2=file:{key}")
    assert (done.code, done.error["hint"]) == (2, "tunnels: vpc-1, vpc-2")
    assert box.files() == {}
    assert run(*wanted, "--psk", f"vpc-2=file:{key}").code == 0
    assert box.files()["etc/secrets/vpc-2.psk"] == "Fake.key.of.a_file\n"
    key.write_text("a key with blanks\n")
    assert run(*wanted, "--psk", f"vpc-2=file:{key}").code == 3


def test_what_the_machine_lacks(box: Box, run: Run, generic: Path) -> None:
    box.charon.running = False
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert (done.code, done.error["code"]) == (6, "charon")
    assert box.writes == 0


def test_part_of_the_plan_failed(box: Box, run: Run, generic: Path) -> None:
    box.kernel.refusing = {"xfrm-link vpc-2"}
    done = run("configure", "--bgp", "--from", generic, *NAMED, "--yes", "--json")
    assert (done.code, done.error["code"]) == (1, "partly-applied")
    assert "No buffer space" in done.error["message"]
    assert "vpc-1" in box.charon.standing


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--bgp"],
        ["--from", "DOCUMENT"],
        ["--bgp", "--from", "DOCUMENT", "--intent", "DOCUMENT"],
        ["--bgp", "--from", "/nowhere/vpn.txt", "--yes"],
        ["--bgp", "--from", "/", "--yes"],
        ["--bgp", "--intent", "/", "--yes"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--lan", "172.16.20.1/24"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--uplink", "eth0"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--uplink", "isp1=eth0,public=here"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--wait", "soon"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--psk", "vpc-1"],
        ["--bgp", "--from", "DOCUMENT", "--lan", "10.1.0.0/16", "--yes", "--psk", "vpc-1=Fake.key.itself"],
        ["--bgp", "--from", "DOCUMENT", "--lan", "10.1.0.0/16", "--yes", "--psk", "vpc-1=file:/nowhere.psk"],
        ["--bgp", "--from", "DOCUMENT", "--yes", "--connection", "vpn-other"],
        ["--static", "--from", "DOCUMENT"],
        ["--bgp", "--intent", "DOCUMENT", "--yes", "--lan", "172.16.20.0/24"],
        ["--bgp", "--intent", "DOCUMENT", "--yes", "--psk", "vpc-1=file:/nowhere.psk"],
    ],
)
def test_wrong_usage(box: Box, run: Run, generic: Path, arguments: list[str]) -> None:
    done = run("configure", *(str(generic) if word == "DOCUMENT" else word for word in arguments), "--json")
    assert done.code == 2, done.err
    assert "Fake.key.itself" not in done.out + done.err
    assert done.error["message"]
    assert box.files() == {}
