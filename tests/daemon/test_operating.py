"""One tunnel is operated while the daemon runs: orders go through its socket, traffic moves, and the others stand."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from appliance.cli.keys import rotate_key
from appliance.cli.operations import Patience, drain_tunnel, restart_tunnel, submit, switch_tunnel, undrain_tunnel
from appliance.control.channel import FILE
from appliance.daemon.performing import asked
from appliance.daemon.published import load_published
from appliance.model.fault import ApplianceError, Refused, SystemFailure, SystemLacks, WrongUsage
from appliance.model.forwarding import BGP_PROTOCOL
from appliance.model.operation import Drain as Drained
from appliance.model.operation import Operations
from appliance.model.order import Commit, Drain, Learn, Pin, Undrain
from appliance.model.resources import Blackhole
from appliance.model.secret import Secret
from tests.daemon.sites import ONE, TWO, applied, key_of
from tests.daemon.working import QUICK, STATIC, Said, key_for, over, play, rested, running, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard", "quickly")


# Draining


def test_a_drained_tunnel_hands_over_and_takes_back(box: Box) -> None:
    async def scene() -> None:
        box.inbound = [7, 3, 0]
        assert over(box) == ("vpc-1",)
        told = await drain_tunnel(box.systems, "vpc-1", None, True, QUICK)
        assert over(box) == ("vpc-2",)
        assert (told["state"], told["drained"], told["until"]) == ("drained", True, None)
        assert told["cloud"] == {"sends": False, "packets": 0, "seconds": 3.0, "flows": []}
        assert box.listened == ["vpc-1"] * 3
        again = await undrain_tunnel(box.systems, "vpc-1", QUICK)
        assert (again["state"], again["drained"]) == ("carrying", False)
        assert over(box) == ("vpc-1",)

    said = play(box, STATIC, scene)
    assert "ordered: drain vpc-1" in said
    assert "ordered: undrain vpc-1" in said


@pytest.mark.parametrize("text", [STATIC, ONE])
def test_a_glance_is_enough_where_all_agree(box: Box, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Verbs of a tunnel look at everything only where something is wrong: on a small box that takes seconds."""

    async def scene() -> None:
        monkeypatch.setattr("appliance.daemon.operating.look", lambda *_args, **_options: pytest.fail("looked"))
        assert (await drain_tunnel(box.systems, "vpc-1", None, False, QUICK))["state"] == "drained"
        assert (await undrain_tunnel(box.systems, "vpc-1", QUICK))["state"] == "carrying"

    play(box, text, scene)


def test_with_bgp_its_routes_leave_and_its_session_stays(box: Box) -> None:
    async def scene() -> None:
        resets = len(box.frr.tried)
        told = await drain_tunnel(box.systems, "vpc-1", None, True, QUICK)
        assert told["state"] == "drained"
        assert {session.up for session in await box.frr.sessions()} == {True}
        routes = await box.kernel.forwarding(["vpc-1", "vpc-2"])
        assert {via.link for route in routes if route.protocol == BGP_PROTOCOL for via in route.vias} == {"vpc-2"}
        assert len(box.frr.tried) > resets
        assert (await undrain_tunnel(box.systems, "vpc-1", QUICK))["state"] == "carrying"

    play(box, ONE, scene)


