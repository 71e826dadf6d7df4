"""A long configuration as the pieces that make it up: what was written before is not written again, and what differs
from another is found without reading either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, zip_longest
from operator import attrgetter
from typing import Protocol

_PLACE = re.compile(r"\0(\d+)\0\n?")

Splice = tuple[int, int, str]
"""From where to where in a text, and what stands there instead in the one after it."""


class Owned(Protocol):
    """What a piece tells of."""

    @property
    def tunnel(self) -> str | None:
        """The tunnel it is about; None: none, or all."""


@dataclass(frozen=True)
class Row:
    """Pieces that follow one another, each with what it tells of."""

    texts: tuple[str, ...]
    things: Sequence[Owned]

    @cached_property
    def length(self) -> int:
        """Characters in all of them."""
        return sum(map(len, self.texts))

    @cached_property
    def lines(self) -> int:
        """Lines in all of them."""
        return sum(text.count("\n") for text in self.texts)

    @cached_property
    def names(self) -> tuple[str | None, ...]:
        """The tunnel of each."""
        return tuple(map(attrgetter("tunnel"), self.things))

    @cached_property
    def places(self) -> Mapping[str | None, Sequence[int]]:
        """Where the pieces of each tunnel stand."""
        found: dict[str | None, list[int]] = {}
        for at, name in enumerate(self.names):
            found.setdefault(name, []).append(at)
        return found

    def about(self, tunnels: Collection[str | None]) -> str:
        """Those of these tunnels, and those of none."""
        return "".join(compress(self.texts, map({None, *tunnels}.__contains__, self.names)))

    def found(self, tunnels: Collection[str | None]) -> str:
        """The same, of a row that is asked more than once."""
        places = sorted(at for name in {None, *tunnels} for at in self.places.get(name, ()))
        return "".join(self.texts[at] for at in places)

    def beside(self, texts: Collection[str]) -> list[int]:
        """Where pieces stand that are none of these."""
        known = frozenset(texts)
        return [at for at, text in enumerate(self.texts) if text not in known]


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
        differing = (pair for pair in zip_longest(self._parts, other._parts, fillvalue="") if pair[0] != pair[1])
        pairs = ((one, two) for pair in differing for one, two in zip_longest(*map(_each, pair)) if one != two)
        one, two = next(pairs, (None, None))
        if one is None and two is None:
            return True
        clear = one is not None and two is not None and not (one.startswith(two) or two.startswith(one))
        return not clear and self.text == other.text

    def about(self, tunnels: Collection[str | None], known: Mapping[int, str]) -> str:
        """All of it but the pieces of other tunnels. Of some rows it is ``known``, by their identity."""
        rows = (known[id(row)] if id(row) in known else row.about(tunnels) for row in self.rows)
        return "".join(chain.from_iterable(zip_longest(self.frame, rows, fillvalue="")))

    @property
    def _parts(self) -> Iterator[str | tuple[str, ...]]:
        """In order: the frame's texts, and between them the rows'."""
        rows = (row.texts for row in self.rows)
        return chain.from_iterable(zip_longest(self.frame, rows, fillvalue=""))


def _each(part: str | tuple[str, ...]) -> tuple[str, ...]:
    return (part,) if isinstance(part, str) else part


def place(number: int) -> str:
    """What stands in a text where the row of this number belongs, up to the end of its line."""
    return f"\0{number}\0"


def lay_out(text: str, rows: Sequence[Row]) -> Pieces:
    """A text with places, and the rows that belong there."""
    parts = _PLACE.split(text)
    return Pieces(tuple(parts[::2]), tuple(rows[int(number)] for number in parts[1::2]))


@dataclass(frozen=True, slots=True)
class Shift:
    """A row after another one: at which places pieces went from the one, and came to the other."""

    old: Row
    new: Row
    gone: Sequence[int]
    come: Sequence[int]

    @property
    def tunnels(self) -> set[str | None]:
        """Of those pieces."""
        went = {self.old.things[at].tunnel for at in self.gone}
        return went | {self.new.things[at].tunnel for at in self.come}


Shifts = Sequence[Shift | None]
"""One for each row; None: it is the very same."""


def find_shifts(had: Pieces, want: Pieces) -> Shifts | None:
    """How the rows differ. None where more does: what stands around them."""
    if had.frame != want.frame:
        return None
    return [None if old is new else _shift(old, new) for old, new in zip(had.rows, want.rows, strict=True)]


def _shift(old: Row, new: Row) -> Shift:
    return Shift(old, new, old.beside(new.texts), new.beside(old.texts))


def find_difference(had: Pieces, want: Pieces, shifts: Shifts | None = None) -> tuple[str, str] | None:
    """Both without the pieces of tunnels of which all are the same in both. None where more is another: what belongs to
    no tunnel, or what stands around."""
    shifts = find_shifts(had, want) if shifts is None else shifts
    if shifts is None:
        return None
    tunnels = set[str | None]().union(*(one.tunnels for one in shifts if one is not None))
    if None in tunnels:
        return None
    both = {id(row): row.found(tunnels) for row, one in zip(had.rows, shifts, strict=True) if one is None}
    return had.about(tunnels, both), want.about(tunnels, both)


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
    old, new = shift.old.texts, shift.new.texts
    if _without(old, shift.gone) != _without(new, shift.come):
        yield start, start + shift.old.length, "".join(new)
        return
    gone, come = _ranked(shift.gone), _ranked(shift.come)
    at = passed = 0
    for rank in sorted(gone.keys() | come.keys()):
        here, passed = rank + passed, passed + len(gone.get(rank, ()))
        start += sum(map(len, old[at:here]))
        at, end = rank + passed, start + sum(map(len, old[here : rank + passed]))
        yield start, end, "".join(new[place] for place in come.get(rank, ()))
        start = end


def _without(texts: Sequence[str], places: Sequence[int]) -> list[str]:
    found = [*texts]
    for at in reversed(places):
        del found[at]
    return found


def _ranked(places: Sequence[int]) -> dict[int, list[int]]:
    """By how many others stand before each."""
    found: dict[int, list[int]] = {}
    for passed, at in enumerate(places):
        found.setdefault(at - passed, []).append(at)
    return found
