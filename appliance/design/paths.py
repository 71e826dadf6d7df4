"""Static routes: every prefix points at one nexthop group, so that a switch is one message whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from appliance.design.drawing import choose
from appliance.design.numbering import STATIC_BESIDE_BGP, group_id, nexthop_id, nowhere_id
from appliance.design.tunnels import families_of
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Tunnel
from appliance.model.machine import Carrying
from appliance.model.ranking import metrics_of
from appliance.model.resources import DEFAULT_TABLE, MAIN_TABLE, Nexthop, NexthopGroup, Resource, Route


@dataclass(frozen=True, slots=True)
class Bundle:
    """Prefixes of one family that the same connections lead to, these in the order in which they are preferred."""

    connections: tuple[Connection, ...]
    family: int
    prefixes: tuple[IPNetwork, ...]

    @property
    def id(self) -> int:
        """The nexthop group's."""
        return group_id(tuple(connection.name for connection in self.connections), self.family)

    @property
    def metric(self) -> int:
        """The best tunnel's: it does not move with what carries at the moment."""
        return min(metrics_of(self.connections[0]).values())


def static_routes(wish: Wish) -> frozenset[Resource]:
    """The routes to what lies behind connections in mode static, or behind BGP's with a fallback, and the groups they
    point at."""
    found: set[Resource] = set()
    beside = STATIC_BESIDE_BGP if any(connection.mode == "bgp" for connection in wish.connections) else 0
    for bundle in bundles(wish):
        group = path_group(wish, bundle)
        found |= {Nexthop(nowhere_id(bundle.family), None, bundle.family), group}
        found |= {
            Route(prefix, beside + bundle.metric, MAIN_TABLE if prefix.prefixlen else DEFAULT_TABLE, nexthop=group.id)
            for prefix in bundle.prefixes
        }
    return frozenset(found)


def path_groups(wish: Wish, known: Iterable[Bundle] | None = None) -> Mapping[int, NexthopGroup]:
    """The groups alone, by id: what differs after a switch, and nothing else does. ``known``: the bundles of this wish,
    which do not depend on who carries; finding them takes time where there are many prefixes."""
    return {bundle.id: path_group(wish, bundle) for bundle in (bundles(wish) if known is None else known)}


def bundles(wish: Wish) -> tuple[Bundle, ...]:
    """Which prefixes share their connections; by priority, the lowest first, and then by name."""
    owners: dict[IPNetwork, list[Connection]] = {}
    routed: Sequence[Connection] = choose(wish, "routed by us", routed_by_us)
    if wish.bridged:
        routed = [one for one in wish.connections if routed_by_us(one) or one.name in wish.bridged]
    if not routed:
        return ()
    for connection in sorted(routed, key=_turn):
        networks = connection.networks if routed_by_us(connection) else ()
        for network in dict.fromkeys((*networks, *wish.bridged.get(connection.name, ()))):
            owners.setdefault(network, []).append(connection)
    shared: dict[tuple[int, tuple[str, ...]], list[IPNetwork]] = {}
    named = {connection.name: connection for connection in wish.connections}
    for network, found in owners.items():
        shared.setdefault((network.version, tuple(one.name for one in found)), []).append(network)
    return tuple(
        Bundle(tuple(named[name] for name in names), family, tuple(networks))
        for (family, names), networks in sorted(shared.items())
    )


def routed_by_us(connection: Connection) -> bool:
    """Whether its networks have routes of ours: all there are, or those that count while BGP brings none."""
    return connection.mode == "static" or connection.fallback == "static"


def path_group(wish: Wish, bundle: Bundle) -> NexthopGroup:
    """The group over the tunnels that carry: of the connections that can, those with the lowest priority; when none
    can, what is sent is dropped."""
    members: dict[int | None, list[tuple[int, int]]] = {}
    for connection in bundle.connections:
        for tunnel in carrying_tunnels(wish.carrying, connection):
            if bundle.family in families_of(connection, tunnel):
                id = nexthop_id(connection.name, tunnel.name, bundle.family)
                members.setdefault(connection.priority, []).append((id, tunnel.weight or 1))
    best = next(iter(members.values()), [(nowhere_id(bundle.family), 1)])
    return NexthopGroup(bundle.id, tuple(sorted(best)))


def carrying_tunnels(carrying: Carrying, connection: Connection) -> tuple[Tunnel, ...]:
    """The tunnels that carry for a connection. As long as nobody has judged them: all of them, or the best."""
    ranked = tuple(metrics_of(connection))
    named = {tunnel.name: tunnel for tunnel in connection.tunnels}
    chosen = carrying.get(connection.name)
    known = tuple(name for name in chosen or () if name in named)
    if chosen is None or (chosen and not known):  # not judged yet, or under names of before
        known = ranked if connection.preference == "equal" else ranked[:1]
    return tuple(named[name] for name in known)


def _turn(connection: Connection) -> tuple[int, str]:
    return connection.priority or 0, connection.name
