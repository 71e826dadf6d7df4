"""A long configuration as the pieces that make it up: what was written before is not written again, and what differs
from another is found without reading either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from typing import TypeVar

from appliance.model.sequel import changed

_PLACE = re.compile(r"\0(\d+)\0\n?")

FEW = 8
"""Pieces that are worth being looked for one by one."""

T = TypeVar("T")

Splice = tuple[int, int, str]
"""From where to where in a text, and what stands there instead in the one after it."""


@dataclass(frozen=True)
class Owners:
    """The tunnels that pieces tell of; None: of none, or all."""

    names: tuple[str | None, ...]

    @cached_property
    def places(self) -> Mapping[str | None, Sequence[int]]:
        """Which pieces are about each."""
        found: dict[str | None, list[int]] = {}
        for at, name in enumerate(self.names):
            found.setdefault(name, []).append(at)
        return found


@dataclass(frozen=True)
class Row:
    """Pieces that follow one another in this ``order`` of their numbers (None: as they are), each somebody's."""

    texts: tuple[str, ...]
    owners: Owners
    order: tuple[int, ...] | None = None

    @cached_property
    def told(self) -> tuple[str, ...]:
        """As they follow one another."""
        return self.texts if self.order is None else tuple(map(self.texts.__getitem__, self.order))

    @cached_property
    def length(self) -> int:
        """Characters in all of them."""
        return sum(map(len, self.texts))

    @cached_property
    def lines(self) -> int:
        """Lines in all of them."""
        return sum(text.count("\n") for text in self.texts)

    def about(self, tunnels: Collection[str | None]) -> str:
        """Those of these tunnels, and those of none."""
        numbers = [at for name in {None, *tunnels} for at in self.owners.places.get(name, ())]
        if len(numbers) <= FEW:
            numbers.sort(key=None if self.order is None else self.order.index)
        elif self.order is None:
            numbers.sort()
        else:
            numbers = [*filter({*numbers}.__contains__, self.order)]
        return "".join(map(self.texts.__getitem__, numbers))

    def beside(self, other: Row) -> list[int]:
        """Where pieces stand whose texts are nowhere in the other."""
        known = frozenset(other.texts)
        return [at for at, text in enumerate(self.told) if text not in known]

    def piece(self, at: int) -> str:
        """The piece that stands there."""
        return self.texts[at if self.order is None else self.order[at]]

    def owner(self, at: int) -> str | None:
        """Whose that is."""
        return self.owners.names[at if self.order is None else self.order[at]]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Rows, and the texts before, between and after them."""

    frame: tuple[str, ...]
    rows: tuple[Row, ...]

    @cached_property
    def text(self) -> str:
        """All of it."""
        return "".join(chain.from_iterable(map(_each, self._parts)))

    @property
    def lines(self) -> int:
        """Lines in all of it."""
        return sum(text.count("\n") for text in self.frame) + sum(row.lines for row in self.rows)

    @property
    def length(self) -> int:
        """Characters in all of it."""
        return sum(map(len, self.frame)) + sum(row.length for row in self.rows)

    def __eq__(self, other: object) -> bool:
        """The same text. Where the first pieces that differ do so at once nobody reads on."""
        if not isinstance(other, Pieces):
            return NotImplemented
        parts = zip_longest(self._parts, other._parts, fillvalue="")
        pairs = (pair for one, two in parts if one is not two for pair in zip_longest(_each(one), _each(two)))
        one, two = next((pair for pair in pairs if pair[0] != pair[1]), (None, None))
        if one is None and two is None:
            return True
        clear = one is not None and two is not None and not (one.startswith(two) or two.startswith(one))
        return not clear and self.text == other.text

    def about(self, tunnels: Collection[str | None]) -> str:
        """All of it but the pieces of other tunnels."""
        rows = (row.about(tunnels) for row in self.rows)
        return "".join(chain.from_iterable(zip_longest(self.frame, rows, fillvalue="")))

    @property
    def _parts(self) -> Iterator[str | Row]:
        """In order: the frame's texts, and between them the rows."""
        return chain.from_iterable(zip_longest(self.frame, self.rows, fillvalue=""))


