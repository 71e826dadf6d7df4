"""What still leaves by a tunnel that was given up goes by a living one, whatever FRR is at."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from appliance.daemon.loop import converge_once, keep_converged
from appliance.daemon.switching import Switchboard
from appliance.model.change import Change
from appliance.model.fault import SystemLacks
from appliance.model.operation import Drain, Operations
from appliance.model.peering import BEHIND, CLOSED
from appliance.model.resources import Detour
from tests.daemon.sites import ONE, applied, planned
from tests.daemon.test_gate import PEERS, WITH_FALLBACK, Watched, watched
from tests.daemon.working import until
from tests.fakes.box import Box
from tests.fakes.frr import FarEnd

EXABGP = ONE.replace("mode: bgp\n", "mode: bgp\n    speaker: exabgp\n")


@pytest.fixture(autouse=True)
def virtual(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes when a test says so."""
    for module in ("appliance.daemon.switching", "appliance.daemon.sensing", "tests.fakes.prober"):
        monkeypatch.setattr(f"{module}.monotonic", box.clock.monotonic)


def test_before_frr_was_told_anything_what_leaves_by_a_silent_path_leaves_by_the_other(box: Box) -> None:
    async def scene(one: Watched) -> None:
        assert box.kernel.detours == {}
        box.prober.falls_silent("vpc-1")
        one.said += await one.board.decide()
        assert await one.ways() == {"vpc-1", "vpc-2"}
        assert box.kernel.detours == {"vpc-1": "vpc-2"}

    watched(box, scene)


def test_while_frr_is_gone_a_silent_path_is_left_all_the_same(box: Box) -> None:
    async def scene(one: Watched) -> None:
        box.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
        box.prober.falls_silent("vpc-1")
        for _ in range(3):
            box.clock.now += 1
            one.board.hear_peers("frr", None, None)
            await one.board.decide()
            assert box.kernel.detours == {"vpc-1": "vpc-2"}
        box.frr.lacking = ()

    watched(box, scene)