def test_the_last_that_works_is_not_drained(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        await drain_tunnel(box.systems, "vpc-1", None, False, QUICK)
        with pytest.raises(Refused) as refused:
            await drain_tunnel(box.systems, "vpc-2", None, False, QUICK)
        assert (refused.value.exit, refused.value.code) == (4, "last-tunnel")
        assert "last of 2 tunnels" in refused.value.message
        assert "vpc-1 is drained" in refused.value.message
        assert set(box.store.load_operations().drained) == {"vpc-1"}
        await drain_tunnel(box.systems, "vpc-2", None, False, replace(QUICK, allowed=("last-tunnel",)))
        assert over(box) != ("nowhere",)

    monkeypatch.setattr("appliance.cli.operations.OUT_WITHIN", 0.1)
    play(box, STATIC, scene)


def test_a_cloud_that_goes_on_sending_is_told_of(box: Box) -> None:
    async def scene() -> None:
        box.inbound = [90]
        told = await drain_tunnel(box.systems, "vpc-1", None, False, QUICK)
        assert (told["cloud"]["sends"], told["cloud"]["flows"]) == (True, ["10.0.0.4 > 172.16.20.10"])
        with pytest.raises(SystemFailure, match="still sends: 90 packets in 3 s") as failure:
            await drain_tunnel(box.systems, "vpc-1", None, True, Patience(0.01))
        assert (failure.value.exit, failure.value.code) == (1, "cloud-still-sends")
        assert over(box) == ("vpc-2",)

    play(box, STATIC, scene)


def test_a_drain_ends_by_itself(box: Box) -> None:
    async def scene() -> None:
        told = await drain_tunnel(box.systems, "vpc-1", 1.0, False, QUICK)
        assert told["until"] is not None
        assert over(box) == ("vpc-2",)
        await until(lambda: over(box) == ("vpc-1",))

    play(box, STATIC, scene)


def test_a_drain_outlives_the_daemon(box: Box) -> None:
    async def drain() -> None:
        await drain_tunnel(box.systems, "vpc-1", None, False, QUICK)

    async def look() -> None:
        await until(lambda: over(box) == ("vpc-2",))
        assert (await undrain_tunnel(box.systems, "vpc-1", QUICK))["state"] == "carrying"

    play(box, STATIC, drain)
    play(box, STATIC, look)


def test_a_drain_outlives_a_reboot(box: Box, tmp_path: Path) -> None:
    """The machine begins with nothing but its files: neither the kernel nor /run remembers."""

    async def drain() -> None:
        await drain_tunnel(box.systems, "vpc-1", None, False, QUICK)

    play(box, STATIC, drain)
    shutil.rmtree(box.store.run_dir)
    born_anew = Box(tmp_path)

    async def look(_: Said) -> None:
        await rested(born_anew)
        await until(lambda: over(born_anew) == ("vpc-2",))
        assert load_published(born_anew.store.run_dir).verdicts["vpc"].paths["vpc-1"].state == "drained"
        assert (await undrain_tunnel(born_anew.systems, "vpc-1", QUICK))["state"] == "carrying"

    running(born_anew, look)


# Switching


def test_a_switch_and_back(box: Box) -> None:
    async def scene() -> None:
        told = await switch_tunnel(box.systems, "vpc-2", False, QUICK)
        assert (told["pinned"], over(box)) == (True, ("vpc-2",))
        told = await switch_tunnel(box.systems, "vpc-2", True, QUICK)
        assert not told["pinned"]
        await until(lambda: over(box) == ("vpc-1",))

    play(box, STATIC, scene)


def test_nobody_switches_to_what_does_not_work(box: Box) -> None:
    async def scene() -> None:
        box.cloud.silent = True
        box.charon.fall("vpc-2")
        with pytest.raises(Refused) as refused:
            await switch_tunnel(box.systems, "vpc-2", False, QUICK)
        assert refused.value.code == "not-working"
        assert box.store.load_operations() == Operations()

    play(box, STATIC, scene)


def test_where_all_carry_nothing_is_switched(box: Box) -> None:
    async def scene() -> None:
        with pytest.raises(WrongUsage, match="carry together"):
            await switch_tunnel(box.systems, "vpc-1", False, QUICK)

    play(box, ONE, scene)


# Restarting, and other keys


@pytest.mark.parametrize("text", [STATIC, ONE], ids=["static", "bgp"])
def test_a_restart_is_that_tunnels_alone(box: Box, text: str) -> None:
    async def scene() -> None:
        before = dict(box.charon.standing)
        told = await restart_tunnel(box.systems, "vpc-1", False, QUICK)
        assert told["state"] in ("carrying", "standby")
        assert not told["drained"]
        assert box.charon.standing["vpc-1"].ike_id != before["vpc-1"].ike_id
        assert box.charon.standing["vpc-2"] == before["vpc-2"]
        assert box.charon.authenticated == ["vpc-1"]

    said = play(box, text, scene)
    assert [one for one in said if one.startswith("ordered")] == [
        "ordered: drain vpc-1", "ordered: restart vpc-1", "ordered: undrain vpc-1",
    ]  # fmt: skip


def test_a_restart_that_fails_says_why_and_uses_the_tunnel_again(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        box.cloud.keys["theirs"] = key_for(box, "theirs", Secret("Their.fake.key_is_another"))
        with pytest.raises(SystemFailure) as failure:
            await restart_tunnel(box.systems, "vpc-1", False, Patience(0.1))
        assert failure.value.code == "wrong-key"
        assert box.store.load_operations().drained == {}

    monkeypatch.setattr("appliance.cli.operations.OUT_WITHIN", 1.0)
    play(box, STATIC, scene)


# The one writer


def test_an_apply_goes_through_the_daemon(box: Box) -> None:
    async def scene() -> None:
        assert (box.store.run_dir / FILE).is_socket()
        seen = box.store.read_intent()
        text = ONE.replace("172.16.20.0/24]}", "172.16.20.0/24, 172.16.21.0/24]}")
        secrets = {name: key_of(name) for name in ("vpc-1", "vpc-2")}
        made = await submit(box.systems, Commit(text, "apply", seen, secrets=secrets))
        assert [step.key for step in made if step.error is None]
        assert box.store.read_intent() == text
        assert box.store.last_revision().intent == text  # type: ignore[union-attr]

    assert "ordered: apply" in play(box, ONE, scene)


def test_a_failed_step_is_told_with_its_reason(box: Box) -> None:
    async def scene() -> None:
        box.kernel.refusing = {f"xfrm-link {name}" for name in ("lab-1",)}
        order = Commit(TWO, "apply", box.store.read_intent(), secrets={n: key_of(n) for n in names})
        made = await submit(box.systems, order)
        assert {step.key: step.error for step in made}["xfrm-link lab-1"] == "No buffer space available"
        box.kernel.refusing = set()

    names = ("vpc-1", "vpc-2", "lab-1", "lab-2")
    play(box, ONE, scene)


def test_what_another_wrote_meanwhile_is_not_overwritten(box: Box) -> None:
    async def scene() -> None:
        seen = box.store.read_intent()
        box.store.write_intent(f"{seen}# by another\n")
        written = box.writes
        with pytest.raises(ApplianceError) as refused:
            await submit(box.systems, Commit(ONE, "apply", seen))
        assert (refused.value.exit, refused.value.code) == (1, "changed-meanwhile")
        assert box.writes == written
        assert str(box.store.read_intent()).endswith("# by another\n")

    play(box, ONE, scene)


def test_the_daemon_learns_on_order(box: Box) -> None:
    async def scene() -> None:
        box.prefixes[ip_network("10.77.0.0/16")] = 0
        await box.frr.sessions()
        made = await submit(box.systems, Learn())
        assert all(step.error is None for step in made)
        held = {str(one.prefix) for one in await box.holds() if isinstance(one, Blackhole)}
        assert "10.77.0.0/16" in held

    play(box, ONE, scene)


def test_without_a_daemon_nothing_is_drained_and_a_restart_works(box: Box) -> None:
    asyncio.run(applied(box, STATIC))
    for verb in (drain_tunnel(box.systems, "vpc-1", None, False, QUICK), undrain_tunnel(box.systems, "vpc-1", QUICK),
                 switch_tunnel(box.systems, "vpc-1", False, QUICK),
                 rotate_key(box.systems, "vpc-1", None, True, QUICK)):  # fmt: skip
        with pytest.raises(SystemLacks, match="daemon does not run"):
            asyncio.run(verb)
    before = box.charon.standing["vpc-1"].ike_id
    asyncio.run(restart_tunnel(box.systems, "vpc-1", False, QUICK))
    assert box.charon.standing["vpc-1"].ike_id != before


def test_an_unknown_tunnel_is_named_with_those_there_are(box: Box) -> None:
    asyncio.run(applied(box, STATIC))
    with pytest.raises(WrongUsage) as usage:
        asyncio.run(restart_tunnel(box.systems, "vpc-9", False, QUICK))
    assert usage.value.hint == "tunnels: vpc-1, vpc-2"


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_asked_adds_up_and_what_is_over_is_forgotten() -> None:
    hour = timedelta(hours=1)
    before = Operations({"a": Drained(NOW - hour, NOW), "b": Drained(NOW - hour)}, {"vpc": "a"})
    after = asked(before, Drain("c", NOW + hour), NOW)
    assert after == Operations({"b": Drained(NOW - hour), "c": Drained(NOW, NOW + hour)}, {"vpc": "a"})
    assert asked(after, Drain("b", NOW + hour), NOW).drained["b"] == Drained(NOW - hour, NOW + hour)
    assert asked(after, Undrain("b"), NOW).drained.keys() == {"c"}
    assert asked(after, Undrain("z"), NOW) == after
    assert asked(after, Pin("vpc", "b"), NOW).pinned == {"vpc": "b"}
    assert asked(after, Pin("vpc", None), NOW).pinned == {}