def _each(part: str | Row) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part.told


def place(number: int) -> str:
    """What stands in a text where the row of this number belongs, up to the end of its line."""
    return f"\0{number}\0"


def lay_out(text: str, rows: Sequence[Row]) -> Pieces:
    """A text with places, and the rows that belong there."""
    parts = _PLACE.split(text)
    return Pieces(tuple(parts[::2]), tuple(rows[int(number)] for number in parts[1::2]))


@dataclass(frozen=True, slots=True)
class Shift:
    """A row after another one: at which places pieces went from the one, and came to the other. ``mixed``: those that
    stay do not follow one another as they did."""

    old: Row
    new: Row
    gone: Sequence[int]
    come: Sequence[int]
    mixed: bool

    @property
    def tunnels(self) -> set[str | None]:
        """Of those pieces."""
        return {*map(self.old.owner, self.gone), *map(self.new.owner, self.come)}


Shifts = Sequence[Shift | None]
"""One for each row; None: it is the very same."""


def find_shifts(had: Pieces, want: Pieces) -> Shifts | None:
    """How the rows differ. None where more does: what stands around them."""
    if had.frame != want.frame:
        return None
    return [None if old is new else _shift(old, new) for old, new in zip(had.rows, want.rows, strict=True)]


def _shift(old: Row, new: Row) -> Shift:
    """Of few that are others under their numbers nobody asks for all where they stand."""
    found = changed(new.texts, old.texts)
    if len(old.texts) == len(new.texts) and len(found) <= FEW and (old.order is None) == (new.order is None):
        gone, come = _places(old, found), _places(new, found)
        if old.order is None or _without(old.order, gone) == _without(new.order or (), come):
            return Shift(old, new, gone, come, mixed=False)
    gone, come = old.beside(new), new.beside(old)
    return Shift(old, new, gone, come, mixed=_without(old.told, gone) != _without(new.told, come))


def _places(row: Row, numbers: Collection[int]) -> Sequence[int]:
    """Where the pieces of these numbers stand, from the first on."""
    return sorted(numbers if row.order is None else map(row.order.index, numbers))


def find_difference(had: Pieces, want: Pieces, shifts: Shifts | None = None) -> tuple[str, str] | None:
    """Both without the pieces of tunnels of which all are the same in both. None where more is another: what belongs to
    no tunnel, or what stands around."""
    shifts = find_shifts(had, want) if shifts is None else shifts
    if shifts is None:
        return None
    tunnels = set[str | None]().union(*(one.tunnels for one in shifts if one is not None))
    return None if None in tunnels else (had.about(tunnels), want.about(tunnels))


def find_splices(had: Pieces, shifts: Shifts) -> Iterator[Splice]:
    """What makes this text the one whose rows differ so, in order."""
    at = 0
    for text, row, shift in zip(had.frame, had.rows, shifts, strict=False):
        at += len(text)
        if shift is not None:
            yield from _splices(at, shift)
        at += row.length


def _splices(start: int, shift: Shift) -> Iterator[Splice]:
    """By the number of pieces that stay before each place. Where those changed places among themselves: all of the
    row."""
    old, new = shift.old.told, shift.new
    if shift.mixed:
        yield start, start + shift.old.length, "".join(new.told)
        return
    gone, come = _ranked(shift.gone), _ranked(shift.come)
    at = passed = 0
    for rank in sorted(gone.keys() | come.keys()):
        here, passed = rank + passed, passed + len(gone.get(rank, ()))
        start += sum(map(len, old[at:here]))
        at, end = rank + passed, start + sum(map(len, old[here : rank + passed]))
        yield start, end, "".join(map(new.piece, come.get(rank, ())))
        start = end


def _without(row: Sequence[T], places: Sequence[int]) -> list[T]:
    found = [*row]
    for at in reversed(places):
        del found[at]
    return found


def _ranked(places: Sequence[int]) -> dict[int, list[int]]:
    """By how many others stand before each."""
    found: dict[int, list[int]] = {}
    for passed, at in enumerate(places):
        found.setdefault(at - passed, []).append(at)
    return found
