"""BGP mode: a dead path leaves the kernel by policy, and its session stands until it was silent for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address, ip_network

import pytest

from appliance.announce.render import GRACEFUL_SHUTDOWN
from appliance.daemon.asking import keep_asked
from appliance.daemon.bridging import Bridge
from appliance.daemon.loop import converge_once, keep_converged
from appliance.daemon.switching import Switchboard
from appliance.daemon.waking import Bell
from appliance.model.change import Change
from appliance.model.fault import SystemLacks
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, Via
from appliance.model.operation import Drain, Operations
from appliance.model.peering import BEHIND, CLOSED, SHUT
from appliance.model.resources import ExabgpConfig
from tests.daemon.sites import ONE, applied, planned
from tests.fakes.box import Box
from tests.fakes.kernel import FakeKernel

PEERS = {"vpc-1": ip_address("169.254.23.5"), "vpc-2": ip_address("169.254.22.73")}
WITH_FALLBACK = ONE.replace("peer-asn: 64512\n", "peer-asn: 64512\n    networks: [10.0.0.0/8]\n    fallback: static\n")


@pytest.fixture(autouse=True)
def virtual(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes when a test says so."""
    for module in ("daemon.switching", "daemon.sensing", "daemon.asking"):
        monkeypatch.setattr(f"appliance.{module}.monotonic", box.clock.monotonic)
    for module in ("tests.fakes.prober",):
        monkeypatch.setattr(f"{module}.monotonic", box.clock.monotonic)


