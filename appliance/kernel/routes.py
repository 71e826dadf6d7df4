"""Routes: rtnetlink's route messages to :class:`Route` and :class:`Blackhole` and back (linux/rtnetlink.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from errno import EEXIST, ENODEV, ENOENT, ESRCH
from struct import Struct
from typing import NamedTuple

from appliance.kernel.families import family_of, parse_address, parse_network
from appliance.kernel.links import LinkFacts, standing
from appliance.kernel.wire import (
    CREATE,
    DEL_ROUTE,
    DUMP,
    EXCLUSIVE,
    GET_ROUTE,
    INET6,
    NEW_ROUTE,
    REPLACE,
    U32,
    Request,
    attribute,
    attributes,
    number,
    u32,
)
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.change import Change
from appliance.model.fault import SystemFailure
from appliance.model.resources import LEARNED_PROTOCOL, MAIN_TABLE, ROUTE_PROTOCOL, Blackhole, Route

INFO = Struct("=BBBBBBBBI")  # family, lengths of destination and source, tos, table, protocol, scope, type, flags
HOP = Struct("=HBBi")  # length, flags, weight - 1, interface index (struct rtnexthop)
DST, OIF, GATEWAY, PRIORITY, MULTIPATH, TABLE, VIA, NEXTHOP_ID = 1, 4, 5, 6, 9, 15, 18, 30
UNICAST, BLACKHOLE = 1, 6
SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_NOWHERE = 0, 253, 255
CLONED = 0x200


@dataclass(frozen=True, slots=True)
class Hop:
    """One way out of a route: interface index, gateway, weight."""

    oif: int
    gateway: IPAddress | None
    weight: int = 1


class RouteFacts(NamedTuple):
    """A route as the kernel has it. ``hops`` is empty where only a nexthop object is named (and on a blackhole)."""

    family: int
    destination: bytes | None
    length: int
    table: int
    protocol: int
    type: int
    metric: int
    nexthop: int | None
    hops: tuple[Hop, ...]

    @property
    def prefix(self) -> IPNetwork:
        """Where the route leads."""
        return parse_network(self.family, self.destination, self.length)


def dump_own_routes(family: int) -> Request:
    """Ask for the routes of our protocol number in every table: Linux leaves out the rest, be it all of BGP."""
    return Request(GET_ROUTE, DUMP, INFO.pack(family, 0, 0, 0, 0, ROUTE_PROTOCOL, 0, 0, 0))


def dump_learned_routes(family: int) -> Request:
    """Ask for the routes of the embedded speaker."""
    return Request(GET_ROUTE, DUMP, INFO.pack(family, 0, 0, 0, 0, LEARNED_PROTOCOL, 0, 0, 0))


def dump_main_routes(family: int) -> Request:
    """Ask for every unicast route of the main table."""
    return Request(GET_ROUTE, DUMP, INFO.pack(family, 0, 0, 0, MAIN_TABLE, 0, 0, UNICAST, 0))


def dump_unicast_routes(family: int) -> Request:
    """Ask for every unicast route of any table. Of one alone Linux is only asked where that is known to be there."""
    return Request(GET_ROUTE, DUMP, INFO.pack(family, 0, 0, 0, 0, 0, 0, UNICAST, 0))


def is_default(body: bytes) -> bool:
    """Whether this message describes a default route; cheaper than to parse a full table for a handful of them."""
    return body[1] == 0


def parse_route(body: bytes) -> RouteFacts:
    """The route this message describes, ours or not."""
    family, length, _, _, table, protocol, _, kind, _ = INFO.unpack_from(body)
    found = attributes(body, INFO.size)
    return RouteFacts(
        family=family,
        destination=found.get(DST),
        length=length,
        table=number(found, TABLE, table),
        protocol=protocol,
        type=kind,
        metric=number(found, PRIORITY),
        nexthop=number(found, NEXTHOP_ID) if NEXTHOP_ID in found else None,
        hops=_hops(found) if kind == UNICAST else (),
    )


def own_route(facts: RouteFacts, links: Mapping[int, LinkFacts]) -> Route | Blackhole | None:
    """The resource, or None for a route that does not carry our protocol number."""
    if facts.protocol != ROUTE_PROTOCOL:
        return None
    if facts.nexthop is not None:  # shown as a blackhole while that leads nowhere
        return Route(facts.prefix, facts.metric, facts.table, nexthop=facts.nexthop)
    if facts.type == BLACKHOLE:
        return Blackhole(facts.prefix, facts.metric, facts.table)
    if facts.type != UNICAST:
        return None
    hop = facts.hops[0] if len(facts.hops) == 1 else Hop(0, None)
    link = links.get(hop.oif)
    return Route(facts.prefix, facts.metric, facts.table, gateway=hop.gateway, link=link.name if link else None)


def learned_route(facts: RouteFacts) -> Route | None:
    """The resource, or None for a route that is not one of the embedded speaker's over a nexthop object."""
    if facts.protocol != LEARNED_PROTOCOL or facts.nexthop is None:
        return None
    return Route(facts.prefix, facts.metric, facts.table, nexthop=facts.nexthop, protocol=LEARNED_PROTOCOL)


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The messages that carry out a change. A new metric is a second route to Linux: it stands before the old goes."""
    old, new = change.old, change.new
    if new is None:
        return (_removal(old),)
    assert isinstance(new, Route | Blackhole)
    if isinstance(old, Route | Blackhole) and old.metric == new.metric:
        return (Request(NEW_ROUTE, CREATE | REPLACE, _body(new, present)),)
    if old is None:
        return (Request(NEW_ROUTE, CREATE | EXCLUSIVE, _body(new, present)),)
    # A process killed between the two steps left both routes: then only the second step is left to do.
    return (Request(NEW_ROUTE, CREATE | EXCLUSIVE, _body(new, present), forgive=(EEXIST,)), _removal(old))


def _removal(resource: object) -> Request:
    """By prefix, table, metric, type and our protocol number: no other's route can match."""
    assert isinstance(resource, Route | Blackhole)
    kind = BLACKHOLE if isinstance(resource, Blackhole) else UNICAST
    body = _head(resource, kind, SCOPE_NOWHERE) + _tail(resource)
    return Request(DEL_ROUTE, 0, body, forgive=(ESRCH, ENOENT, ENODEV))


