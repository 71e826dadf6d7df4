"""What goes and what stays: ``appliance down`` and ``appliance connection``."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

from appliance.daemon.loop import converge_once
from appliance.model.fault import SystemLacks
from appliance.model.resources import Blackhole
from tests.cli.calling import Run
from tests.fakes.box import Box
from tests.fakes.surroundings import FRESH

LEARNED, CONFIGURED = "10.0.0.0/16", "10.9.0.0/16"
PROTECTED = {LEARNED, CONFIGURED, "10.9.4.0/24"}


def blackholes(box: Box) -> set[str]:
    return {str(resource.prefix) for resource in asyncio.run(box.holds()) if isinstance(resource, Blackhole)}


def ended(box: Box) -> set[str]:
    return asyncio.run(box.kinds())


def test_down_leaves_only_the_blackholes(running: Box, run: Run) -> None:
    done = run("down", "--yes", "--json")
    assert done.code == 0, done.err
    assert "Held by blackholes: 10.0.0.0/16, 10.9.0.0/16, 10.9.4.0/24" in done.err
    assert ended(running) == {"Blackhole"}
    assert blackholes(running) == PROTECTED
    assert {name: running.sysctl.values[name] for name in FRESH} == FRESH
    assert running.nft.loaded is None
    assert running.charon.standing == {}
    status = run("status", "--json").json
    assert status["state"] == "down"
    assert {tunnel["admin"] for one in status["connections"] for tunnel in one["tunnels"]} == {"down"}
    assert len(status["connections"]) == 2


def test_down_without_protection_leaves_nothing_and_says_so(running: Box, run: Run) -> None:
    done = run("down", "--no-protect", "--yes")
    assert done.code == 0
    assert "From then on in clear, by whatever route there is: " in done.err
    assert ended(running) == set()
    assert {name: running.sysctl.values[name] for name in FRESH} == FRESH


def test_protection_can_be_taken_back_and_given_again(running: Box, run: Run) -> None:
    run("down", "--no-protect", "--yes")
    run("down", "--yes")
    assert blackholes(running) == PROTECTED


def test_what_is_down_stays_down_for_the_daemon(running: Box, run: Run) -> None:
    run("down", "--no-protect", "--yes")
    assert asyncio.run(converge_once(running.systems)) == 0
    assert ended(running) == set()


def test_down_twice_changes_nothing(running: Box, run: Run) -> None:
    run("down", "--yes")
    written = running.writes
    assert run("down", "--yes", "--json").json["changes"] == 0
    assert running.writes == written


def test_apply_after_down_brings_everything_back(running: Box, run: Run) -> None:
    whole = asyncio.run(running.holds())
    run("down", "--yes")
    assert run("apply", "--yes").code == 0
    assert asyncio.run(running.holds()) == whole
    assert run("status", "--json").json["state"] == "ok"


def test_down_of_one_leaves_the_other(running: Box, run: Run) -> None:
    before = {name: sa for name, sa in running.charon.standing.items() if name.startswith("lab")}
    done = run("down", "vpc", "--yes", "--json")
    assert done.code == 0
    assert done.json["untouched"] == ["lab-1", "lab-2"]
    assert running.charon.standing == before
    assert blackholes(running) == PROTECTED
    assert running.sysctl.values["net.ipv4.ip_forward"] == "1"
    assert f"{LEARNED}" in str(running.nft.loaded)


def test_down_without_an_intent_clears_what_carries_our_mark(running: Box, run: Run) -> None:
    running.store.intent_file.unlink()
    assert run("down", "--yes").code == 0
    assert ended(running) == {"Blackhole"}


def test_down_while_the_daemons_are_gone(running: Box, run: Run) -> None:
    running.charon.stop()
    running.frr.lacking = (SystemLacks("bgpd is gone"),)
    done = run("down", "--yes")
    assert done.code == 0, done.err
    assert "vpc-1" not in running.kernel.links


def test_down_of_nothing(box: Box, run: Run) -> None:
    done = run("down", "--yes", "--json")
    assert (done.code, done.json["changes"]) == (0, 0)


def test_connections_are_listed(running: Box, run: Run) -> None:
    done = run("connection", "list", "--json")
    assert [(row["name"], row["state"]) for row in done.json["connections"]] == [("vpc", "ok"), ("lab", "ok")]
    assert len(run("connection", "list").out.splitlines()) == 2


def test_a_removed_connection_leaves_its_blackholes_and_the_other(running: Box, run: Run) -> None:
    before = {name: sa for name, sa in running.charon.standing.items() if name.startswith("vpc")}
    done = run("connection", "remove", "lab", "--yes", "--json")
    assert done.code == 0, done.err
    assert running.charon.standing == before
    assert blackholes(running) == PROTECTED
    assert CONFIGURED in {str(prefix) for prefix in running.store.load_learned()["lab"]}
    assert "lab" not in str(running.store.read_intent())
    assert not any("lab" in name for name in running.files() if "secrets" in name)
    assert run("plan", "--json").json["changes"] == 0


def test_a_removed_connection_is_forgotten_on_wish(running: Box, run: Run) -> None:
    done = run("connection", "remove", "vpc", "--no-protect", "--yes")
    assert f"From then on in clear, by whatever route there is: {LEARNED}" in done.err
    assert blackholes(running) == PROTECTED - {LEARNED}
    assert "vpc" not in running.store.load_learned()
    assert LEARNED not in str(running.nft.loaded)
    assert run("plan", "--json").json["changes"] == 0


def test_a_prefix_that_another_connection_also_has_stays_protected(running: Box, run: Run) -> None:
    running.store.add_learned("lab", [ip_network(LEARNED)])
    run("connection", "remove", "vpc", "--no-protect", "--yes")
    assert LEARNED in blackholes(running)


def test_the_last_connection_can_go(running: Box, run: Run) -> None:
    run("connection", "remove", "vpc", "--yes")
    assert run("connection", "remove", "lab", "--yes").code == 0
    assert ended(running) == {"Blackhole"}
    assert {name: running.sysctl.values[name] for name in FRESH} == FRESH
    assert run("status", "--json").json["why"] == "there is no connection"


def test_what_a_removal_could_not_do_is_left_to_the_daemon(running: Box, run: Run) -> None:
    running.kernel.refusing = {"xfrm-link lab-1"}
    done = run("connection", "remove", "lab", "--yes", "--json")
    assert (done.code, done.error["code"]) == (1, "partly-applied")
    assert "lab-1" in running.kernel.links
    running.kernel.refusing = set()
    assert asyncio.run(converge_once(running.systems)) == 1
    assert "lab-1" not in running.kernel.links
    assert blackholes(running) == PROTECTED


def test_what_a_down_could_not_do_is_left_to_the_daemon(running: Box, run: Run) -> None:
    running.kernel.refusing = {"xfrm-link lab-1"}
    assert run("down", "--yes").code == 1
    running.kernel.refusing = set()
    assert asyncio.run(converge_once(running.systems)) == 1
    assert ended(running) == {"Blackhole"}
