"""The tables between what neighbours say and what is used: adj-rib-in per neighbour, and the choice per prefix.

Work is done per changed prefix: what is taken in marks prefixes, and :meth:`Rib.settle` chooses for those anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes, EndOfRib, Opened, Update
from appliance.model.peering import OPEN, BgpRouter
from appliance.model.session import FilteredPath, LearnedPath
from appliance.rib.policy import DENY_ANY, Inbound
from appliance.rib.selection import (
    NOTHING,
    Candidate,
    Choice,
    Held,
    Rules,
    choose,
    choose_held,
)
from appliance.rib.side import Offer, Side, candidate_of, grounds, held_as, source_of

WARN_AT = 0.8
"""Of the maximum of prefixes: the share at which it is said that the end is near."""


class Rib:
    """Everything that was learned. ``events`` grows by a sentence for each thing an operator should know."""

    def __init__(self, rules: Rules = Rules()) -> None:  # noqa: B008
        self.events: list[str] = []
        self._rules = rules
        self._sides: dict[IPAddress, Side] = {}
        self._held: dict[object, Held] = {}
        self._accepted: dict[IPNetwork, dict[object, Candidate]] = {}
        self._choices: dict[IPNetwork, Choice] = {}
        self._dirty: dict[IPNetwork, None] = {}

    # What is to be held

    def follow(self, router: BgpRouter) -> None:
        """The neighbours and their policies are these now. What was received is judged anew, and nothing is asked for
        again; what came from a neighbour that left is forgotten."""
        wanted = {neighbor.address: neighbor for neighbor in router.neighbors}
        for address in self._sides.keys() - wanted.keys():
            self._drop(address, set(self._sides[address].offers))
            del self._sides[address]
        own = {router.asn, *(one.local_asn for one in router.neighbors if one.local_asn is not None)}
        for address, neighbor in wanted.items():
            side = self._sides.get(address)
            if side is None:
                self._sides[address] = Side(Inbound(neighbor, own), source_of(neighbor, 0))
            elif side.neighbor != neighbor:
                self._hold(address, side, Inbound(neighbor, own))
        self._held = {address: held_as(one) for address, one in wanted.items() if one.stance != OPEN}
        self._go_by(replace(self._rules, maximum_paths=router.maximum_paths, compare_always=router.always_compare_med))

    def _go_by(self, rules: Rules) -> None:
        if rules != self._rules:
            self._rules = rules
            self._dirty |= dict.fromkeys(self._accepted)

    def _hold(self, address: IPAddress, side: Side, inbound: Inbound) -> None:
        """Another word on a neighbour. How it is held is nothing to judge prefixes by, which takes long."""
        was, side.inbound = side.neighbor, inbound
        if grounds(was) != grounds(side.neighbor):
            side.source = source_of(side.neighbor, side.source.router_id)
            self._judge_again(address, side)
        elif was.stance != side.neighbor.stance:
            self._dirty |= dict.fromkeys(prefix for prefix, one in side.offers.items() if one.refusal is None)

    # What neighbours say

    def opened(self, message: Opened) -> None:
        """A neighbour's identifier decides between equal paths."""
        side = self._sides.get(message.neighbor)
        number = _number(message.router_id)
        if side is not None and side.source.router_id != number:
            side.source = side.source._replace(router_id=number)
            self._judge_again(message.neighbor, side)

    def take(self, update: Update) -> None:
        """What a neighbour offers replaces what it offered before (RFC 4271, section 9.1.4); of a neighbour that we do
        not have nothing is taken. An UPDATE with a fault takes its prefixes back (RFC 7606, section 2)."""
        side = self._sides.get(update.neighbor)
        if side is None:
            return
        if update.withdrawn:
            self._drop(update.neighbor, update.withdrawn)
        if update.fault is not None:
            self._say(side, f"an UPDATE that is taken as a withdrawal: {update.fault}")
        if update.attributes is None:
            self._drop(update.neighbor, [prefix for prefix, _ in update.announced])
            return
        self._offer(side, update.attributes, update.announced)

    def ended(self, message: EndOfRib) -> None:
        """What a neighbour had not repeated by then is gone (RFC 4724, section 4.2)."""
        side = self._sides.get(message.neighbor)
        if side is not None:
            self._drop(message.neighbor, [prefix for prefix in side.stale if prefix.version == message.family])

    def lost(self, neighbor: IPAddress) -> None:
        """The session ended, and with it all it brought."""
        if neighbor in self._sides:
            self._drop(neighbor, set(self._sides[neighbor].offers))
            self._sides[neighbor].warned = 0.0

    def stall(self, neighbor: IPAddress) -> None:
        """The session ended, and what it brought is kept until it is said again, or :meth:`sweep`."""
        side = self._sides.get(neighbor)
        if side is not None:
            side.stale = set(side.offers)

    def sweep(self, neighbor: IPAddress) -> None:
        """What is still of the session before goes."""
        if neighbor in self._sides:
            self._drop(neighbor, set(self._sides[neighbor].stale))

    # What follows

    @property
    def settled(self) -> bool:
        """Whether all is chosen that there is to choose."""
        return not self._dirty

    def settle(self, at_most: int | None = None) -> dict[IPNetwork, Choice]:
        """The prefixes whose choice changed since the last time, with the new one; of ``at_most`` so many."""
        dirty = tuple(islice(self._dirty, at_most))
        if len(dirty) == len(self._dirty):
            self._dirty = {}
        for prefix in dirty if self._dirty else ():
            del self._dirty[prefix]
        changed = {}
        for prefix in dirty:
            candidates = self._accepted.get(prefix)
            new = self._choose(candidates) if candidates else NOTHING
            old = self._choices.get(prefix, NOTHING)
            if new.paths:
                self._choices[prefix] = new
            else:
                self._choices.pop(prefix, None)
            if new.tunnels != old.tunnels:
                changed[prefix] = new
        return changed

    def counts(self, neighbor: IPAddress) -> tuple[int, int]:
        """Prefixes received and accepted."""
        side = self._sides.get(neighbor)
        return (len(side.offers), 0 if side.closed else side.accepted) if side else (0, 0)

    def paths(self) -> Iterator[LearnedPath]:
        """Every path that is taken. Of those that are held closed only what nobody else brings."""
        for prefix, candidates in self._accepted.items():
            chosen = [one.source.address for one in self._choices.get(prefix, NOTHING).paths]
            for address, one in candidates.items():
                side = self._sides[address]  # type: ignore[index]
                if not side.closed or one.source.address in chosen:
                    yield _path(prefix, side, one, chosen)

    def filtered(self, neighbor: IPAddress) -> tuple[FilteredPath, ...]:
        """What a neighbour sent and was kept out, with the reason."""
        side = self._sides.get(neighbor)
        if side is None:
            return ()
        held = {prefix: DENY_ANY if side.closed else one.refusal for prefix, one in side.offers.items()}
        return tuple(FilteredPath(prefix, neighbor, why) for prefix, why in held.items() if why is not None)

    @property
    def choices(self) -> Mapping[IPNetwork, Choice]:
        """What is used, by prefix, as of the last :meth:`settle`."""
        return self._choices

    def _choose(self, candidates: Mapping[object, Candidate]) -> Choice:
        if self._held.keys().isdisjoint(candidates):
            return choose(candidates, self._rules)
        return choose_held(candidates, self._held, self._rules)

    def _offer(self, side: Side, attributes: Attributes, announced: tuple[tuple[IPNetwork, IPAddress], ...]) -> None:
        refusal = side.inbound.judge_attributes(attributes)
        candidate = candidate_of(side, attributes)
        address, offers, accepted = side.neighbor.address, side.offers, self._accepted
        for prefix, nexthop in announced:
            before = offers.get(prefix)
            why = refusal or side.inbound.judge_prefix(prefix, nexthop)
            offers[prefix] = Offer(attributes, nexthop, why)
            if side.stale:
                side.stale.discard(prefix)
            if why is None:
                accepted.setdefault(prefix, {})[address] = candidate
            elif before is not None and before.refusal is None:
                self._reject(prefix, address)
            side.accepted += (why is None) - (before is not None and before.refusal is None)
            self._dirty[prefix] = None
        self._warn(side)

    def _drop(self, address: IPAddress, prefixes: object) -> None:
        side = self._sides[address]
        for prefix in prefixes:  # type: ignore[attr-defined]
            offer = side.offers.pop(prefix, None)
            side.stale.discard(prefix)
            if offer is not None and offer.refusal is None:
                side.accepted -= 1
                self._reject(prefix, address)
                self._dirty[prefix] = None

    def _reject(self, prefix: IPNetwork, address: IPAddress) -> None:
        candidates = self._accepted[prefix]
        del candidates[address]
        if not candidates:
            del self._accepted[prefix]

    def _judge_again(self, address: IPAddress, side: Side) -> None:
        """By another policy. What is refused now of a session before this one is forgotten: it would come back with the
        policy before, and nobody says it any more."""
        offers, side.offers, stale = side.offers, {}, set(side.stale)
        for prefix, offer in offers.items():
            if offer.refusal is None:
                self._reject(prefix, address)
                self._dirty[prefix] = None
        side.accepted, side.stale = 0, set()
        for prefix, offer in offers.items():
            self._offer(side, offer.attributes, ((prefix, offer.nexthop),))
        side.stale = {prefix for prefix in stale if side.offers[prefix].refusal is None}
        for prefix in stale - side.stale:
            del side.offers[prefix]

    def _warn(self, side: Side) -> None:
        limit = side.neighbor.max_prefixes
        share = len(side.offers) / limit
        for mark in (1.0, WARN_AT):
            if share > mark > side.warned or share >= mark == WARN_AT > side.warned:
                side.warned = mark
                word = "more than its maximum of" if mark == 1.0 else f"{mark:.0%} of its maximum of"
                self._say(side, f"{len(side.offers)} prefixes, {word} {limit}")
                return

    def _say(self, side: Side, sentence: str) -> None:
        self.events.append(f"{side.neighbor.tunnel}: {side.neighbor.address} sent {sentence}")


def _path(prefix: IPNetwork, side: Side, one: Candidate, chosen: list[tuple[int, int]]) -> LearnedPath:
    return LearnedPath(
        prefix=prefix,
        neighbor=side.neighbor.address,
        nexthop=side.offers[prefix].nexthop,
        med=one.med,
        as_path=one.attributes.as_path,
        best=one.source.address == chosen[0] if chosen else False,
        multipath=len(chosen) > 1 and one.source.address in chosen,
    )


def _number(router_id: str) -> int:
    """A dotted identifier as the number that RFC 6286 has it be."""
    value = 0
    for part in router_id.split("."):
        value = value << 8 | int(part)
    return value
