"""Tuples that know where they differ from the one before them: of a thousand objects nobody has to look at each again,
which takes longer than whatever is done about the few that changed."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import compress, count
from typing import TypeVar

T = TypeVar("T")


class Sequel(tuple[T, ...]):
    """With a ``mark`` of its own, and that of the one ``before``, which has the same length; at ``others`` stand other
    objects than in that."""

    mark: object
    before: object = None
    others: frozenset[int] = frozenset()

    def __new__(cls, things: Iterable[T] = ()) -> Sequel[T]:
        """After nothing."""
        found = super().__new__(cls, things)
        found.mark = object()
        return found


def follow(before: Sequence[T], now: Sequence[T], perhaps: Iterable[int] | None = None) -> Sequel[T]:
    """These after those: the very ones before where all are the same objects. ``perhaps`` are the places where they may
    not be; None: anywhere."""
    if len(now) != len(before) or not isinstance(before, Sequel):
        return Sequel(now)
    places = _compared(now, before) if perhaps is None else perhaps
    others = frozenset(at for at in places if now[at] is not before[at])
    if not others:
        return before
    found = Sequel(now)
    found.before, found.others = before.mark, others
    return found


def changed(things: Sequence[object], before: Sequence[object]) -> frozenset[int]:
    """The places where another object stands, or none did."""
    if things is before:
        return frozenset()
    if isinstance(things, Sequel) and isinstance(before, Sequel) and things.before is before.mark:
        return things.others
    return frozenset((*_compared(things, before), *range(len(before), len(things))))


def exchanged(things: Sequence[object], before: Sequence[object]) -> frozenset[int]:
    """The places where another object stands, none did, or none does any more."""
    return changed(things, before).union(range(len(things), len(before)))


def _compared(things: Sequence[object], before: Sequence[object]) -> Iterable[int]:
    """As far as both go."""
    return compress(count(), map(operator.is_not, things, before))
