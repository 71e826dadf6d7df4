"""What the embedded BGP speaker hears, on its way into the kernel: taken into the RIB, chosen from, and written in
batches on nexthop groups that all prefixes with the same ways out share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from time import monotonic

from appliance.announce.lines import parse_line
from appliance.announce.render import told
from appliance.announce.sessions import Sessions
from appliance.daemon.wiring import Systems
from appliance.design.peering import compose_router, speaker_configs
from appliance.design.ways import learned_ways
from appliance.design.wish import Wish
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import (
    Answered,
    EndOfRib,
    Message,
    Notified,
    Opened,
    StateChange,
    Unreadable,
    Update,
)
from appliance.model.change import Change
from appliance.model.peering import RANKS, SHUT, BgpRouter, Neighbor
from appliance.model.session import BgpSession
from appliance.rib.forwarding import Ledger
from appliance.rib.selection import NOTHING
from appliance.rib.table import Rib

RESTART_TIME = 120.0
"""Seconds for which what was learned is kept over an end of the speaker, or of this daemon."""
HANDING = 60.0
"""Seconds for which what was learned is kept when FRR takes a connection over: its own routes go before these."""
LOOK_EVERY = 30.0
"""Seconds between two comparisons with the kernel, where there are many prefixes."""
MANY = 2000
AT_ONCE = 1000
"""Prefixes that are chosen for until others get their turn: some 10 ms."""

Log = Callable[[str], None]
Tell = Callable[[Iterable[IPAddress] | None, object], None]
"""Told which neighbours have a session, None while there is no speaker, and what is another after each start of it."""


class Listening:
    """What the speaker learned, and what stands in the kernel for it. Its lock is held while the kernel is told."""

    def __init__(self, systems: Systems, log: Log, tell: Tell = lambda up, life: None) -> None:
        self.sessions = Sessions()
        self.rib = Rib()
        self._systems = systems
        self._log = log
        self._tell_sessions = tell
        self._life = 0
        self.answers = 0
        self._ledger = Ledger()
        self.on_change: Callable[[], None] = lambda: None
        self._newest: tuple[Wish, BgpRouter | None]
        self._following = asyncio.Lock()
        self._telling = asyncio.Lock()
        self._told: dict[IPAddress, int] = {}
        self._until: dict[IPAddress, float] = {}
        self._inherited: float | None = None
        self._heirs_changed = False
        self._handing: float | None = None
        self._router: BgpRouter | None = None
        self._looked_at: float | None = None

    @property
    def wanted(self) -> bool:
        """Whether any connection is to be spoken for."""
        return self._router is not None

    async def follow(self, wish: Wish) -> None:
        """The intent in force is this one now, with the verdicts of this moment. Which ways carry is told at once, for
        the rest takes time where much is known; one after the other, and whoever asked last has the last word."""
        router = compose_router(wish, "exabgp")
        if router is self._router is None and self._looked_at is not None:
            return
        self._newest = wish, router
        self._ledger.follow(learned_ways(wish, "exabgp", "frr"))
        ranks = {one.tunnel: RANKS[one.stance] for one in (router.neighbors if router else ())}
        await self._tell(self._ledger.gate(ranks), only=True)
        async with self._following:
            await self._follow(*self._newest)

    async def _follow(self, wish: Wish, router: BgpRouter | None) -> None:
        neighbors = router.neighbors if router is not None else ()
        if router != self._router:
            self._hand_back(wish, neighbors)
            self._router = router
            self._told = {one.address: len(told(one, router)) for one in neighbors} if router else {}
            held = router or BgpRouter(0, wish.intent.site.router_id or _NOBODY, (), ())
            for address in self.sessions.follow(held):  # another session brings the same again
                self.rib.stall(address)
                self._until[address] = monotonic() + RESTART_TIME
            self.rib.follow(held)
            await self._inherit()
        elif self._looked_at is None:
            await self._inherit()
        await self.settle()
        await self._mend_now_and_then()

    async def hold(self, wish: Wish) -> tuple[str, ...]:
        """Hold the sessions by the verdicts: what comes over them at once, then what they are told. What failed."""
        await self.follow(wish)
        wanted = next(iter(await asyncio.to_thread(speaker_configs, wish)), None)
        standing = await self._systems.exabgp.observe()
        changes = [Change(old, wanted) for old in standing if wanted is not None and old != wanted]
        outcomes = await self._systems.exabgp.lay(changes)
        if changes:
            self.on_change()
        return tuple(one.error for one in outcomes if one.error is not None)

    async def hear(self, line: bytes) -> None:
        """Take in one line. What ends a session is told to the kernel at once; the rest at :meth:`settle`."""
        for message in parse_line(line):
            await self._take(message)

    async def settle(self) -> None:
        """Tell the kernel what changed since the last time."""
        self._sweep_overdue()
        self._choose()
        while not self.rib.settled:  # a verdict waits for no table
            await asyncio.sleep(0)
            self._choose()
        if self._heirs_changed and self._handing is None:
            self._want(self._ledger.prefixes)
        self._heirs_changed = False
        await self._tell(())
        events, self.rib.events = self.rib.events, []
        for event in events:
            self._log(event)

    def _choose(self) -> None:
        changed = self.rib.settle(AT_ONCE)
        if self._handing is not None:
            changed = {prefix: choice for prefix, choice in changed.items() if choice.paths}
        self._want(changed)

    def _want(self, prefixes: Iterable[IPNetwork]) -> None:
        """These go as they are chosen; and where a daemon before us had them go, over neighbours who have not yet said
        all that they have."""
        silent = {one.tunnel for one in self.sessions.neighbors if one.address in self._until}
        wanted = {prefix: self.rib.choices.get(prefix, NOTHING).tunnels for prefix in prefixes}
        if self._inherited is not None:
            wanted = {prefix: ways | (self._ledger.over(prefix) & silent) for prefix, ways in wanted.items()}
        self._ledger.want(wanted)

    def counted_sessions(self) -> tuple[BgpSession, ...]:
        """Every session, with how much came and was taken, and how much was told."""
        return tuple(self._counted(session) for session in self.sessions.all())

    def _counted(self, session: BgpSession) -> BgpSession:
        received, accepted = self.rib.counts(session.address)
        told = self._told.get(session.address, 0) if session.up else 0
        return replace(session, received=received, accepted=accepted, advertised=told)

    def due(self) -> float | None:
        """When something kept from before is to go (monotonic)."""
        moments = [*self._until.values(), *(one for one in (self._inherited, self._handing) if one is not None)]
        return min(moments, default=None)

    async def speaker_ended(self) -> None:
        """ExaBGP is gone, or the connection to it: what it brought is kept for the restart time."""
        self.sessions.ended()
        self._life += 1
        self._tell_sessions(None, self._life)
        for neighbor in self.sessions.neighbors:
            self.rib.stall(neighbor.address)
            self._until.setdefault(neighbor.address, monotonic() + RESTART_TIME)

    async def mend(self) -> None:
        """Compare with what stands in the kernel, and put back what somebody took."""
        async with self._telling:
            self._ledger.adopt(await self._systems.kernel.learned())
        if self._inherited is self._handing is None:
            self._ledger.sweep(self.rib.choices)
        self._want(self.rib.choices)
        await self._tell(self._ledger.repair())

    # Inside

    async def _take(self, message: Message) -> None:
        if isinstance(message, Update):
            self.rib.take(message)
        elif isinstance(message, EndOfRib):
            self.rib.ended(message)
            self._until.pop(message.neighbor, None)
            self._heirs_changed = self._inherited is not None
            self._disinherit()
        elif isinstance(message, StateChange):
            await self._change_state(message)
        elif isinstance(message, Opened):
            self.rib.opened(message)
            self._say(message.neighbor, self.sessions.opened(message))
        elif isinstance(message, Notified):
            self._say(message.neighbor, self.sessions.notified(message))
        elif isinstance(message, Unreadable):
            self._log(message.why)
        elif isinstance(message, Answered):
            self.answers += 1
            self.on_change()
            if not message.done:
                self._log("ExaBGP refused a command")

    async def _change_state(self, message: StateChange) -> None:
        lost = self.sessions.changed(message, _now())
        self._tell_sessions(self.sessions.up, self._life)
        neighbor = self.sessions.neighbor(message.neighbor)
        if neighbor is None:
            return
        if message.state == "up":
            self._log(f"{neighbor.tunnel}: BGP with {neighbor.address} is established")
        if not lost:
            return
        self._log(f"{neighbor.tunnel}: BGP with {neighbor.address} is lost ({message.reason or 'no reason given'})")
        patience = 0 if neighbor.stance == SHUT else self.sessions.restarts_gracefully(neighbor.address)
        if patience:
            self.rib.stall(neighbor.address)
            self._until[neighbor.address] = monotonic() + patience
            return
        self._until.pop(neighbor.address, None)
        await self._tell(self._ledger.fail(neighbor.tunnel, neighbor.address.version), only=True)
        self.rib.lost(neighbor.address)

    def _say(self, address: IPAddress, sentence: str | None) -> None:
        neighbor = self.sessions.neighbor(address)
        if sentence and neighbor is not None:
            self._log(f"{neighbor.tunnel}: BGP with {address}: {sentence}")

    def _sweep_overdue(self) -> None:
        now = monotonic()
        for address in [address for address, until in self._until.items() if until <= now]:
            del self._until[address]
            self.rib.sweep(address)
        if any(one is not None and one <= now for one in (self._inherited, self._handing)):
            self._heirs_changed = self._inherited is not None
            self._inherited = self._handing = None
            self._ledger.sweep(self.rib.choices)

    def _disinherit(self) -> None:
        """Once every neighbour has told all it has, what only the kernel knew of is of no use."""
        if self._inherited is not None and not self._until:
            self._inherited = monotonic()

    async def _inherit(self) -> None:
        """Routes from a daemon or a speaker before us stay until the neighbours have told all, or the restart time is
        over."""
        self._ledger.adopt(await self._systems.kernel.learned())
        self._looked_at = monotonic()
        if self._ledger.prefixes - self.rib.choices.keys() and self._handing is None:
            self._inherited = monotonic() + (RESTART_TIME if self.wanted else 0.0)
            waiting = (one.address for one in self.sessions.neighbors if one.address not in self.sessions.up)
            self._until |= dict.fromkeys(waiting, self._inherited)

    def _hand_back(self, wish: Wish, neighbors: Iterable[Neighbor]) -> None:
        """Keep what was learned over tunnels that FRR speaks for from now on, until it has learned it too."""
        others = compose_router(wish)
        theirs = {one.address for one in others.neighbors} if others is not None else set()
        if theirs & {one.address for one in self.sessions.neighbors} - {one.address for one in neighbors}:
            self._handing = monotonic() + HANDING

    async def _mend_now_and_then(self) -> None:
        assert self._looked_at is not None
        if len(self.rib.choices) <= MANY or monotonic() - self._looked_at > LOOK_EVERY:
            self._looked_at = monotonic()
            await self.mend()

    async def _tell(self, first: tuple[Change, ...], *, only: bool = False) -> None:
        """Tell the kernel: ``first`` at once, then all that is collected, unless it is ``only`` this."""
        async with self._telling:
            changes = first if only else (*first, *self._ledger.changes())
            if changes:
                failures = self._ledger.record(await self._systems.kernel.apply(changes))
                for failure in failures[:1]:
                    self._log(failure + (f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""))


_NOBODY = IPv4Address("0.0.0.0")


def _now() -> datetime:
    return datetime.now(UTC)
