"""What the embedded speaker heard, on a kernel of fakes: in which order the kernel is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.daemon.listening import RESTART_TIME, Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.wish import Wish
from appliance.model.bgp import Attributes, EndOfRib, Origin, Update
from appliance.model.change import Change, Outcome
from appliance.model.peering import BEHIND, CLOSED, OPEN, SHUT, BgpRouter
from appliance.model.resources import NexthopGroup, Route, XfrmLink
from appliance.rib.table import Rib
from tests.daemon.sites import HEAD, VPC_1, VPC_2, connection
from tests.fakes.box import Box

SITE = HEAD + connection("vpc", [VPC_1, VPC_2], "    speaker: exabgp\n")
PEERS = {"vpc-1": ip_address("169.254.23.5"), "vpc-2": ip_address("169.254.22.73")}
NETS = [ip_network(f"10.1.{number}.0/24") for number in range(20)]
HEARD = Attributes(Origin.IGP, (64512,), 1, 64512)
CHOOSING = "choosing"


def test_a_closed_path_leaves_the_groups_before_anything_is_chosen_anew(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choosing takes the longer the more was learned; the group is one message, and traffic waits for it."""
    seen: list[object] = []
    follow, apply = Rib.follow, box.kernel.apply

    def following(rib: Rib, router: BgpRouter) -> None:
        seen.append(CHOOSING)
        follow(rib, router)

    async def applying(changes: Sequence[Change]) -> Sequence[Outcome]:
        seen.extend(len(one.new.members) for one in changes if isinstance(one.new, NexthopGroup))
        return await apply(changes)

    monkeypatch.setattr(Rib, "follow", following)
    monkeypatch.setattr(box.kernel, "apply", applying)
    asyncio.run(_learn_and_close(box))
    assert seen == [CHOOSING, 2, 1, CHOOSING]


async def _learn_and_close(box: Box) -> None:
    """Both neighbours offer the same; then one of the two paths is to carry no more."""
    at = await Told.begin(box)
    at.offer("vpc-1", "vpc-2")
    await at.listening.settle()
    await at.hold(CLOSED)


class Told:
    """A daemon's ear on a kernel of fakes: ``hear`` is what ExaBGP says, ``ways`` where prefixes go."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.wish = Wish(parse_loaded(SITE, "site.yaml").intent, read_templates())
        self.up: list[frozenset[object]] = []
        self.listening = Listening(box.systems, lambda sentence: None, self._news)

    def _news(self, up: Iterable[object] | None, life: object) -> None:
        self.up.append(frozenset(up or ()))

    @classmethod
    async def begin(cls, box: Box) -> Told:
        names = enumerate(("vpc-1", "vpc-2"), 1)
        links = [XfrmLink(name, number, 1400, f"appliance:vpc/{name}") for number, name in names]
        await box.kernel.apply([Change(None, link) for link in links])
        at = cls(box)
        await at.listening.follow(at.wish)
        return at

    def offer(self, *tunnels: str, med: int | None = None) -> None:
        for peer in (PEERS[name] for name in tunnels):
            self.listening.rib.take(Update(peer, replace(HEARD, med=med), tuple((net, peer) for net in NETS)))

    async def hold(self, stance: str, tunnel: str = "vpc-1") -> None:
        await self.listening.follow(replace(self.wish, stances={} if stance == OPEN else {tunnel: stance}))

    async def say(self, tunnel: str, state: str) -> None:
        opened = '"neighbor": {"address": {"local": "169.254.1.1", "peer": "%s"}, "state": "%s"}'
        await self.listening.hear(f'{{"type": "state", {opened % (PEERS[tunnel], state)}}}'.encode())

    async def end_of_rib(self, tunnel: str) -> None:
        said = '"message": {"eor": {"afi": "ipv4", "safi": "unicast"}}'
        who = f'"address": {{"local": "169.254.1.1", "peer": "{PEERS[tunnel]}"}}'
        await self.listening.hear(f'{{"type": "update", "neighbor": {{{who}, {said}}}}}'.encode())

    async def ways(self) -> set[frozenset[str]]:
        """Over which links the prefixes go, each way once."""
        routes = await self.box.kernel.forwarding(["vpc-1", "vpc-2"])
        return {frozenset(via.link for via in route.vias) for route in routes if route.prefix in NETS}


BOTH, FIRST, SECOND = ({frozenset(names)} for names in (("vpc-1", "vpc-2"), ("vpc-1",), ("vpc-2",)))


@pytest.mark.parametrize("med", [None, 50])
def test_a_path_that_waits_behind_carries_nothing_not_even_for_a_moment(
    box: Box, monkeypatch: pytest.MonkeyPatch, med: int | None
) -> None:
    """``med``: of the first path, which others it goes before. Looked at after each message."""
    apply, seen = box.kernel.apply, list[frozenset[str]]()

    async def scene() -> None:
        at = await Told.begin(box)
        at.offer("vpc-1", med=med)
        at.offer("vpc-2", med=med and 100)
        await at.listening.settle()
        assert await at.ways() == (FIRST if med else BOTH)
        await at.hold(CLOSED)
        assert await at.ways() == SECOND

        async def applying(changes: Sequence[Change]) -> Sequence[Outcome]:
            done: list[Outcome] = []
            for change in changes:
                done += await apply([change])
                seen.extend(await at.ways())
            return done

        monkeypatch.setattr(box.kernel, "apply", applying)
        for stance in (BEHIND, CLOSED, SHUT, CLOSED, BEHIND):
            await at.hold(stance)
            await at.listening.mend()
            assert await at.ways() == SECOND, stance
        assert set(seen) <= SECOND
        await at.hold(OPEN)
        assert await at.ways() == (FIRST if med else BOTH)

    asyncio.run(scene())


def test_what_only_a_path_behind_brings_goes_over_it_and_not_over_a_closed_one(box: Box) -> None:
    async def scene() -> None:
        at = await Told.begin(box)
        at.offer("vpc-1", "vpc-2")
        await at.listening.follow(replace(at.wish, stances={"vpc-1": CLOSED, "vpc-2": BEHIND}))
        assert await at.ways() == SECOND

    asyncio.run(scene())


def test_a_session_that_is_to_be_ended_and_is_not_keeps_what_it_brought(box: Box) -> None:
    """The far end answers again before ExaBGP has read that its session is to go: for him nothing was said."""

    async def scene() -> None:
        at = await Told.begin(box)
        for name in PEERS:
            await at.say(name, "up")
        at.offer("vpc-1", "vpc-2")
        await at.hold(SHUT)
        assert await at.ways() == SECOND
        await at.hold(CLOSED)
        await at.say("vpc-2", "up")  # any news
        assert at.up[-1] == frozenset(PEERS.values())
        await at.hold(OPEN)
        assert await at.ways() == BOTH

    asyncio.run(scene())


def test_a_session_that_we_ended_leaves_nothing_that_it_does_not_say_again(box: Box) -> None:
    async def scene() -> None:
        at = await Told.begin(box)
        for name in PEERS:
            await at.say(name, "up")
        at.listening.rib.take(Update(PEERS["vpc-1"], HEARD, ((NETS[0], PEERS["vpc-1"]),)))
        at.offer("vpc-2")
        await at.hold(SHUT)
        await at.say("vpc-1", "down")
        assert [one.state for one in at.listening.counted_sessions()] == ["established", "idle"]
        await at.hold(OPEN)
        assert [one.state for one in at.listening.counted_sessions()] == ["established", "active"]
        assert await at.ways() == SECOND
        assert at.listening.rib.counts(PEERS["vpc-1"]) == (0, 0)

    asyncio.run(scene())


def test_a_session_that_becomes_another_keeps_what_it_brought_until_all_is_said_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other timers end both sessions, and begin both again: traffic goes on meanwhile."""
    monkeypatch.setattr("appliance.daemon.listening.monotonic", box.clock.monotonic)

    async def scene() -> None:
        at = await Told.begin(box)
        for name in PEERS:
            await at.say(name, "up")
        at.offer("vpc-1", "vpc-2")
        slower = SITE.replace("    speaker: exabgp\n", "    speaker: exabgp\n    bgp: {timers: [20, 60]}\n")
        at.wish = replace(at.wish, intent=parse_loaded(slower, "site.yaml").intent)
        await at.hold(OPEN)
        for name in PEERS:
            await at.say(name, "down")
        assert await at.ways() == BOTH
        at.offer("vpc-2")
        at.listening.rib.ended(EndOfRib(PEERS["vpc-2"], 4))
        box.clock.now += RESTART_TIME + 1
        await at.listening.settle()
        assert await at.ways() == SECOND

    asyncio.run(scene())