def test_it_ends_with_the_first_answers_and_no_pass_brings_it_back(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        box.prober.answers("vpc-1")
        await one.round(5)
        assert one.board.stances == {"vpc-1": BEHIND}
        assert box.kernel.detours == {}
        assert await converge_once(box.systems, one.board) == 0
        assert box.kernel.detours == {}

    watched(box, scene)


def test_when_the_last_path_falls_silent_too_nothing_is_led_astray(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        await one.loses("vpc-2")
        for _ in range(30):
            await one.round(1)
            assert len(box.kernel.detours) < 2
        box.prober.answers("vpc-1")
        await one.round(5)
        assert one.board.carrying["vpc"] == ("vpc-1",)
        assert box.kernel.detours == {"vpc-2": "vpc-1"}

    watched(box, scene)


def test_a_link_that_a_stranger_set_down_carries_nothing_before_its_session_is_back(box: Box) -> None:
    """When the link is up again zebra takes its nexthop back, whatever bgpd knows (FRR 10.2 to 10.5): the tunnel, which
    answers, would get what its far end may take for strange."""

    async def scene(one: Watched) -> None:
        box.kernel.set_down("vpc-1")
        await one.round()
        assert await one.sessions() == {"vpc-2"}
        box.far = {PEERS["vpc-1"]: FarEnd(64999, 65010)}  # BGP does not come back
        assert await converge_once(box.systems, one.board) > 0
        await one.round(1)
        assert box.kernel.links["vpc-1"].up
        assert await one.sessions() == {"vpc-2"}
        assert one.board.carrying["vpc"] == ("vpc-2",)
        assert box.kernel.detours == {"vpc-1": "vpc-2"}
        box.far = {}
        await one.round(1)
        assert await one.sessions() == {"vpc-1", "vpc-2"}
        assert box.kernel.detours == {}

    watched(box, scene)


def test_a_pass_puts_back_what_a_stranger_took_and_takes_what_nobody_wants(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        (standing,) = [found for found in await box.kernel.observe() if isinstance(found, Detour)]
        box.kernel.take_away(standing)
        assert await converge_once(box.systems, one.board) == 1
        assert box.kernel.detours == {"vpc-1": "vpc-2"}
        box.prober.answers("vpc-1")
        await one.round(5)
        await box.kernel.apply([Change(None, standing)])
        assert await converge_once(box.systems, one.board) == 1
        assert box.kernel.detours == {}

    watched(box, scene)


def test_a_daemon_that_was_killed_leaves_it_to_the_next_one(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        next_one = Switchboard(box.systems, box.prober)
        written = box.kernel.writes
        assert await converge_once(box.systems, next_one) == 0
        assert await next_one.decide() == ()
        assert box.kernel.writes == written
        assert box.kernel.detours == {"vpc-1": "vpc-2"}
        box.prober.answers("vpc-1")
        box.clock.now += 5
        await next_one.decide()
        assert box.kernel.detours == {}

    watched(box, scene)


def test_where_nobody_watches_any_more_none_stays(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        assert (await planned(box)).changes  # no daemon is alive that could end it
        await one.board.leave()
        assert box.kernel.detours == {}

    watched(box, scene)


def test_an_apply_without_a_daemon_takes_away_what_a_killed_one_left(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        await applied(box)
        assert box.kernel.detours == {}

    watched(box, scene)


def test_while_a_daemon_lives_neither_plan_nor_apply_has_anything_to_do(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        with box.store.daemon(datetime.now(UTC)):
            assert (await planned(box)).changes == ()
            written = box.writes
            await applied(box)
            assert box.writes == written

    watched(box, scene)


def test_a_drained_tunnel_is_left_the_same_way(box: Box) -> None:
    async def scene(one: Watched) -> None:
        box.store.save_operations(Operations({"vpc-1": Drain(datetime.now(UTC))}))
        await one.round()
        assert box.kernel.detours == {"vpc-1": "vpc-2"}
        box.store.save_operations(Operations())
        await one.round()
        assert box.kernel.detours == {}

    watched(box, scene)


def test_what_the_embedded_speaker_learned_needs_none(box: Box) -> None:
    async def scene(one: Watched) -> None:
        box.prober.falls_silent("vpc-1")
        await one.board.decide()
        assert one.board.stances == {"vpc-1": CLOSED}
        assert box.kernel.detours == {}

    watched(box, scene, EXABGP)


def test_a_kernel_that_cannot_is_told_of_once_and_everything_else_goes_on(box: Box) -> None:
    box.kernel.redirects = False

    async def scene(one: Watched) -> None:
        for _ in range(2):
            await one.loses("vpc-1")
            assert await one.ways() == {"vpc-2"}
            assert box.kernel.detours == {}
            assert await converge_once(box.systems, one.board) == 0
            box.prober.answers("vpc-1")
            await one.round(5)
            await one.round(600)

    said = watched(box, scene).said
    assert len([sentence for sentence in said if "act_mirred" in sentence]) == 1


def test_beside_a_fallback_what_bgp_brought_is_led_the_same_way(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        assert box.kernel.detours == {"vpc-1": "vpc-2"}

    watched(box, scene, WITH_FALLBACK)


def test_the_daemon_ends_them_when_it_is_told_to_stop(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    stop = asyncio.Event()

    async def play() -> None:
        async with asyncio.timeout(20):
            running = asyncio.create_task(keep_converged(box.systems, lambda _: None, stop))
            await until(lambda: len(box.prober.healths) == 2)
            box.prober.answers("vpc-1", "vpc-2")
            box.prober.falls_silent("vpc-1")
            await until(lambda: box.kernel.detours == {"vpc-1": "vpc-2"})
            stop.set()
            await running
        assert box.kernel.detours == {}

    asyncio.run(play())


def test_what_it_takes_is_loaded_once_before_anything_falls_silent(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.board.rehearse()
        await one.board.rehearse()
        assert box.kernel.rehearsed == 1
        assert box.kernel.detours == {}

    watched(box, scene)


def test_nothing_is_loaded_where_no_detour_will_be(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.board.rehearse()
        assert box.kernel.rehearsed == 0

    watched(box, scene, EXABGP)
