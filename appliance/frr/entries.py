"""What FRR's templates are filled with: lists, route-maps, neighbours, families."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.peering import Neighbor, PrefixRule


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a prefix-list."""

    seq: int
    action: str
    match: str


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A prefix-list: it always ends in an explicit deny, for FRR takes an empty list as one that permits all. ``word``
    is what its lines begin with."""

    word: str
    name: str
    entries: tuple[Entry, ...]
    tunnel: str | None = None


@dataclass(frozen=True, slots=True)
class RouteMap:
    """A route-map of one entry: what ``list`` permits, with these attributes. ``shut``: one before it denies all, so
    that nothing of it changes when it is opened again. ``default_table``: one before it takes the default route, which
    goes there."""

    name: str
    family: str = "ip"
    list: str | None = None
    prepend: tuple[int, ...] = ()
    communities: tuple[str, ...] = ()
    large_communities: tuple[str, ...] = ()
    local_pref: int | None = None
    metric: int | None = None
    source: IPAddress | None = None
    shut: bool = False
    default_table: int | None = None
    weight: int | None = None
    tunnel: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """What one address family holds."""

    name: str
    networks: tuple[IPNetwork, ...]
    peers: Sequence[Neighbor]
    lists: Sequence[PrefixList]


@dataclass(frozen=True, slots=True, eq=False)
class Arranged(Sequence[Any]):
    """Each once, in the ``order`` of these numbers: when one gets another place the others keep theirs in ``each``."""

    each: tuple[Any, ...]
    order: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, at: Any) -> Any:
        return self.each[self.order[at]]

    def __iter__(self) -> Iterator[Any]:
        return map(self.each.__getitem__, self.order)


@dataclass(frozen=True, slots=True)
class Told:
    """All that concerns one neighbour, which stands at ``place`` among the others."""

    place: tuple[int, int]
    peer: Neighbor
    lists: tuple[PrefixList, ...]
    maps: tuple[RouteMap, ...]
    default: tuple[PrefixRule, ...]
