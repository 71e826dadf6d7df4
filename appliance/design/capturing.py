"""Default routes through tunnels: for what LANs send, and for nothing else.

They stand in a table of their own. A packet of a network of ours that no other route takes is looked up there; the
machine's own packets, IKE and ESP among them, never are, whatever a cloud announces. Once there was such a route it
ends in a blackhole: when no tunnel carries, a LAN's packets do not fall back to an uplink in clear.
"""

from __future__ import annotations

from appliance.design.drawing import choose
from appliance.design.numbering import (
    BLACKHOLE_METRIC,
    NEARER_RULE,
    OWN_PACKETS_RULE,
    default_priority,
)
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection
from appliance.model.resources import DEFAULT_TABLE, MAIN_TABLE, Blackhole, Resource, Rule


def captured_defaults(wish: Wish) -> tuple[IPNetwork, ...]:
    """The default routes that lead, or led, into tunnels: those the intent names, and those that were learned from
    whom one is taken."""
    found = set()
    for connection in choose(wish, "defaults", _may_capture, wish.intent.connections):
        if connection.name not in wish.unprotected:
            learned = wish.learned.get(connection.name, ()) if connection.accept.default_route else ()
            found |= {network for network in (*connection.networks, *learned) if network.prefixlen == 0}
    return tuple(sorted(found, key=lambda network: network.version))


def _may_capture(connection: Connection) -> bool:
    return connection.accept.default_route or any(network.prefixlen == 0 for network in connection.networks)


def capturing_resources(wish: Wish) -> frozenset[Resource]:
    """The rules that lead LANs there, and what is below the routes."""
    found: set[Resource] = set()
    for everything in captured_defaults(wish):
        found |= {Blackhole(everything, BLACKHOLE_METRIC, DEFAULT_TABLE), *_rules(wish, everything.version)}
    return frozenset(found)


def _rules(wish: Wish, family: int) -> set[Rule]:
    found = {
        Rule(OWN_PACKETS_RULE, MAIN_TABLE, family=family, incoming="lo"),
        Rule(NEARER_RULE, MAIN_TABLE, family=family, no_default=True),
    }
    intent, taken = wish.intent, set[int]()
    ours = {*intent.site.networks, *(network for lan in intent.lans for network in lan.networks)}
    for network in sorted((one for one in ours if one.version == family), key=str):
        taken.add(priority := default_priority(network, taken))
        found.add(Rule(priority, DEFAULT_TABLE, source=network, family=family))
    return found