class Watched:
    """A machine with its switchboard, as the daemon drives it: what happens, then one round."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.board = Switchboard(box.systems, box.prober)
        self.said: list[str] = []

    async def begin(self) -> None:
        await converge_once(self.box.systems, self.board)
        await self.round()
        self.box.prober.answers("vpc-1", "vpc-2")
        await self.round()

    async def round(self, later: float = 0.0) -> None:
        self.box.clock.now += later
        self.board.hear(await self.box.charon.sas())
        try:
            standing = await self.box.frr.standing()
            self.board.hear_peers("frr", standing.established, standing.life)
        except SystemLacks:
            self.board.hear_peers("frr", None, None)
        self.said += await self.board.decide()
        self.said += await self.board.hold()

    async def loses(self, tunnel: str) -> None:
        """Nobody answers over it any more, and that is seen."""
        self.box.prober.falls_silent(tunnel)
        await self.round()

    async def ways(self) -> set[str]:
        """The links by which packets to what BGP brings leave."""
        routes = await self.box.kernel.forwarding(["vpc-1", "vpc-2"])
        return {via.link for route in routes if route.prefix == ip_network("10.0.0.0/16") for via in route.vias}

    async def sessions(self) -> set[str]:
        up = {session.address for session in await self.box.frr.sessions() if session.up}
        return {tunnel for tunnel, peer in PEERS.items() if peer in up}


def watched(box: Box, scene: Callable[[Watched], Awaitable[None]], intent: str = ONE) -> Watched:
    asyncio.run(applied(box, intent))

    async def play() -> Watched:
        one = Watched(box)
        await one.begin()
        await scene(one)
        return one

    return asyncio.run(play())


def test_a_silent_path_leaves_the_kernel_and_keeps_its_session(box: Box) -> None:
    async def scene(one: Watched) -> None:
        assert await one.ways() == {"vpc-1", "vpc-2"}
        tried = {door: len(door.tried) for door in box.refusers}
        await one.loses("vpc-1")
        assert await one.ways() == {"vpc-2"}
        assert await one.sessions() == {"vpc-1", "vpc-2"}
        since = {type(door).__name__: door.tried[before:] for door, before in tried.items() if door.tried[before:]}
        assert list(since) == ["BoxKernel", "BoxFrr"]
        assert since["BoxKernel"] == ["add detour vpc-1"]
        assert len(since["BoxFrr"]) == 1

    said = watched(box, scene).said
    assert any("vpc: vpc-2 carries instead of vpc-1 and vpc-2 (vpc-1: no answer" in one for one in said)


def test_neither_a_pass_nor_a_plan_nor_an_apply_opens_what_is_closed(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        with box.store.daemon(datetime.now(UTC)):
            assert (await planned(box)).changes == ()
            written = box.writes
            await applied(box)
            assert await converge_once(box.systems, one.board) == 0
            assert box.writes == written

    watched(box, scene)


def test_without_a_daemon_that_could_open_it_again_an_apply_does(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        await applied(box)
        assert await one.ways() == {"vpc-1", "vpc-2"}

    watched(box, scene)


def test_a_restarted_frr_is_told_with_the_gate_closed(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        box.frr.restart()
        assert await one.sessions() == set()
        await converge_once(box.systems, one.board)
        assert await one.sessions() == {"vpc-1", "vpc-2"}
        assert await one.ways() == {"vpc-2"}

    watched(box, scene)


def test_a_path_waits_behind_until_it_was_good_for_long_enough(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        assert one.board.stances == {"vpc-1": CLOSED}
        box.prober.answers("vpc-1")
        await one.round(5)
        assert one.board.stances == {"vpc-1": BEHIND}
        assert await one.ways() == {"vpc-2"}
        await one.round(61)
        assert one.board.stances == {}
        assert await one.ways() == {"vpc-1", "vpc-2"}

    watched(box, scene)


def test_the_last_path_is_never_closed(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        box.prober.falls_silent("vpc-2")
        for _ in range(30):
            await one.round(1)
            assert await one.ways()
        assert await one.sessions() == {"vpc-1", "vpc-2"}

    watched(box, scene)


def test_a_session_is_ended_after_long_silence_and_begun_again_with_the_first_answers(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        await one.round(11)
        assert one.board.stances == {"vpc-1": SHUT}
        assert await one.sessions() == {"vpc-2"}
        box.prober.answers("vpc-1")
        await one.round(1)
        assert await one.sessions() == {"vpc-1", "vpc-2"}

    assert any("its BGP session is ended" in one for one in watched(box, scene).said)


def test_a_session_that_falls_takes_its_path_and_silence_of_frr_takes_none(box: Box) -> None:
    async def scene(one: Watched) -> None:
        box.charon.fall("vpc-1")  # with the packets of its session
        await one.loses("vpc-1")
        assert one.board.verdicts["vpc"].carrying == ("vpc-2",)
        box.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
        await asyncio.gather(one.round(), return_exceptions=True)
        assert one.board.verdicts["vpc"].carrying == ("vpc-2",)
        box.frr.lacking = ()

    watched(box, scene)


def test_a_drained_tunnel_is_closed_and_keeps_its_session_until_it_is_taken_back(box: Box) -> None:
    noon = datetime.now(UTC)

    async def scene(one: Watched) -> None:
        box.store.save_operations(Operations({"vpc-1": Drain(noon)}))
        await one.round()
        assert one.board.verdicts["vpc"].paths["vpc-1"].state == "drained"
        assert (await one.ways(), await one.sessions()) == ({"vpc-2"}, {"vpc-1", "vpc-2"})
        box.store.save_operations(Operations())
        await one.round()
        assert await one.ways() == {"vpc-1", "vpc-2"}
        box.store.save_operations(Operations({"vpc-1": Drain(noon, noon - timedelta(seconds=1))}))
        await one.round()
        assert await one.ways() == {"vpc-1", "vpc-2"}

    watched(box, scene)


def test_a_new_daemon_keeps_a_gate_closed(box: Box) -> None:
    async def scene(one: Watched) -> None:
        await one.loses("vpc-1")
        other = Watched(box)
        other.board = Switchboard(box.systems, box.prober)
        await converge_once(box.systems, other.board)
        await other.round()
        assert other.board.stances == {"vpc-1": CLOSED}
        assert await other.ways() == {"vpc-2"}

    watched(box, scene)


def test_in_order_one_carries_and_the_other_is_ready_behind_it(box: Box) -> None:
    async def scene(one: Watched) -> None:
        assert one.board.stances == {"vpc-2": BEHIND}
        assert await one.ways() == {"vpc-1"}
        await one.loses("vpc-1")
        assert await one.ways() == {"vpc-2"}

    watched(box, scene, ONE.replace("mode: bgp\n", "mode: bgp\n    prefer: ordered\n"))


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_with_a_fallback_living_tunnels_carry_when_bgp_brings_nothing(box: Box, speaker: str) -> None:
    async def scene(one: Watched) -> None:
        routes = await box.kernel.forwarding(["vpc-1", "vpc-2"])
        ours = [route for route in routes if route.prefix == ip_network("10.0.0.0/8")]
        assert {via.link for route in ours for via in route.vias} == {"vpc-1", "vpc-2"}
        assert ours[0].metric > 0xFA000000
        box.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
        box.prober.falls_silent("vpc-1")
        one.board.hear_peers(speaker, None, None)
        await one.board.decide()
        routes = await box.kernel.forwarding(["vpc-1", "vpc-2"])
        [route] = [route for route in routes if route.prefix.network_address == ip_address("10.0.0.0")]
        assert (str(route.prefix), {via.link for via in route.vias}) == ("10.0.0.0/8", {"vpc-2"})
        box.frr.lacking = ()

    watched(box, scene, WITH_FALLBACK.replace("mode: bgp\n", f"mode: bgp\n    speaker: {speaker}\n"))


def test_a_pass_tells_the_embedded_speaker_how_sessions_are_held_by_now(box: Box) -> None:
    """What the pass itself composed is of before the switch."""

    async def scene(one: Watched) -> None:
        [before] = [found for found in await box.systems.exabgp.observe() if isinstance(found, ExabgpConfig)]
        await one.loses("vpc-1")
        assert one.board.stances == {"vpc-1": CLOSED}
        [change] = await one.board.settle([Change(None, before)])
        assert isinstance(change.new, ExabgpConfig)
        assert (before.text.count(GRACEFUL_SHUTDOWN), change.new.text.count(GRACEFUL_SHUTDOWN)) == (0, 1)

    watched(box, scene, ONE.replace("mode: bgp\n", "mode: bgp\n    speaker: exabgp\n"))


def test_a_bridge_holds_what_stood_in_the_kernel_or_else_what_living_sessions_had_brought() -> None:
    first, second, third = (ip_network(f"10.{i}.0.0/16") for i in range(3))
    route = ForwardingRoute(first, BGP_PROTOCOL, 20, (Via("vpc-1"), Via("eth0")))
    bridge = Bridge()
    bridge.begin([route], {"vpc-1": "vpc", "lab-1": "lab"}, {"vpc": (second,), "lab": (third,)})
    assert bridge.spans == {"vpc": (first,), "lab": (third,)}
    assert bridge.follow(["vpc"], 100.0) is False
    assert bridge.follow(["vpc"], 110.0) is True
    assert bridge.spans == {"lab": (third,)}
    assert bridge.follow([], 219.9) is False
    assert bridge.follow([], 220.0) is True
    assert bridge.spans == {}


@pytest.mark.parametrize("taken", [False, True])
def test_what_frr_had_brought_is_carried_over_its_death(box: Box, taken: bool) -> None:
    async def scene(one: Watched) -> None:
        bell = Bell()
        one.board.bridge.follow((), box.clock.now)

        async def ask() -> None:
            stop = asyncio.Event()
            asking = asyncio.create_task(keep_asked(box.systems, one.board, Bell(), bell, Bell(), stop))
            await asyncio.sleep(0)
            stop.set()
            await asking

        await box.kernel.forwarding(["vpc-1"])  # zebra has put the routes there
        if taken:
            box.kernel.withdraw(BGP_PROTOCOL)
        box.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
        box.kernel.forwarding = partial(FakeKernel.forwarding, box.kernel)  # type: ignore[method-assign]
        await ask()
        assert bell.rung
        with contextlib.suppress(SystemLacks):
            await converge_once(box.systems, one.board)
        box.kernel.withdraw(BGP_PROTOCOL)
        assert await one.ways() == {"vpc-1", "vpc-2"}
        box.frr.lacking = ()
        box.frr.restart()
        await converge_once(box.systems, one.board)
        await ask()
        assert await one.ways() == {"vpc-1", "vpc-2"}
        box.clock.now += 11
        await ask()
        await converge_once(box.systems, one.board)
        assert await one.ways() == set()
        await box.settle()
        assert await one.ways() == {"vpc-1", "vpc-2"}

    watched(box, scene)


def test_the_daemon_does_all_this_by_itself(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a probe's news to a closed gate, with no timer in between."""
    for name in ("appliance.daemon.loop.EVERY", "appliance.daemon.loop.AT_LEAST_EVERY", "appliance.daemon.tending.EASY",
                 "appliance.daemon.tending.UNEASY", "appliance.daemon.asking.ASKING"):  # fmt: skip
        monkeypatch.setattr(name, 600.0)
    monkeypatch.setattr("appliance.daemon.loop.SPACING", 0.01)
    asyncio.run(applied(box, ONE))

    async def scene() -> None:
        stop = asyncio.Event()
        daemon = asyncio.create_task(keep_converged(box.systems, lambda _: None, stop))
        one = Watched(box)
        async with asyncio.timeout(20):
            while len(box.prober.healths) < 2:
                await asyncio.sleep(0.002)
            box.prober.answers("vpc-1", "vpc-2")
            box.prober.falls_silent("vpc-1")
            while await one.ways() != {"vpc-2"}:
                await asyncio.sleep(0.002)
            assert await one.sessions() == {"vpc-1", "vpc-2"}
        stop.set()
        await daemon

    asyncio.run(scene())
