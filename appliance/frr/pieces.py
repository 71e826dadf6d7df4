"""A long configuration as the pieces that make it up: what was written before is not written again, and what differs
from another is found without reading either."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, zip_longest
from operator import attrgetter
from typing import Protocol

_PLACE = re.compile(r"\0(\d+)\0\n?")


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
    def text(self) -> str:
        """All of them."""
        return "".join(self.texts)

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

    def tunnels(self, texts: Collection[str]) -> set[str | None]:
        """To which these belong."""
        return set(compress(self.names, map(texts.__contains__, self.texts)))


@dataclass(frozen=True, slots=True)
class Pieces:
    """Rows, and the texts before, between and after them."""

    frame: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return self._joined(row.text for row in self.rows)

    def about(self, tunnels: Collection[str | None], known: Mapping[int, str]) -> str:
        """All of it but the pieces of other tunnels. Of some rows it is ``known``, by their identity."""
        return self._joined(known[id(row)] if id(row) in known else row.about(tunnels) for row in self.rows)

    def _joined(self, rows: Iterable[str]) -> str:
        return "".join(chain.from_iterable(zip_longest(self.frame, rows, fillvalue="")))


def place(number: int) -> str:
    """What stands in a text where the row of this number belongs, up to the end of its line."""
    return f"\0{number}\0"


def lay_out(text: str, rows: Sequence[Row]) -> Pieces:
    """A text with places, and the rows that belong there."""
    parts = _PLACE.split(text)
    return Pieces(tuple(parts[::2]), tuple(rows[int(number)] for number in parts[1::2]))


def find_difference(had: Pieces, want: Pieces) -> tuple[str, str] | None:
    """Both without the pieces of tunnels of which all are the same in both. None where more is another: what belongs to
    no tunnel, or what stands around."""
    if had.frame != want.frame:
        return None
    tunnels: set[str | None] = set()
    for old, new in zip(had.rows, want.rows, strict=True):
        if old is not new:
            changed = set(old.texts).symmetric_difference(new.texts)
            tunnels |= old.tunnels(changed) | new.tunnels(changed)
    if None in tunnels:
        return None
    both = {id(old): old.found(tunnels) for old, new in zip(had.rows, want.rows, strict=True) if old is new}
    return had.about(tunnels, both), want.about(tunnels, both)
