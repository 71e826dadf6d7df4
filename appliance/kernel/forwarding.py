"""Which routes lead where: nexthop objects and groups resolved to links and gateways."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from appliance.kernel.families import FAMILIES
from appliance.kernel.links import LinkFacts
from appliance.kernel.nexthops import NexthopFacts
from appliance.kernel.routes import Hop, RouteFacts
from appliance.model.forwarding import ForwardingRoute, Via
from appliance.model.machine import DefaultRoute
from appliance.model.resources import DEFAULT_TABLE, MAIN_TABLE

Links = Mapping[int, LinkFacts]
Nexthops = Mapping[int, NexthopFacts]


def find_forwarding(
    routes: Iterable[RouteFacts], nexthops: Nexthops, links: Links, wanted: Collection[str]
) -> tuple[ForwardingRoute, ...]:
    """The routes with at least one way out by a wanted link, with all their ways out: those of the main table, and
    default routes of that for LANs.

    Where nexthop objects are in use a route names only an id, and few ids serve many routes: each id is resolved once.
    """
    known: dict[int, tuple[Via, ...]] = {}
    found = []
    for route in routes:
        if route.table != MAIN_TABLE and route.table != DEFAULT_TABLE:
            continue
        if route.nexthop is None:
            vias = _vias(route.hops, links)
        elif route.nexthop in known:
            vias = known[route.nexthop]
        else:
            vias = known[route.nexthop] = _vias(resolve(route.nexthop, nexthops), links)
        if any(via.link in wanted for via in vias):
            found.append(ForwardingRoute(route.prefix, route.protocol, route.metric, vias, route.nexthop))
    return tuple(found)


def resolve(id: int, nexthops: Nexthops) -> tuple[Hop, ...]:
    """The ways out behind a nexthop id; none when it, or all its members, are gone. Linux has no groups of groups."""
    facts = nexthops.get(id)
    if facts is None:
        return ()
    members = facts.members or ((id, 1),)
    return tuple(
        Hop(nexthops[member].oif, nexthops[member].gateway, weight) for member, weight in members if member in nexthops
    )


def find_defaults(defaults: Iterable[RouteFacts], nexthops: Nexthops, links: Links) -> tuple[DefaultRoute, ...]:
    """Every way out of these default routes, best metric first."""
    found = [
        DefaultRoute(via.link, via.gateway, route.metric, FAMILIES[route.family])
        for route in defaults
        for via in _vias(route.hops if route.nexthop is None else resolve(route.nexthop, nexthops), links)
    ]
    return tuple(sorted(found, key=lambda route: (route.metric, route.family, route.link, str(route.gateway))))


def _vias(hops: Iterable[Hop], links: Links) -> tuple[Via, ...]:
    return tuple(Via(links[hop.oif].name, hop.gateway, hop.weight) for hop in hops if hop.oif in links)