def _body(resource: Route | Blackhole, present: Mapping[str, LinkFacts]) -> bytes:
    if resource.prefix.version == 6 and resource.metric == 0:
        raise SystemFailure(f"{resource.prefix}: an IPv6 route needs a metric, Linux makes 1024 out of 0")
    if isinstance(resource, Blackhole):
        return _head(resource, BLACKHOLE, SCOPE_UNIVERSE) + _tail(resource)
    via_device = resource.gateway is None and resource.nexthop is None
    body = _head(resource, UNICAST, SCOPE_LINK if via_device else SCOPE_UNIVERSE)
    body += _tail(resource) + _way_out(resource)
    if resource.link is None:
        return body
    return body + u32(OIF, standing(resource.link, present).index)


def _head(resource: Route | Blackhole, kind: int, scope: int) -> bytes:
    prefix, low = resource.prefix, resource.table if resource.table < 256 else 0
    protocol = resource.protocol if isinstance(resource, Route) else ROUTE_PROTOCOL
    return INFO.pack(family_of(prefix), prefix.prefixlen, 0, 0, low, protocol, scope, kind, 0) + (
        attribute(DST, prefix.network_address.packed) if prefix.prefixlen else b""
    )


def _tail(resource: Route | Blackhole) -> bytes:
    table = u32(TABLE, resource.table) if resource.table >= 256 else b""
    return table + u32(PRIORITY, resource.metric)


def _way_out(route: Route) -> bytes:
    if route.nexthop is not None:
        return u32(NEXTHOP_ID, route.nexthop)
    if route.gateway is None:
        return b""
    if family_of(route.prefix) != INET6 and route.gateway.version == 6:
        return attribute(VIA, family_of(route.gateway).to_bytes(2, "little") + route.gateway.packed)
    return attribute(GATEWAY, route.gateway.packed)


def _hops(found: Mapping[int, bytes]) -> tuple[Hop, ...]:
    if MULTIPATH in found:
        return tuple(_parse_multipath(found[MULTIPATH]))
    if OIF in found:
        return (Hop(U32.unpack(found[OIF])[0], _gateway(found)),)
    return ()


def _parse_multipath(data: bytes) -> list[Hop]:
    hops, at = [], 0
    while at + HOP.size <= len(data):
        length, _, weight, index = HOP.unpack_from(data, at)
        if length < HOP.size:
            break
        inner = attributes(data[at : at + length], HOP.size)
        hops.append(Hop(index, _gateway(inner), weight + 1))
        at += (length + 3) & ~3
    return hops


def _gateway(found: Mapping[int, bytes]) -> IPAddress | None:
    if GATEWAY in found:
        return parse_address(found[GATEWAY])
    return parse_address(found[VIA][2:]) if VIA in found else None
