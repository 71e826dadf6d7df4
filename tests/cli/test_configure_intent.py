"""``appliance configure --intent``: a whole intent instead of a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import Run
from tests.daemon.sites import ONE, TWO, announce, key_of
from tests.fakes.box import Box

WISH = ("configure", "--bgp", "--yes", "--intent")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an intent and its keys, as ``import -o`` writes it."""
    folder = tmp_path / "site"
    (folder / "secrets").mkdir(parents=True, mode=0o700)
    for name in ("vpc-1", "vpc-2", "lab-1", "lab-2"):
        path = folder / "secrets" / f"{name}.psk"
        path.write_text(key_of(name).reveal() + "\n")
        path.chmod(0o600)
    (folder / "site.yaml").write_text(TWO)
    return folder / "site.yaml"


def test_every_connection_is_brought_up_waited_for_and_rekeyed(box: Box, run: Run, site: Path) -> None:
    announce(box)
    done = run(*WISH, site, "--json")
    assert done.code == 0, done.err
    assert [(one["name"], one["state"]) for one in done.json["connections"]] == [("vpc", "ok"), ("lab", "ok")]
    for name in ("vpc-1", "vpc-2", "lab-1", "lab-2"):
        assert f"{name}: child rekeyed" in done.err
    assert box.store.read_intent() == TWO
    assert (box.store.config_dir / "secrets" / "lab-2.psk").read_text() == "Fake.key.of.lab_2\n"
    assert run("plan", "--json").json["changes"] == 0


def test_a_failure_of_the_second_connection_is_told(box: Box, run: Run, site: Path) -> None:
    done = run(*WISH, site, "--json", "--wait", "3s")
    assert done.code == 1
    assert [fault["key"] for fault in done.error["faults"]] == ["lab-1 (routes)", "lab-2 (routes)"]
    assert "2 of 4 tunnels of vpc, lab are up" in done.error["message"]


def test_keys_from_elsewhere_are_kept_with_ours(box: Box, run: Run, site: Path) -> None:
    elsewhere = site.parent / "elsewhere.psk"
    elsewhere.write_text("Fake.key.from.elsewhere\n")
    elsewhere.chmod(0o600)
    site.write_text(ONE.replace("secrets/vpc-1.psk", str(elsewhere)))
    assert run(*WISH, site).code == 0
    assert (box.store.config_dir / "secrets" / "vpc-1.psk").read_text() == "Fake.key.from.elsewhere\n"
    assert "secrets/vpc-1.psk" in str(box.store.read_intent())
    elsewhere.unlink()
    assert run("plan", "--json").json["changes"] == 0


def test_a_key_in_the_environment_stays_there(box: Box, run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write_text(ONE.replace("{file: secrets/vpc-1.psk}", "{env: FAKE_KEY}"))
    monkeypatch.setenv("FAKE_KEY", "Fake.key.of.the.environment")
    assert run(*WISH, site).code == 0
    assert "{env: FAKE_KEY}" in str(box.store.read_intent())
    assert not any("Fake.key.of.the.environment" in text for text in box.files().values())


def test_faults_are_all_listed_with_their_lines(box: Box, run: Run, site: Path) -> None:
    site.write_text(TWO.replace("peer-asn: 64512", "peer-asn: 0").replace("cloud: aws", "cloud: nimbus"))
    done = run(*WISH, site, "--json")
    assert done.code == 3
    assert len(done.error["faults"]) == 4
    assert all(fault["file"] == str(site) and fault["line"] for fault in done.error["faults"])
    assert box.files() == {}


def test_missing_keys_are_all_listed(box: Box, run: Run, site: Path) -> None:
    for name in ("vpc-1", "lab-2"):
        (site.parent / "secrets" / f"{name}.psk").unlink()
    done = run(*WISH, site, "--json")
    assert done.code == 3
    assert [fault["found"] or fault["message"] for fault in done.error["faults"]] != []
    assert len(done.error["faults"]) == 2
    assert box.files() == {}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00 not text", b"", b"- a list\n", b"{", b"version: 1\n" * 2])
def test_what_is_no_intent(box: Box, run: Run, site: Path, content: bytes) -> None:
    site.write_bytes(content)
    for verb in (WISH, ("apply", "--yes")):
        done = run(*verb, site, "--json")
        assert done.code in (2, 3), done
        assert done.error["message"]
    assert box.writes == 0
