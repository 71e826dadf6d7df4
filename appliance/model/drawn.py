"""What was made before, and is not made again as long as what it was made from is the same."""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, count, repeat
from typing import Any, Generic, TypeVar
from weakref import ref

from appliance.model.sequel import Sequel, changed, exchanged, follow

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


def keep_equal(before: T, now: T) -> T:
    """What is made again as it was is the object that was there."""
    return before if before is now or before == now else now


def keep_parts(before: frozenset[T], now: frozenset[T]) -> frozenset[T]:
    """The same for each of many: what was there is the object that was there."""
    return before if before == now else (before - (before - now)) | (now - before)


def sort_each(known: Drawn, kind: object, things: Sequence[T], name: Callable[[T], Any]) -> Sequel[T]:
    """By their names; the very tuple of the last time, if they are the things of the last time. Of few that are others
    only the places are looked for."""
    last = known.get(kind)
    found = None if last is None else _sorted_again(things, last, name)
    if found is None:
        found = Sequel(sorted(things, key=name))
    known[kind] = things, found
    return found


def _sorted_again(things: Sequence[T], last: Any, name: Callable[[T], Any]) -> Sequel[T] | None:
    """None where too many are others, or names are not one's own: then it counts in which order they came."""
    before, order = last
    places = exchanged(things, before)
    if not places or len(places) > MANY:
        return None if places else order
    found: list[T] = [*order]
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
    return follow(order, found)


def chain_each(known: Drawn, kind: object, parts: Sequence[Sequence[T]]) -> Sequel[T]:
    """What is in these, one after the other; the very tuple of the last time, if it is the same."""
    last: tuple[Sequence[Sequence[T]], Sequel[T], Sequence[int]] | None = known.get(kind)
    before = last[0] if last is not None else ()
    todo = changed(parts, before)
    if last is not None and len(parts) == len(before) and all(len(parts[at]) == len(before[at]) for at in todo):
        starts, whole = last[2], [*last[1]]
        places = [(at, inside) for at in todo for inside in changed(parts[at], before[at])]
        for at, inside in places:
            whole[starts[at] + inside] = parts[at][inside]
        found = follow(last[1], whole, [starts[at] + inside for at, inside in places])
    else:
        starts, found = [*accumulate(map(len, parts), initial=0)], Sequel(chain.from_iterable(parts))
    known[kind] = parts, found, starts
    return found


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
    last: tuple[Sequence[Collection[T]], dict[T, int], Gathered[T]] | None = known.get(kind)
    places = exchanged(parts, last[0]) if last is not None else frozenset()
    if last is not None and not places:
        _, more, found = last
    elif last is None or len(places) > MANY:
        counts = Counter(chain.from_iterable(parts))
        more = {one: count - 1 for one, count in counts.items() if count > 1}
        found = Gathered(sorted(counts), lambda: None)  # type: ignore[type-var]
        if last is not None and found.each == last[2].each:
            found = last[2]
    else:
        before, more, whole = last[0], {**last[1]}, last[2]  # a copy: another thread may be at it too
        gone = chain.from_iterable(before[at] for at in places if at < len(before))
        come = chain.from_iterable(parts[at] for at in sorted(places) if at < len(parts))
        found = _gathered_again(whole, more, gone, come)
    known[kind] = parts, more, found
    return found


def _gathered_again(whole: Gathered[T], more: dict[T, int], gone: Iterable[T], come: Iterable[T]) -> Gathered[T]:
    """``more`` says how often something is there beyond once: it is of few, and brought up to date too."""
    each: list[Any] = whole.each.copy()
    left, new = set[T](), set[T]()
    for one in gone:
        if one in more:
            _add(more, one, -1)
        else:
            del each[bisect_left(each, one)]
            left.add(one)
    for one in come:
        at = bisect_left(each, one)
        if at < len(each) and each[at] == one:
            _add(more, one, 1)
        else:
            each.insert(at, one)
            new.add(one)
    if left == new:
        return whole
    return Gathered(each, ref(whole), frozenset(left - new), frozenset(new - left))


def _add(more: dict[T, int], one: T, times: int) -> None:
    more[one] = more.get(one, 0) + times
    if not more[one]:
        del more[one]


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """Many sets as one. ``gone`` and ``come`` tell it from the one that was joined ``before``: that very object."""

    whole: frozenset[T]
    before: frozenset[T] | None = None
    gone: frozenset[T] = frozenset()
    come: frozenset[T] = frozenset()


