"""The verbs on a machine that runs: what they change, say and answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.daemon.loop import converge_once
from appliance.model.resources import Blackhole
from tests.cli.calling import Run
from tests.daemon.sites import HEAD, LAB, ONE, TWO, key_of, settle_in
from tests.fakes.box import Box

LEARNED, CONFIGURED = "10.0.0.0/16", "10.9.0.0/16"
PROTECTED = {LEARNED, CONFIGURED, "10.9.4.0/24"}
READING = [("status",), ("plan",), ("connection", "list")]
WRITING = [("apply",), ("down",), ("connection", "remove", "vpc")]


def blackholes(box: Box) -> set[str]:
    return {str(resource.prefix) for resource in asyncio.run(box.holds()) if isinstance(resource, Blackhole)}


def ended(box: Box) -> set[str]:
    return asyncio.run(box.kinds())


def test_apply_learns_and_then_has_nothing_to_do(running: Box, run: Run) -> None:
    assert blackholes(running) == PROTECTED
    written = running.writes
    done = run("apply", "--yes", "--json")
    assert (done.code, done.json["changes"], done.json["plan"]) == (0, 0, [])
    assert running.writes == written


def test_apply_of_a_file_replaces_the_intent(running: Box, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + LAB)
    done = run("apply", path, "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["traffic"] == "cut"
    assert done.json["untouched"] == ["lab-1", "lab-2"]
    assert running.store.read_intent() == HEAD + LAB
    assert set(running.charon.standing) == {"lab-1", "lab-2"}
    assert LEARNED in blackholes(running)


def test_what_an_apply_could_not_do_is_left_to_the_daemon(running: Box, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(TWO.replace("peer-asn: 64512", "peer-asn: 64513"))
    running.frr.refusing = {"frr-config"}
    done = run("apply", path, "--yes", "--json")
    assert (done.code, done.error["code"]) == (1, "partly-applied")
    assert running.store.read_intent() == path.read_text()
    running.frr.refusing = set()
    assert asyncio.run(converge_once(running.systems)) == 1
    assert run("plan", "--json").json["changes"] == 0


def test_the_daemon_goes_by_an_intent_that_changed_nothing_too(running: Box, run: Run) -> None:
    run("down", "vpc", "--no-protect", "--yes")
    assert run("connection", "remove", "vpc", "--no-protect", "--yes").code == 0
    assert run("apply", "--yes").code == 0
    assert asyncio.run(converge_once(running.systems)) == 0
    assert "vpc-1" not in running.kernel.links
    revisions = len(running.store.revisions())
    assert run("apply", "--yes").code == 0
    assert len(running.store.revisions()) == revisions


def test_plan_shows_and_changes_nothing(running: Box, run: Run) -> None:
    running.store.write_intent(TWO.replace("vpc-2", "vpc-3").replace("[10.9.0.0/16]", "[10.8.0.0/15]"))
    running.store.write_secret("vpc-3", key_of("vpc-3"))
    written, files = running.writes, running.files()
    done = run("plan", "--json")
    assert done.code == 0
    plan = done.json
    assert plan["changes"] == len(plan["plan"]) > 5
    assert plan["traffic"] == "cut"
    assert plan["untouched"] == ["lab-1", "lab-2", "vpc-1"]
    assert {change["verb"] for change in plan["plan"]} == {"add", "change", "remove"}
    assert "+ blackhole 10.8.0.0/15 table 254" in run("plan").err
    assert (running.writes, running.files()) == (written, files)


def test_machine_wide_settings_are_listed(box: Box, run: Run) -> None:
    settle_in(box, ONE)
    wide = {change["key"] for change in run("plan", "--json").json["plan"] if change["machine_wide"]}
    assert wide == {"sysctl net.ipv4.ip_forward", "sysctl net.ipv4.fib_multipath_hash_policy"}
    assert "For the whole machine (2;" in run("plan").err


# All of them


@pytest.mark.parametrize("verb", WRITING, ids=" ".join)
def test_nobody_to_ask(running: Box, run: Run, verb: tuple[str, ...]) -> None:
    if verb == ("apply",):
        running.store.write_intent(ONE)
    written, files = running.writes, running.files()
    done = run(*verb, "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert (running.writes, running.files()) == (written, files)


@pytest.mark.parametrize("verb", [*READING, *WRITING], ids=" ".join)
def test_a_broken_intent_is_told_with_every_fault(running: Box, run: Run, verb: tuple[str, ...]) -> None:
    running.store.write_intent(TWO.replace("peer-asn: 64512", "peer-asn: 0"))
    written = running.writes
    done = run(*verb, *(["--yes"] if verb in WRITING else []), "--json")
    assert done.code == 3
    assert [fault["line"] for fault in done.error["faults"]] == [10, 30]
    assert running.writes == written


@pytest.mark.parametrize("verb", [*READING, ("apply",), ("connection", "remove", "vpc")], ids=" ".join)
def test_no_intent(box: Box, run: Run, verb: tuple[str, ...]) -> None:
    done = run(*verb, *(["--yes"] if verb in WRITING else []), "--json")
    assert done.code == 2
    assert "configure" in str(done.error["hint"])


@pytest.mark.parametrize("verb", [("down", "office"), ("connection", "remove", "office")], ids=" ".join)
def test_no_such_connection(running: Box, run: Run, verb: tuple[str, ...]) -> None:
    done = run(*verb, "--yes", "--json")
    assert done.code == 2
    assert "vpc, lab" in done.error["hint"]


@pytest.mark.parametrize("verb", WRITING, ids=" ".join)
def test_somebody_else_is_writing(
    running: Box, run: Run, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if verb == ("apply",):
        running.store.write_intent(ONE)
    other = Box(running.folder).store
    with other.lock():
        done = run(*verb, "--yes", "--json")
    assert (done.code, done.error["code"]) == (1, "locked")


@pytest.mark.parametrize("verb", [("apply",), ("down", "vpc"), ("connection", "remove", "vpc")])
def test_strangers_are_not_written_over(running: Box, run: Run, verb: tuple[str, ...]) -> None:
    running.frr.restart()
    running.frr.configure("router bgp 64999\n bgp router-id 192.0.2.9\n")
    written = running.writes
    done = run(*verb, "--yes", "--json")
    assert (done.code, done.error["code"]) == (4, "foreign-frr")
    assert running.writes == written


def test_losing_every_tunnel_is_refused_unless_allowed(running: Box, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(HEAD.replace("connections:\n", "connections: []\n"))
    done = run("apply", path, "--yes", "--json")
    assert (done.code, done.error["code"]) == (4, "remove-all-tunnels")
    assert "4 tunnels" in done.error["message"]
    assert "--allow remove-all-tunnels" in done.error["hint"]
    assert run("apply", path, "--yes", "--allow", "remove-all-tunnels").code == 0


def test_render_needs_no_machine_and_no_key(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(TWO)
    done = run("render", path, "--json", "-o", tmp_path / "out")
    assert set(done.json["files"]) == {"swanctl.conf", "frr.conf", "appliance.nft"}
    assert (tmp_path / "out" / "frr.conf").read_text() == done.json["files"]["frr.conf"]
    assert run("render", path, "--target", "frr").out.strip() == done.json["files"]["frr.conf"].strip()
    assert run("render", tmp_path / "nowhere.yaml", "--json").error["exit"] == 2


def test_render_says_what_the_embedded_speaker_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(TWO.replace("    mode: bgp\n", "    mode: bgp\n    speaker: exabgp\n"))
    files = run("render", path, "--json").json["files"]
    assert "neighbor 169.254.23.5 {" in files["exabgp.conf"]
    assert "unicast 172.16.20.0/24 next-hop self" in files["exabgp.conf"]
    assert "neighbor" not in files["frr.conf"]
