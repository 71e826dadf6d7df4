"""How IKE and ESP leave the box: each tunnel by its own uplink, and never through a tunnel.

What our address on an uplink sends to a far end is looked up in that uplink's own table before the main one, which so
may hold whatever a cloud announces, a default route too. The table holds far ends and nothing else: all other traffic
from that address goes on to the main table.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from itertools import chain

from appliance.design.drawing import recall_each, surroundings
from appliance.design.numbering import source_priority, uplink_table
from appliance.design.underlay import Underlay, choose_uplink, underlay_of
from appliance.design.wish import Wish
from appliance.model.address import IPAddress
from appliance.model.drawn import keep, keep_parts
from appliance.model.intent import Connection, Tunnel
from appliance.model.resources import MAIN_TABLE, Resource, Route, Rule

HOST_ROUTE_METRIC = 10


def egress_resources(wish: Wish) -> tuple[tuple[frozenset[Resource], ...], frozenset[Resource]]:
    """The uplinks' rules and tables, by connection, and host routes in the main table for whoever asks there."""
    around = surroundings(wish)
    found = recall_each(wish, "egress", wish.connections, around, partial(_ways_out, wish), None, keep_parts)
    return found, _main_routes(wish, around)


def _ways_out(wish: Wish, connection: Connection) -> frozenset[Resource]:
    """One connection's rules and routes."""
    found: set[Resource] = set()
    for tunnel in connection.tunnels:
        under = underlay_of(wish, tunnel)
        if wish.machine is not None and under.link and under.address and under.way:
            table = _table(wish, under)
            found |= {_source_rule(under, table), _host_route(tunnel, under, table)}
    return frozenset(found)


def _table(wish: Wish, under: Underlay) -> int:
    """Of two uplinks on one interface each has its own: perhaps they lead to one far end by two gateways."""
    assert under.link is not None
    shared = sum(uplink.interface == under.link for uplink in wish.intent.uplinks) > 1
    return uplink_table(f"{under.link}/{under.uplink}" if shared else under.link)


def _source_rule(under: Underlay, table: int) -> Rule:
    assert under.link is not None
    assert under.address is not None
    priority = source_priority(under.address, under.link)
    source = ip_network(under.address)
    return Rule(priority, table, source=source, family=under.address.version)


def _host_route(tunnel: Tunnel, under: Underlay, table: int) -> Route:
    assert under.way is not None
    remote = ip_network(tunnel.remote)
    return Route(remote, HOST_ROUTE_METRIC, table=table, gateway=under.way.gateway, link=under.link)


def _main_routes(wish: Wish, around: object) -> frozenset[Resource]:
    """To far ends of uplinks whose gateway the intent states, or that are not the only one: who does not say from which
    address (a ping to see whether they answer) goes the same way. Of two uplinks to one far end the first does."""
    several = len(wish.intent.uplinks) > 1
    if not several and not any(uplink.gateway for uplink in wish.intent.uplinks):
        return frozenset()
    ways = recall_each(wish, "main ways", wish.connections, around, partial(_main_ways, wish, several))
    return keep(
        wish.drawn, "main routes", ways, lambda: frozenset(dict(reversed([*chain.from_iterable(ways)])).values())
    )


def _main_ways(wish: Wish, several: bool, connection: Connection) -> tuple[tuple[IPAddress, Route], ...]:
    """One connection's, by far end."""
    found = []
    for tunnel in sorted(connection.tunnels, key=lambda tunnel: tunnel.name):
        uplink, under = choose_uplink(wish.intent.uplinks, tunnel), underlay_of(wish, tunnel)
        if uplink and under.way and (uplink.gateway or several):
            found.append((tunnel.remote, _host_route(tunnel, under, MAIN_TABLE)))
    return tuple(found)
