"""What was made before, and is not made again as long as what it was made from is the same."""

from __future__ import annotations

import operator
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, count, repeat
from typing import Any, Generic, TypeVar
from weakref import ref

S = TypeVar("S")
T = TypeVar("T")

Drawn = dict[object, Any]
"""What was made before by its kind, with all that it was made from."""


def keep(known: Drawn, kind: object, given: object, make: Callable[[], T]) -> T:
    """What was made as ``kind`` last time, if that was from equal facts; else what is made now."""
    last = known.get(kind)
    if last is None or last[0] != given:
        last = known[kind] = given, make()
    found: T = last[1]
    return found


def sort_each(known: Drawn, kind: object, things: Sequence[T], name: Callable[[T], Any]) -> list[T]:
    """By their names; the very list of the last time, if they are the things of the last time. Of few that are others
    only the places are looked for."""
    last = known.get(kind)
    if last is None or not _same(things, last[0]):
        last = known[kind] = things, _sorted_again(things, last, name) or sorted(things, key=name)
    found: list[T] = last[1]
    return found


def _sorted_again(things: Sequence[T], last: Any, name: Callable[[T], Any]) -> list[T] | None:
    """None where too many are others, or names are not one's own: then it counts in which order they came."""
    if last is None or len(places := _exchanged(things, last[0])) > MANY:
        return None
    before, order = last
    found: list[T] = order.copy()
    for one in (before[at] for at in places if at < len(before)):
        first = bisect_left(found, name(one), key=name)
        namesakes = first + 1 < len(found) and name(found[first + 1]) == name(one)
        if namesakes or found[first] is not one:
            return None
        del found[first]
    for one in (things[at] for at in places if at < len(things)):
        first = bisect_left(found, name(one), key=name)
        if first < len(found) and name(found[first]) == name(one):
            return None
        found.insert(first, one)
    return found


def _exchanged(things: Sequence[object], before: Sequence[object]) -> set[int]:
    """The places where another object stands, none did, or none does any more."""
    return _changed(things, before) | {*range(len(things), len(before))}


@dataclass(slots=True, eq=False, weakref_slot=True)
class Gathered(Generic[T]):
    """What is in any of many parts: ``each`` once, in order. ``gone`` and ``come`` tell it from what was gathered
    ``before``, as long as anybody holds that."""

    each: list[T]
    before: Callable[[], Gathered[T] | None]
    gone: frozenset[T] = frozenset()
    come: frozenset[T] = frozenset()

    def since(self, other: Gathered[T]) -> tuple[frozenset[T], frozenset[T]]:
        """What went and what came."""
        if self.before() is other:
            return self.gone, self.come
        had, has = frozenset(other.each), frozenset(self.each)
        return had - has, has - had


def gather(known: Drawn, kind: object, parts: Sequence[Collection[T]]) -> Gathered[T]:
    """All that is in these parts; the very object of the last time, if it is the same. Few parts that are others are
    taken out and put in."""
    last: tuple[Sequence[Collection[T]], Counter[T], Gathered[T]] | None = known.get(kind)
    places = _exchanged(parts, last[0]) if last is not None else set()
    if last is not None and not places:
        _, counts, found = last
    elif last is None or len(places) > MANY:
        counts = Counter(chain.from_iterable(parts))
        found = Gathered(sorted(counts), lambda: None)  # type: ignore[type-var]
        if last is not None and found.each == last[2].each:
            found = last[2]
    else:
        before, counts, whole = last[0], Counter(last[1]), last[2]  # a copy: another thread may be at it too
        gone = Counter(chain.from_iterable(before[at] for at in places if at < len(before)))
        come = Counter(chain.from_iterable(parts[at] for at in sorted(places) if at < len(parts)))
        found = _gathered_again(whole, counts, gone, come)
    known[kind] = parts, counts, found
    return found


def _gathered_again(whole: Gathered[T], counts: Counter[T], gone: Counter[T], come: Counter[T]) -> Gathered[T]:
    """The counts, too, are brought up to date."""
    there = {one for one in (*gone, *come) if counts[one]}
    counts.update(come)
    counts.subtract(gone)
    now = {one for one in (*gone, *come) if counts[one]}
    for one in there - now:
        del counts[one]
    if now == there:
        return whole
    each: list[Any] = whole.each.copy()
    for one in there - now:
        del each[bisect_left(each, one)]
    for one in now - there:
        insort(each, one)
    return Gathered(each, ref(whole), frozenset(there - now), frozenset(now - there))


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """Many sets as one. ``gone`` and ``come`` tell it from the one that was joined ``before``: that very object."""

    whole: frozenset[T]
    before: frozenset[T] | None = None
    gone: frozenset[T] = frozenset()
    come: frozenset[T] = frozenset()


