"""Connections that are not in each other's way, kept from one reading to the next: only what changed is held against
the others."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from appliance.model.sequel import exchanged

Span = tuple[int, int, int]
"""IP version, first and last address of a network."""


class Claiming(Protocol):
    """What a connection has for itself alone, and where."""

    @property
    def claims(self) -> tuple[tuple[str, object], ...]:
        """Names and numbers."""

    @property
    def insides(self) -> tuple[Span, ...]:
        """Networks inside its tunnels."""

    @property
    def remotes(self) -> tuple[Span, ...]:
        """Far ends; others may go there too."""

    @property
    def networks(self) -> tuple[Span, ...]:
        """What lies behind it."""


@dataclass(slots=True)
class Apart:
    """Connections of which none has a network, or a part of one, that another has too."""

    _known: Sequence[Claiming] = ()
    _claims: set[tuple[str, object]] = field(default_factory=set)
    _insides: list[Span] = field(default_factory=list)
    _networks: list[Span] = field(default_factory=list)
    _far: list[Span] = field(default_factory=list)
    _remotes: Counter[Span] = field(default_factory=Counter)

    def follow(self, connections: Sequence[Claiming]) -> bool:
        """Whether these are apart too. Where not, this is worth nothing any more."""
        before, self._known = self._known, connections
        places = sorted(exchanged(connections, before))
        gone = {id(before[at]): before[at] for at in places if at < len(before)}
        come = {id(connections[at]): connections[at] for at in places if at < len(connections)}
        for number in gone.keys() - come.keys():
            self._leave(gone[number])
        alone = len(come) == bisect_left(places, len(connections))
        return alone and all(self._enter(come[number]) for number in come.keys() - gone.keys())

    def _leave(self, one: Claiming) -> None:
        self._claims.difference_update(one.claims)
        for spans, mine in ((self._insides, one.insides), (self._networks, one.networks)):
            for span in mine:
                del spans[bisect_left(spans, span)]
        self._remotes.subtract(one.remotes)
        for span in {*one.remotes}:
            if not self._remotes[span]:
                del self._remotes[span], self._far[bisect_left(self._far, span)]

    def _enter(self, one: Claiming) -> bool:
        if len({*one.claims}) < len(one.claims) or not self._claims.isdisjoint(one.claims):
            return False
        self._claims.update(one.claims)
        for span in one.remotes:
            if not self._remotes[span]:
                insort(self._far, span)
            self._remotes[span] += 1
        return (
            _placed(one.insides, self._insides)
            and _placed(one.networks, self._networks)
            and not any(_meets(span, self._networks) for span in one.remotes)
            and not any(_meets(span, self._far) for span in one.networks)
        )


def _placed(spans: Iterable[Span], others: list[Span]) -> bool:
    """Whether they have found places where nothing overlaps."""
    for span in spans:
        if _meets(span, others):
            return False
        insort(others, span)
    return True


def _meets(span: Span, others: Sequence[Span]) -> bool:
    """Whether it has an address in common with one of them, none of which has one with another."""
    version, first, last = span
    at = bisect_left(others, span)
    before, after = others[at - 1 : at], others[at : at + 1]
    return any(one[0] == version and one[2] >= first for one in before) or any(
        one[0] == version and one[1] <= last for one in after
    )
