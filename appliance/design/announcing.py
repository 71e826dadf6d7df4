"""What each cloud is told: networks of ours while their LAN is there, another cloud's while a tunnel leads there, and,
where the intent asks for it, a default route while an uplink has one. What is told and leads nowhere would have the
cloud send into nothing instead of taking another way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

from appliance.design.drawing import choose
from appliance.design.routing import lans_are_gone
from appliance.design.tunnels import families_of, tunnel_link
from appliance.design.underlay import uplink_links
from appliance.design.wish import Wish
from appliance.intent.finding import overlap, within
from appliance.model.address import IPNetwork
from appliance.model.forwarding import ForwardingRoute
from appliance.model.intent import Connection, Intent
from appliance.model.machine import Carrying, Reached

EVERYTHING = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


def announced(wish: Wish, connection: Connection) -> tuple[IPNetwork, ...]:
    """What this cloud is told: what its connection says, else the site's networks, but for what cannot be reached by us
    now; nothing without BGP. Sorted: order means nothing."""
    if connection.mode != "bgp":
        return ()
    if says_nothing(connection):
        return usually_announced(wish)
    networks = connection.announce.networks
    told = wish.intent.site.networks if networks is None else networks
    gone = {network for network in told if lans_are_gone(wish, network) or _is_cut_off(wish, connection, network)}
    return sorted_networks((*(network for network in told if network not in gone), *_defaults(wish, connection)))


def says_nothing(connection: Connection) -> bool:
    """Whether a connection with BGP leaves it to the site what its cloud is told."""
    return connection.announce.networks is None and not connection.announce.default_route


def telling_connections(wish: Wish) -> tuple[Connection, ...]:
    """Those whose clouds are told what their connection says."""
    return choose(wish, "telling", lambda connection: connection.announce.networks)


def usually_announced(wish: Wish) -> tuple[IPNetwork, ...]:
    """What clouds are told where their connections do not say."""
    if "usually announced" not in wish.memory:
        there = [network for network in wish.intent.site.networks if not lans_are_gone(wish, network)]
        wish.memory["usually announced"] = sorted_networks(there)
    found: tuple[IPNetwork, ...] = wish.memory["usually announced"]
    return found


def sorted_networks(networks: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """Each once, by family and address."""
    return tuple(sorted(set(networks), key=lambda network: (network.version, network)))


def _defaults(wish: Wish, connection: Connection) -> Iterator[IPNetwork]:
    """For each family that the sessions are of."""
    families = {family for tunnel in connection.tunnels for family in families_of(connection, tunnel)}
    for family in families if connection.announce.default_route else ():
        if _leads_out(wish, family):
            yield EVERYTHING[family]


def _leads_out(wish: Wish, family: int) -> bool:
    """Whether a default route of this machine's leaves by an uplink that works; offline it is taken for granted."""
    if wish.machine is None:
        return True
    links = uplink_links(wish)
    ways = [route.link for route in wish.machine.defaults if route.family == family and route.link in links]
    there = [wish.machine.interfaces.get(link) for link in ways]
    return any(one is not None and one.up and one.running for one in there)


# Between clouds


def beyond(intent: Intent, connection: Connection) -> Mapping[IPNetwork, tuple[Connection, ...]]:
    """What this cloud is told of that lies behind others, with those. A default route is nobody's network, and what
    IPsec policies take is no transit."""
    told = (connection.announce.networks or ()) if connection.mode == "bgp" else ()
    others = [one for one in intent.connections if one.name != connection.name and one.mode != "policy"] if told else []
    found = {network: tuple(other for other in others if _is_behind(network, other)) for network in told}
    return {network: owners for network, owners in found.items() if owners}


def transit_links(intent: Intent) -> frozenset[str]:
    """The interfaces that lead to what one cloud is told of another; none where no cloud is told of any."""
    telling = [one for one in intent.connections if one.announce.networks]
    owners = (other for one in telling for found in beyond(intent, one).values() for other in found)
    return frozenset(tunnel_link(tunnel) for other in owners for tunnel in other.tunnels)


def find_reached(intent: Intent, routes: Iterable[ForwardingRoute], carrying: Carrying) -> Reached:
    """By which connections a network that another cloud is told of is reached: a route of the kernel's to it, or to a
    part of it, leads into one of their tunnels, and not none of those can carry. ``routes`` are those by
    :func:`transit_links`."""
    standing = [route for route in routes if route.prefix.prefixlen]
    asked = {
        (other.name, network): frozenset(tunnel_link(tunnel) for tunnel in other.tunnels)
        for one in intent.connections
        for network, owners in beyond(intent, one).items()
        for other in owners
        if carrying.get(other.name) != ()
    }
    return frozenset(
        key
        for key, links in asked.items()
        if any(overlap(route.prefix, key[1]) and any(via.link in links for via in route.vias) for route in standing)
    )


def _is_cut_off(wish: Wish, connection: Connection, network: IPNetwork) -> bool:
    """Whether it lies behind other clouds and none of those can be reached. False where nobody looked: offline."""
    owners = beyond(wish.intent, connection).get(network, ()) if wish.reached is not None else ()
    return bool(owners) and not any((owner.name, network) in (wish.reached or ()) for owner in owners)


def _is_behind(network: IPNetwork, connection: Connection) -> bool:
    return any(within(network, theirs) for theirs in connection.networks if theirs.prefixlen)