def join_all(known: Drawn, kind: object, sets: Sequence[frozenset[T]]) -> Joined[T]:
    """All of them together, made of the whole of last time where few of them are others."""
    last: tuple[Sequence[frozenset[T]], frozenset[T]] | None = known.get(kind)
    todo = _changed(sets, last[0]) if last is not None else set()
    if last is None or len(sets) != len(last[0]) or len(todo) > FEW:
        found = Joined(frozenset[T]().union(*sets))
    elif todo:
        found = _joined_again(last[1], last[0], sets, todo)
    else:
        found = Joined(last[1], last[1])
    known[kind] = sets, found.whole
    return found


def _joined_again(
    whole: frozenset[T], before: Sequence[frozenset[T]], sets: Sequence[frozenset[T]], todo: set[int]
) -> Joined[T]:
    gone = frozenset[T]().union(*(before[at] for at in todo))
    held = [*_still_held(gone, sets, todo)]
    new = frozenset[T]().union(*(sets[at] for at in sorted(todo)))
    found = set(whole)
    found -= gone
    found.update(*held)
    found |= new
    return Joined(frozenset(found), whole, gone.difference(new, *held), new - whole)


def _still_held(gone: frozenset[T], sets: Sequence[frozenset[T]], todo: set[int]) -> Iterator[frozenset[T]]:
    """What others than these have of it too: their objects, which are still there."""
    for at, each in enumerate(sets):
        if not gone.isdisjoint(each) and at not in todo:
            theirs = each - (each - gone)
            yield theirs
            gone -= theirs


FEW, MANY = 8, 64
"""Parts of a whole that are worth being taken out of it and put into it: a set, a list in order."""


def make_each(
    known: Drawn,
    kind: object,
    things: Sequence[S],
    make: Callable[[S], T],
    given: object = None,
    beside: Sequence[object] | None = None,
    settle: Callable[[T, T], T] | None = None,
) -> tuple[T, ...]:
    """What was made of each of these very objects last time, from equal facts; else what is made of it now. ``given``
    are the facts for all of them, ``beside`` those for each. Where all of it is the same, the tuple of last time.
    ``settle`` says what is to stand in the place of the one that was there, given the other that was made now."""
    last = known.get(kind)
    if last is None or (last[0] is not given and last[0] != given):
        found = tuple(map(make, things))
    else:
        _, before, facts, found = last
        todo = _changed(things, before)
        if beside is not None and beside != facts:
            todo |= set(compress(count(), map(operator.ne, beside, facts)))
        if todo or len(things) != len(before):
            found = _made_again(things, make, beside, last, todo, settle)
    known[kind] = given, things, beside, found
    return found


def _changed(things: Sequence[object], before: Sequence[object]) -> set[int]:
    """The places where another object stands, or none did."""
    if things is before:
        return set()
    found = compress(count(), map(operator.is_not, things, before))
    return {*found, *range(len(before), len(things))}


def _made_again(
    things: Sequence[S],
    make: Callable[[S], T],
    beside: Sequence[object] | None,
    last: Any,
    todo: set[int],
    settle: Callable[[T, T], T] | None,
) -> tuple[T, ...]:
    """Of what moved to another place what was made of it there."""
    _, before, facts, made = last
    found: list[Any] = [*made[: len(things)], *[None] * (len(things) - len(before))]
    if beside is None and len(todo) > FEW:  # most of them moved on by one place
        of = dict(zip(map(id, before), made, strict=True))
        found = list(map(of.get, map(id, things)))
        todo = set(compress(count(), map(operator.is_, found, repeat(None))))
    tail = range(len(things), len(before))
    places = {id(before[at]): at for at in (*todo, *tail) if at < len(before)} if len(todo) + len(tail) > 1 else {}
    for at in todo:
        was = places.get(id(things[at]))
        if was is not None and (beside is None or beside[at] == facts[was]):
            found[at] = made[was]
        else:
            one = make(things[at])
            found[at] = settle(made[at], one) if settle is not None and at < len(made) else one
    return made if _same(found, made) else tuple(found)


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))
