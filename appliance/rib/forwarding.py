"""From choices to the kernel: every set of ways out is one nexthop group that all its prefixes share.

A way that fails is taken out of the groups that hold it, whatever the number of prefixes behind them. Prefixes move
between groups only when their own choice changed, and those of one failed way find their group already right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from appliance.model.address import IPNetwork
from appliance.model.change import Change, Outcome
from appliance.model.resources import (
    DEFAULT_TABLE,
    LEARNED_PROTOCOL,
    MAIN_TABLE,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
)

LEARNED_METRIC = 21 << 24
"""zebra reads the top byte of a foreign route's metric as its distance: one more than BGP's own routes have (20), so
that the same prefix from FRR is not pushed aside, and a blackhole (255) never wins. At the same distance zebra would go
by the metrics, and what is left of this one is 0."""

_FIRST_GROUP, _GROUPS = 0x6000_0000, 0x1FFF_FFE0
_FIRST_NEXTHOP, _NEXTHOPS = 0x4000_0000, 0x1FFF_FFFF


@dataclass(frozen=True, slots=True)
class Way:
    """Out by one tunnel, in one family."""

    tunnel: str
    link: str
    family: int
    weight: int = 1

    @property
    def id(self) -> int:
        """The nexthop object's: of the tunnel, and not the one that static routes share."""
        return _FIRST_NEXTHOP + crc32(f"learned/{self.tunnel}/{self.link}/{self.family}".encode()) % _NEXTHOPS

    @property
    def nexthop(self) -> Nexthop:
        """What the kernel holds for it."""
        return Nexthop(self.id, self.link, self.family, protocol=LEARNED_PROTOCOL)


@dataclass(slots=True)
class _Group:
    """``tunnels`` is what its prefixes chose; ``routes`` counts them; ``written`` is what the kernel was told last."""

    id: int
    family: int
    tunnels: frozenset[str]
    routes: int = 0
    written: NexthopGroup | None = None


