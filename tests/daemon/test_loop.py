"""The running daemon: what wakes it, what it mends, and how traffic moves while it does."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from appliance.daemon.loop import converge_once
from appliance.daemon.switching import Switchboard
from appliance.model.fault import SystemLacks
from appliance.model.resources import Blackhole, NexthopGroup, Route
from tests.daemon.sites import applied, planned, settled
from tests.daemon.working import BOTH, STATIC, Said, healths, over, rested, running, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard")


async def passes(heard: list[str], more: int) -> None:
    """So many passes are through from now on."""
    enough = len(heard) + more
    await until(lambda: len(heard) >= enough)


async def lose_every_sa(box: Box) -> None:
    """No tunnel has an SA any more, and the daemon has seen it: the group leads nowhere."""
    box.cloud.silent = True
    box.charon.fall("vpc-1")
    box.charon.fall("vpc-2")
    await until(lambda: over(box) == ("nowhere",))


def seen(box: Box, kind: type) -> list[Any]:
    return [resource for resource in asyncio.run(box.holds()) if isinstance(resource, kind)]


def test_a_tunnel_whose_sa_falls_hands_over_in_one_message(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        box.cloud.silent = True
        tried = len(box.kernel.tried)
        box.charon.fall("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))
        (group,) = (id for id, held in box.kernel._nexthops.items() if isinstance(held.resource, NexthopGroup))
        assert box.kernel.tried[tried:] == [f"change nexthop-group {group}"]

    assert over(box) == ("vpc-1",)
    said = running(box, scene)
    assert any("vpc: vpc-2 carries instead of vpc-1 (vpc-1: no child SA is installed)" in one for one in said)


def test_neither_a_plan_nor_an_apply_undoes_a_switch(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))
        assert (await planned(box)).changes == ()
        written = box.writes
        await applied(box)
        assert box.writes == written

    running(box, scene)
    assert asyncio.run(planned(box)).changes == ()


def test_a_new_daemon_goes_on_where_the_old_one_was(box: Box, heard: list[str]) -> None:
    asyncio.run(applied(box, STATIC))

    async def fall(said: Said) -> None:
        await rested(box)
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))

    async def wait(said: Said) -> None:
        await passes(heard, 1)
        assert over(box) == ("vpc-2",)

    running(box, fall)
    assert not any("carries instead" in one for one in running(box, wait))


def test_when_no_tunnel_has_an_sa_what_is_sent_is_dropped(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        await lose_every_sa(box)
        box.cloud.silent = False
        box.charon.call_again()
        await until(lambda: over(box) in (("vpc-1",), ("vpc-2",)))

    running(box, scene)


def test_silence_of_the_ike_daemon_moves_nothing(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        box.charon.running = False
        box.charon.fall("vpc-1")
        await until(lambda: healths(box) == {"unknown"})
        assert over(box) == ("vpc-1",)

    running(box, scene)


@pytest.mark.parametrize("kind", [Route, Blackhole, NexthopGroup])
def test_what_a_stranger_removes_is_back_at_once(box: Box, kind: type) -> None:
    asyncio.run(applied(box, STATIC))
    whole = asyncio.run(box.holds())
    stolen = next(one for one in whole if isinstance(one, kind))

    async def scene(said: Said) -> None:
        await rested(box)
        box.kernel.take_away(stolen)
        assert stolen not in await box.kernel.observe()
        while await box.holds() != whole:
            await asyncio.sleep(0.01)

    running(box, scene)


@pytest.mark.parametrize("deed", ["set_down", "delete_link"])
def test_a_link_that_a_stranger_takes_is_back_with_all_that_rested_on_it(box: Box, deed: str) -> None:
    asyncio.run(applied(box, STATIC))
    whole = asyncio.run(box.holds())

    async def scene(said: Said) -> None:
        await rested(box)
        getattr(box.kernel, deed)("vpc-1")
        while await box.holds() != whole:
            await asyncio.sleep(0.01)

    running(box, scene)


@pytest.mark.parametrize("gone", ["frr", "charon"])
def test_when_a_daemon_is_gone_the_rest_is_mended(box: Box, gone: str) -> None:
    asyncio.run(settled(box, BOTH))

    async def scene(said: Said) -> None:
        await rested(box)
        if gone == "frr":
            box.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
        else:
            box.charon.running = False
        box.kernel.take_away(Blackhole(ip_network("10.9.0.0/16"), 0xFF000000))
        while not any(getattr(one, "prefix", None) == ip_network("10.9.0.0/16") for one in await box.kernel.observe()):
            await asyncio.sleep(0.01)
        await until(lambda: any("does not answer" in one for one in said))

    running(box, scene)


def test_it_follows_an_intent_that_was_applied_beside_it(
    box: Box, monkeypatch: pytest.MonkeyPatch, heard: list[str]
) -> None:
    monkeypatch.setattr("appliance.daemon.waking.PULSE", 0.01)
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        await applied(box, STATIC.replace("mode: static\n", "mode: static\n    prefer: equal\n"))
        await until(lambda: set(over(box)) == {"vpc-1", "vpc-2"})
        await passes(heard, 1)
        assert set(over(box)) == {"vpc-1", "vpc-2"}

    running(box, scene)


def test_systemd_hears_of_the_first_pass_and_of_the_end(box: Box, heard: list[str]) -> None:
    async def scene(said: Said) -> None:
        await until(lambda: bool(heard))

    running(box, scene)
    assert heard[0].startswith("READY=1\nSTATUS=")
    assert heard[-1] == "STOPPING=1"


def test_silence_on_a_tunnel_moves_its_traffic_and_failback_waits(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SA stands, and nobody answers: the probes decide, and at once."""
    asyncio.run(applied(box, STATIC + "failback: {policy: revert, after: 1s}\n"))

    async def scene(said: Said) -> None:
        await until(lambda: len(box.prober.healths) == 2)
        box.prober.answers("vpc-1", "vpc-2")
        await rested(box)
        box.prober.falls_silent("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))
        assert len([sa for sa in await box.charon.sas() if sa.up]) == 2
        box.prober.answers("vpc-1")
        begun = asyncio.get_running_loop().time()
        await until(lambda: over(box) == ("vpc-1",))
        assert asyncio.get_running_loop().time() - begun > 0.9

    assert any("vpc-2 carries instead of vpc-1" in one for one in running(box, scene))
    assert not box.prober.running


def test_the_last_path_is_never_taken_away(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await until(lambda: len(box.prober.healths) == 2)
        box.prober.answers("vpc-1", "vpc-2")
        await rested(box)
        box.prober.falls_silent("vpc-1", "vpc-2")
        await until(lambda: "up" not in healths(box))
        assert over(box) in (("vpc-1",), ("vpc-2",))

    running(box, scene)


def test_a_restarted_daemon_knows_who_answered_before_it(box: Box, heard: list[str]) -> None:
    """A tunnel that is dead does not count as never asked: nobody goes back to it for that."""
    asyncio.run(applied(box, STATIC + "failback: {policy: revert, after: 0s}\n"))

    async def before(said: Said) -> None:
        await until(lambda: len(box.prober.healths) == 2)
        box.prober.answers("vpc-1", "vpc-2")
        await rested(box)
        box.prober.falls_silent("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))

    async def after(said: Said) -> None:
        await until(lambda: len(box.prober.healths) == 2)
        assert {health.target.tunnel: health.state for health in box.prober.healths.values()}["vpc-1"] == "lost"
        await until(lambda: heard[-1].startswith("READY=1"))  # after STOPPING=1 of the one before
        assert over(box) == ("vpc-2",)

    running(box, before)
    box.prober.healths = {}
    running(box, after)


def test_who_is_asked_follows_the_intent(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.daemon.waking.PULSE", 0.01)
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await until(
            lambda: {target.name for target in box.prober.healths} == {"icmp 169.254.23.5", "icmp 169.254.22.73"}
        )
        await applied(box, STATIC.replace("mode: static\n", "mode: static\n    probe: {targets: [{icmp: 10.0.0.9}]}\n"))
        await until(lambda: {target.name for target in box.prober.healths} == {"icmp 10.0.0.9"})
        assert {target.interface for target in box.prober.healths} == {"vpc-1", "vpc-2"}

    running(box, scene)


def test_without_the_privilege_to_ask_the_sas_alone_tell(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(applied(box, STATIC))

    def refuse() -> None:
        raise SystemLacks("asking over tunnels needs the privilege CAP_NET_RAW")

    monkeypatch.setattr(box.prober, "start", refuse)

    async def scene(said: Said) -> None:
        await rested(box)

    assert "asking over tunnels needs the privilege CAP_NET_RAW" in running(box, scene)


def test_that_nothing_can_carry_does_not_outlive_the_daemon(box: Box) -> None:
    asyncio.run(applied(box, STATIC))

    async def scene(said: Said) -> None:
        await rested(box)
        await lose_every_sa(box)
        assert (await planned(box)).changes == ()

    running(box, scene)
    asyncio.run(applied(box))
    assert over(box) == ("vpc-1",)


def test_a_tunnel_that_was_not_heard_of_yet_is_not_taken_for_dead(box: Box) -> None:
    """A new daemon may hear of SAs before it knows the tunnels: its first judgement must not empty the group."""
    asyncio.run(applied(box, STATIC))
    board = Switchboard(box.systems)

    async def begin() -> None:
        board.hear([])
        await converge_once(box.systems, board)
        await board.decide()

    asyncio.run(begin())
    assert over(box) == ("vpc-1",)