def join_all(known: Drawn, kind: object, sets: Sequence[frozenset[T]]) -> Joined[T]:
    """All of them together, made of the whole of last time where few of them are others."""
    last: tuple[Sequence[frozenset[T]], frozenset[T], frozenset[T]] | None = known.get(kind)
    todo = changed(sets, last[0]) if last is not None else frozenset()
    if last is None or len(sets) != len(last[0]) or len(todo) > FEW:
        found = Joined(frozenset[T]().union(*sets))
        shared = _shared(sets)
    elif todo:
        found, shared = _joined_again(last, sets, todo)
    else:
        found, shared = Joined(last[1], last[1]), last[2]
    known[kind] = sets, found.whole, shared
    return found


def _joined_again(
    last: tuple[Sequence[frozenset[T]], frozenset[T], frozenset[T]],
    sets: Sequence[frozenset[T]],
    todo: Collection[int],
) -> tuple[Joined[T], frozenset[T]]:
    """With what more than one of them may have: the others are asked for what they have of these only. Where no object
    takes an equal one's place the whole is copied once, which is most of what this takes."""
    before, whole, shared = last
    old, new = ([some[at] for at in sorted(todo)] for some in (before, sets))
    were, now = (frozenset[T]().union(*some) for some in (old, new))
    held = [*_still_held(were & shared, sets, todo)]
    gone, come = were.difference(now, *held), now - whole
    stay = {id(one) for each in old for one in each - gone}
    if held or not stay <= {*map(id, chain.from_iterable(new))}:
        found = (whole - were).union(*held, now)
    else:
        found = (gone | come) ^ whole
    shared |= _shared(new) | ((now - were) & whole)
    return Joined(found, whole, gone, come), shared & found


def _shared(sets: Iterable[frozenset[T]]) -> frozenset[T]:
    """What more than one of them has."""
    seen, found = set[T](), set[T]()
    for each in sets:
        found |= seen & each
        seen |= each
    return frozenset(found)


def _still_held(gone: frozenset[T], sets: Sequence[frozenset[T]], todo: Collection[int]) -> Iterator[frozenset[T]]:
    """What others than these have of it too: their objects, which are still there."""
    for at, each in enumerate(sets) if gone else ():
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
) -> Sequel[T]:
    """What was made of each of these very objects last time, from equal facts; else what is made of it now. ``given``
    are the facts for all of them, ``beside`` those for each. Where all of it is the same, the tuple of last time.
    ``settle`` says what is to stand in the place of the one that was there, given the other that was made now."""
    last = known.get(kind)
    if last is None or (last[0] is not given and last[0] != given) or (last[2] is None) != (beside is None):
        found = Sequel(map(make, things))
    else:
        _, before, facts, found = last
        todo = changed(things, before)
        if beside is not None and beside != facts:
            todo |= set(compress(count(), map(operator.ne, beside, facts)))
        if todo or len(things) != len(before):
            found = _made_again(things, make, beside, last, todo, settle)
    known[kind] = given, things, beside, found
    return found


def _made_again(
    things: Sequence[S],
    make: Callable[[S], T],
    beside: Sequence[object] | None,
    last: Any,
    perhaps: frozenset[int],
    settle: Callable[[T, T], T] | None,
) -> Sequel[T]:
    """Of what moved to another place what was made of it there. It is copied once something is another object."""
    _, before, facts, made = last
    todo: Collection[int] = perhaps
    found = made
    if len(things) != len(before):
        found = [*made[: len(things)], *[None] * (len(things) - len(before))]
    if beside is None and len(todo) > FEW:  # most of them moved on by one place
        of = dict(zip(map(id, before), made, strict=True))
        found = list(map(of.get, map(id, things)))
        todo = set(compress(count(), map(operator.is_, found, repeat(None))))
    tail = range(len(things), len(before))
    places = {id(before[at]): at for at in (*todo, *tail) if at < len(before)} if len(todo) + len(tail) > 1 else {}
    for at in todo:
        was = places.get(id(things[at]))
        if was is not None and (beside is None or beside[at] == facts[was]):
            one = made[was]
        else:
            one = make(things[at])
            one = settle(made[at], one) if settle is not None and at < len(made) else one
        if found is made and one is not made[at]:
            found = [*made]
        if found is not made:
            found[at] = one
    return follow(made, found, perhaps if len(perhaps) <= FEW else None)