class Ledger:
    """What stands in the kernel for what was learned, and what has to be changed there.

    ``want`` and ``fail`` collect; ``changes`` says what to tell the kernel and ``record`` takes in how that went.
    """

    def __init__(self) -> None:
        self._ways: dict[tuple[str, int], Way] = {}
        self._ranks: Mapping[str, int] = {}
        self._groups: dict[int, _Group] = {}
        self._by_tunnels: dict[tuple[int, frozenset[str]], int] = {}
        self._at: dict[IPNetwork, int] = {}
        self._wanted: dict[IPNetwork, frozenset[str]] = {}
        self._nexthops: set[Nexthop] = set()
        self._obstructed: set[int] = set()
        self._standing: dict[IPNetwork, int] = {}

    @property
    def prefixes(self) -> frozenset[IPNetwork]:
        """What the kernel holds routes for."""
        return frozenset(self._standing)

    def over(self, prefix: IPNetwork) -> frozenset[str]:
        """The tunnels that a prefix goes over, or would if they were open."""
        id = self._at.get(prefix)
        return frozenset() if id is None else self._groups[id].tunnels

    # What should be

    def follow(self, ways: Iterable[Way]) -> None:
        """The ways there are."""
        self._ways = {(way.tunnel, way.family): way for way in ways}

    def gate(self, ranks: Mapping[str, int]) -> tuple[Change, ...]:
        """How readily each tunnel is taken, 0 where nothing is said: of a group's ways those of the lowest rank carry,
        whatever that is: what is known of them may be doubted, but nothing better is there. The groups to replace, one
        message each."""
        self._ranks = dict(ranks)
        return self._rewritten()

    def fail(self, tunnel: str, family: int) -> tuple[Change, ...]:
        """The session over this tunnel ended: it leaves every group that has another way. The groups to replace."""
        for group in tuple(self._groups.values()):
            if group.family == family and tunnel in group.tunnels and len(group.tunnels) > 1:
                self._forget(group)
                group.tunnels -= {tunnel}
                self._by_tunnels.setdefault((family, group.tunnels), group.id)
        return self._rewritten()

    def want(self, choices: Mapping[IPNetwork, frozenset[str]]) -> None:
        """These prefixes go over these tunnels from now on; over none: they go."""
        self._wanted.update(choices)

    # What to do about it

    def changes(self) -> tuple[Change, ...]:
        """In the order in which it is safe: ways, groups, routes; then what nobody uses any more."""
        wanted, self._wanted = self._wanted, {}
        moved: list[Change] = []
        gone: list[Change] = []
        fresh: dict[int, _Group] = {}
        for prefix, tunnels in wanted.items():
            known = frozenset(name for name in tunnels if (name, prefix.version) in self._ways)
            old = self._at.get(prefix)
            if not known:
                if old is not None:
                    self._leave(prefix, old)
                if prefix in self._standing:
                    gone.append(Change(_route(prefix, self._standing[prefix]), None))
                continue
            if old is not None and self._groups[old].tunnels == known and self._standing.get(prefix) == old:
                continue
            group = self._group(prefix.version, known)
            if group.written is None:
                fresh[group.id] = group
            if old is not None:
                self._leave(prefix, old)
            self._at[prefix] = group.id
            group.routes += 1
            standing = self._standing.get(prefix)
            moved.append(Change(None if standing is None else _route(prefix, standing), _route(prefix, group.id)))
        moved.sort(key=lambda change: change.old is not None)
        return (*self._missing_ways(fresh.values()), *self._new_groups(fresh.values()), *moved, *gone, *self._empty())

    def record(self, outcomes: Iterable[Outcome]) -> list[str]:
        """Take in what the kernel did. What failed is wanted again; the sentences about it."""
        failures = []
        for outcome in outcomes:
            change, resource = outcome.change, outcome.change.resource
            if outcome.error is not None:
                failures.append(outcome.error)
            if isinstance(resource, Route):
                self._record_route(change, resource, failed=outcome.error is not None)
            elif isinstance(resource, Nexthop):
                self._record_way(change, resource, failed=outcome.error is not None)
            elif isinstance(resource, NexthopGroup):
                self._record_group(change, resource, failed=outcome.error is not None)
        return failures

    def adopt(self, found: Iterable[Resource]) -> None:
        """What stands in the kernel is this, from a daemon before us or after a stranger's hand. Routes over ways that
        are known keep their group until they are chosen anew or swept; the rest is taken away."""
        resources = tuple(found)
        ids = {way.id: way for way in self._ways.values()}
        self._nexthops = {one for one in resources if isinstance(one, Nexthop)}
        standing = {one.id for one in self._nexthops}
        written = {one.id: one for one in resources if isinstance(one, NexthopGroup)}
        before, self._groups, self._by_tunnels = self._groups, {}, {}
        for id, group in written.items():
            ways = [ids[member] for member, _ in group.members if member in ids and member in standing]
            kept = before.get(id)
            tunnels = kept.tunnels if kept else frozenset(way.tunnel for way in ways)
            family = kept.family if kept else (ways[0].family if ways else 4)
            self._groups[id] = _Group(id, family, tunnels, 0, group)
            self._by_tunnels.setdefault((family, tunnels), id)
        self._standing = {one.prefix: one.nexthop for one in resources if isinstance(one, Route) and one.nexthop}
        self._adopt_routes(before)

    def _adopt_routes(self, before: Mapping[int, _Group]) -> None:
        """Who has no route, or one over another group, is wanted again; routes that nobody asked for stay, for now."""
        at, self._at = self._at, {}
        for prefix, id in self._standing.items():
            if id in self._groups:
                self._at[prefix] = id
                self._groups[id].routes += 1
        for prefix, id in at.items():
            if self._at.get(prefix) != id and id in before:
                self._wanted.setdefault(prefix, before[id].tunnels)

    def sweep(self, kept: Iterable[IPNetwork]) -> None:
        """Routes of prefixes other than these go."""
        for prefix in (self._standing.keys() | self._at.keys()) - set(kept):
            self._wanted[prefix] = frozenset()

    def repair(self) -> tuple[Change, ...]:
        """Groups that do not hold what they should; after :meth:`adopt`."""
        return (*self._missing_ways(self._groups.values()), *self._rewritten())

    # Inside

    def _group(self, family: int, tunnels: frozenset[str]) -> _Group:
        id = self._by_tunnels.get((family, tunnels))
        if id is not None:
            return self._groups[id]
        digest = crc32(f"learned/{'/'.join(sorted(tunnels))}/{family}".encode())
        id = _FIRST_GROUP + digest % _GROUPS
        while id in self._groups:  # one that has lost a way since keeps its number
            id = _FIRST_GROUP + (id - _FIRST_GROUP + 1) % _GROUPS
        group = self._groups[id] = _Group(id, family, tunnels)
        self._by_tunnels[family, tunnels] = id
        return group

    def _leave(self, prefix: IPNetwork, id: int) -> None:
        del self._at[prefix]
        self._groups[id].routes -= 1

    def _forget(self, group: _Group) -> None:
        if self._by_tunnels.get((group.family, group.tunnels)) == group.id:
            del self._by_tunnels[group.family, group.tunnels]

    def _resource(self, group: _Group) -> NexthopGroup | None:
        """The group as it should be now, None when none of its ways is left."""
        ways = [self._ways[name, group.family] for name in group.tunnels if (name, group.family) in self._ways]
        first = min((self._ranks.get(way.tunnel, 0) for way in ways), default=0)
        members = tuple(sorted((way.id, way.weight) for way in ways if self._ranks.get(way.tunnel, 0) == first))
        return NexthopGroup(group.id, members, LEARNED_PROTOCOL) if members else None

    def _rewritten(self) -> tuple[Change, ...]:
        changes = []
        for group in self._groups.values():
            new = self._resource(group)
            if group.written is not None and new is not None and new != group.written:
                changes.append(Change(group.written, new))
        return tuple(changes)

    def _missing_ways(self, groups: Iterable[_Group]) -> tuple[Change, ...]:
        needed = {
            self._ways[name, group.family]
            for group in groups
            for name in group.tunnels
            if (name, group.family) in self._ways
        }
        missing = sorted({way.nexthop for way in needed} - self._nexthops, key=lambda one: one.id)
        cleared = [Change(one, None) for one in missing if one.id in self._obstructed]
        return (*cleared, *(Change(None, one) for one in missing))

    def _new_groups(self, groups: Iterable[_Group]) -> tuple[Change, ...]:
        made = (self._resource(group) for group in groups)
        return tuple(Change(None, one) for one in made if one is not None)

    def _empty(self) -> tuple[Change, ...]:
        """Groups without routes go, and the ways that are no more. One that nobody takes at the moment stays: where it
        goes too early zebra puts its number back, as a group of its own that no nexthop of ours can replace."""
        empty = [group for group in self._groups.values() if not group.routes]
        for group in empty:
            self._forget(group)
            del self._groups[group.id]
        keep = {way.nexthop for way in self._ways.values()}
        idle = sorted(self._nexthops - keep, key=lambda one: one.id)
        gone = [Change(group.written, None) for group in empty if group.written is not None]
        return (*gone, *(Change(one, None) for one in idle))

    def _record_route(self, change: Change, route: Route, *, failed: bool) -> None:
        prefix = route.prefix
        if change.new is None:
            if not failed:
                self._standing.pop(prefix, None)
            elif prefix not in self._at:
                self._wanted.setdefault(prefix, frozenset())
        elif not failed:
            assert route.nexthop is not None
            self._standing[prefix] = route.nexthop
        elif prefix in self._at:
            self._wanted.setdefault(prefix, self._groups[self._at[prefix]].tunnels)

    def _record_way(self, change: Change, nexthop: Nexthop, *, failed: bool) -> None:
        """One that cannot be made has something else in its place, which goes first the next time."""
        if failed and change.new is not None:
            self._obstructed.add(nexthop.id)
        elif not failed:
            (self._nexthops.add if change.new is not None else self._nexthops.discard)(nexthop)
            if change.new is not None:
                self._obstructed.discard(nexthop.id)

    def _record_group(self, change: Change, group: NexthopGroup, *, failed: bool) -> None:
        held = self._groups.get(group.id)
        if held is not None and not failed and change.new is not None:
            held.written = group


def _route(prefix: IPNetwork, group: int) -> Route:
    table = MAIN_TABLE if prefix.prefixlen else DEFAULT_TABLE
    return Route(prefix, LEARNED_METRIC, table, nexthop=group, protocol=LEARNED_PROTOCOL)