@pytest.mark.parametrize("all_speak", [True, False])
def test_the_next_daemon_keeps_a_way_until_its_neighbour_has_said_all_or_had_the_time(
    box: Box, monkeypatch: pytest.MonkeyPatch, all_speak: bool
) -> None:
    """The one that speaks first moves nothing; the other has nothing to say any more, or never speaks again."""
    monkeypatch.setattr("appliance.daemon.listening.monotonic", box.clock.monotonic)

    async def scene() -> None:
        before = await Told.begin(box)
        before.offer("vpc-1", "vpc-2")
        await before.listening.settle()
        at, writes = Told(box), box.kernel.writes
        await at.listening.follow(at.wish)
        await at.say("vpc-1", "up")
        at.offer("vpc-1")
        await at.end_of_rib("vpc-1")
        await at.listening.settle()
        await at.listening.mend()
        assert (await at.ways(), box.kernel.writes) == (BOTH, writes)
        if all_speak:
            await at.say("vpc-2", "up")
            await at.end_of_rib("vpc-2")
        else:
            box.clock.now += RESTART_TIME + 1
        await at.listening.settle()
        assert await at.ways() == FIRST

    asyncio.run(scene())


def test_choosing_for_many_prefixes_gives_others_their_turn_and_is_one_batch(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.daemon.listening.AT_ONCE", 3)
    apply, batches, turns = box.kernel.apply, list[int](), list[None]()

    async def applying(changes: Sequence[Change]) -> Sequence[Outcome]:
        batches.append(sum(isinstance(change.resource, Route) for change in changes))
        return await apply(changes)

    async def other() -> None:
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    async def scene() -> None:
        at = await Told.begin(box)
        monkeypatch.setattr(box.kernel, "apply", applying)
        at.offer("vpc-1", "vpc-2")
        beside = asyncio.create_task(other())
        await at.listening.settle()
        beside.cancel()

    asyncio.run(scene())
    assert (batches, len(turns) >= len(NETS) // 3) == ([len(NETS)], True)


def test_whoever_asks_last_has_the_last_word(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that looked before a switch, and the switch, at the same time."""
    apply, slow = box.kernel.apply, asyncio.Event()

    async def applying(changes: Sequence[Change]) -> Sequence[Outcome]:
        await slow.wait()
        return await apply(changes)

    async def scene() -> None:
        at = await Told.begin(box)
        at.offer("vpc-1", "vpc-2")
        await at.hold(CLOSED)
        monkeypatch.setattr(box.kernel, "apply", applying)
        both = asyncio.gather(at.hold(OPEN), at.hold(CLOSED))
        await asyncio.sleep(0)
        slow.set()
        await both
        assert await at.ways() == SECOND

    asyncio.run(scene())
