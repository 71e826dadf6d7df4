"""What was made before, and is not made again as long as what it was made from is the same."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, count
from typing import Any, TypeVar

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


def sort_each(known: Drawn, kind: object, things: Sequence[T], name: Callable[[T], object]) -> list[T]:
    """By their names; the very list of the last time, if they are the things of the last time."""
    last = known.get(kind)
    if last is None or not _same(things, last[0]):
        last = known[kind] = things, sorted(things, key=name)  # type: ignore[arg-type]
    found: list[T] = last[1]
    return found


def join_all(known: Drawn, kind: object, sets: Sequence[frozenset[T]]) -> frozenset[T]:
    """All of them together, made of the whole of last time where few of them are others."""
    last: tuple[Sequence[frozenset[T]], frozenset[T]] | None = known.get(kind)
    todo = _changed(sets, last[0]) if last is not None else set()
    if last is None or len(sets) != len(last[0]) or len(todo) > FEW:
        found = frozenset[T]().union(*sets)
    elif todo:
        before, whole = last
        gone = frozenset[T]().union(*(before[at] for at in todo))
        found = (whole - gone).union(*_still_held(gone, sets, todo), *(sets[at] for at in sorted(todo)))
    else:
        found = last[1]
    known[kind] = sets, found
    return found


def _still_held(gone: frozenset[T], sets: Sequence[frozenset[T]], todo: set[int]) -> Iterator[frozenset[T]]:
    """What others than these have of it too: their objects, which are still there."""
    for at, each in enumerate(sets):
        if not gone.isdisjoint(each) and at not in todo:
            theirs = each - (each - gone)
            yield theirs
            gone -= theirs


FEW = 8
"""Parts of a whole that are worth being taken out of it and put into it."""


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
    places = {id(before[at]): at for at in (*todo, *range(len(things), len(before))) if at < len(before)}
    found = [*made[: len(things)], *[None] * (len(things) - len(before))]
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
