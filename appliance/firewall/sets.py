"""The sets of our table: everything in which one box differs from another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from appliance.firewall.words import merged, quoted
from appliance.model.address import IPNetwork
from appliance.model.filtering import Filter, LanGuard, TunnelGuard

PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598
        "169.254.0.0/16",  # RFC 3927
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # RFC 4291, 2.5.6
    )
)
"""Destinations that mean nothing on the Internet: clear text to them on an uplink is a leak."""


Known = dict[object, Any]
"""What was made before, by the kind and identity of what it was made from: that stands beside it."""


def render_sets(filter: Filter, known: Known) -> Iterable[str]:
    """Every set that the chains look into, also when it is empty: the chains stay the same."""
    yield from _links("tunnels", (tunnel.interface for tunnel in filter.tunnels if tunnel.interface is not None))
    yield from _links("uplinks", uplinks_of(filter))
    yield from _links("lan_links", (lan.interface for lan in filter.lans if lan.interface))
    for family in (4, 6):
        yield from _tunnel_sets(filter, family, known)
        yield from _network_sets(filter, family)


def uplinks_of(filter: Filter) -> list[str]:
    """The uplinks, those that only a tunnel names among them."""
    return sorted({*filter.uplinks, *(tunnel.uplink for tunnel in filter.tunnels if tunnel.uplink)})


def _tunnel_sets(filter: Filter, family: int, known: Known) -> Iterable[str]:
    found = [_places_of(tunnel, family, known) for tunnel in filter.tunnels]
    uplinks = uplinks_of(filter)
    far = [(place.uplink, address) for place in found for address in place.remote]
    peers = {(link, *address) for one, address in far for link in ((one,) if one else uplinks)}
    neighbors = {(place.link, *address) for place in found if place.link for address in place.neighbors}
    remotes = sorted({address for _, address in far})
    sizes = sorted(place.size for place in found if place.size)
    yield from render_set(f"mss{family}", "typeof oifname : tcp option maxseg size", sizes, kind="map")
    yield from _pairs(f"peers{family}", family, peers)
    yield from _pairs(f"neighbors{family}", family, neighbors)
    yield from render_set(f"remotes{family}", f"type ipv{family}_addr", (text for _, text in remotes))


Address = tuple[int, str]
"""As a number, to sort by, and as text."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What one tunnel has in the sets of one family."""

    link: str | None
    uplink: str | None
    remote: tuple[Address, ...]
    neighbors: tuple[Address, ...]
    size: str | None


def _places_of(tunnel: TunnelGuard, family: int, known: Known) -> _Place:
    """A tunnel that stays the same object is not spelled again."""
    key = ("place", id(tunnel), family)
    if key not in known or known[key][0] is not tunnel:
        known[key] = tunnel, _spelled(tunnel, family)
    found: _Place = known[key][1]
    return found


def _spelled(tunnel: TunnelGuard, family: int) -> _Place:
    remote, neighbors = (
        tuple((int(one), str(one)) for one in some if one.version == family)
        for some in ((tunnel.remote,), tunnel.neighbors)
    )
    size = tunnel.mss if family == 4 else tunnel.mss6
    link = tunnel.interface
    return _Place(link, tunnel.uplink, remote, neighbors, None if link is None else f"{quoted(link)} : {size}")


def _network_sets(filter: Filter, family: int) -> Iterable[str]:
    anywhere = (lan for lan in filter.lans if not lan.interface)
    yield from _networks(f"lan_anywhere{family}", family, _lan_networks(anywhere))
    yield from _networks(f"lan_networks{family}", family, _lan_networks(filter.lans))
    yield from _networks(f"near{family}", family, _near(filter, family))
    yield from _networks(f"protected{family}", family, filter.protected)
    yield from _networks(f"private{family}", family, PRIVATE if filter.deny_private else ())


def _links(name: str, links: Iterable[str]) -> Iterable[str]:
    return render_set(name, "type ifname", map(quoted, sorted(set(links))))


def render_set(name: str, type_: str, elements: Iterable[str], kind: str = "set") -> Iterable[str]:
    """A set or map with its elements, one a line."""
    yield f"\t{kind} {name} {{"
    yield from (f"\t\t{part}" for part in type_.split("; "))
    if lines := list(elements):
        yield "\t\telements = {"
        yield from (f"\t\t\t{line}," for line in lines)
        yield "\t\t}"
    yield "\t}"


def _pairs(name: str, family: int, pairs: Iterable[tuple[str, int, str]]) -> Iterable[str]:
    elements = (f"{quoted(link)} . {address}" for link, _, address in sorted(pairs))
    return render_set(name, f"type ifname . ipv{family}_addr", elements)


def _networks(name: str, family: int, networks: Iterable[IPNetwork]) -> Iterable[str]:
    return render_set(name, f"type ipv{family}_addr; flags interval", map(str, merged(networks, family)))


def _lan_networks(lans: Iterable[LanGuard]) -> tuple[IPNetwork, ...]:
    return tuple(network for lan in lans for network in lan.networks)


def placed_lans(filter: Filter, family: int) -> dict[str, list[IPNetwork]]:
    """The networks of every LAN whose interface is known, by that."""
    places: dict[str, list[IPNetwork]] = {}
    for link, network in _places(filter):
        places.setdefault(link, []).append(network)
    found = {link: merged(places[link], family) for link in sorted(places)}
    return {link: networks for link, networks in found.items() if networks}


def _places(filter: Filter) -> Iterable[tuple[str, IPNetwork]]:
    """A LAN named without an interface is on any but the uplinks, save where it is an uplink's own network: a box with
    one interface has its LAN there."""
    for lan in filter.lans:
        for network in lan.networks:
            if lan.interface:
                yield lan.interface, network
                continue
            shared = [common for near in filter.uplink_networks if (common := _common(network, near))]
            yield from ((uplink, common) for uplink in uplinks_of(filter) for common in shared)


def _common(one: IPNetwork, other: IPNetwork) -> IPNetwork | None:
    """What two networks have in common: the smaller one, or nothing."""
    if one.version != other.version or not one.overlaps(other):
        return None
    return max(one, other, key=lambda network: network.prefixlen)


def _near(filter: Filter, family: int) -> list[IPNetwork]:
    """What may leave an uplink in clear although it is private: the uplinks' own networks and the LANs that are there.

    Like routing, by the longest prefix: what a cloud holds inside such a network stays protected.
    """
    uplinks = uplinks_of(filter)
    near = {*filter.uplink_networks, *(network for link, network in _places(filter) if link in uplinks)}
    kept = [network for network in near if network.version == family]
    for secret in (prefix for prefix in filter.protected if prefix.version == family):
        kept = [part for network in kept for part in _without(network, secret)]
    return kept


def _without(network: IPNetwork, secret: IPNetwork) -> Iterable[IPNetwork]:
    if isinstance(network, IPv4Network) and isinstance(secret, IPv4Network):
        return network.address_exclude(secret) if network != secret and secret.subnet_of(network) else (network,)
    if isinstance(network, IPv6Network) and isinstance(secret, IPv6Network):
        return network.address_exclude(secret) if network != secret and secret.subnet_of(network) else (network,)
    return (network,)
