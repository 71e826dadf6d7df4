"""The sets of our table: everything in which one box differs from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

from appliance.firewall.words import merged, quoted
from appliance.model.address import IPNetwork
from appliance.model.drawn import Drawn, Gathered, gather, keep, keep_equal, make_each
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


NARROW = 8
"""Addresses of a network that are written one by one: a set of single ones takes and loses them by themselves, and one
of intervals is loaded anew as a whole."""


class Listed(str):
    """The text of a set, with what it lists and what else it is made of."""

    elements: Gathered[tuple[Any, ...]]
    around: tuple[str, str, str]


def render_sets(filter: Filter, uplinks: Sequence[str], known: Drawn) -> Iterator[str]:
    """Every set that the chains look into, also when it is empty: the chains stay the same. Each is a text by itself,
    the same object as before where nothing of it changed."""
    links = make_each(known, "links", filter.tunnels, _link, settle=keep_equal)
    yield _listed(known, "tunnels", "type ifname", links)
    for kind, others in (("uplinks", uplinks), ("lan_links", [one.interface for one in filter.lans])):
        yield _kept(known, kind, others, partial(_links, links=others))
    for family in (4, 6):
        places = make_each(known, ("places", family), filter.tunnels, partial(_spelled, family), settle=keep_equal)
        draw = partial(_tunnel_sets, places, uplinks, family, known)
        yield from keep(known, ("tunnel sets", family), (places, uplinks), draw)
        wide = make_each(known, ("wide", family), places, attrgetter("wide"), settle=keep_equal)
        yield from _network_sets(filter, uplinks, wide, family, known)


def _link(tunnel: TunnelGuard) -> tuple[tuple[str, str], ...]:
    return () if tunnel.interface is None else ((tunnel.interface, quoted(tunnel.interface)),)


def _kept(known: Drawn, name: str, given: object, render: Callable[[str], Iterable[str]]) -> str:
    """A set's text, as it was made before from equal facts."""
    return keep(known, ("set", name), given, lambda: "".join(f"{line}\n" for line in render(name)))


def _listed(known: Drawn, name: str, type_: str, parts: Sequence[Element], kind: str = "set") -> Listed:
    """A set of all that is in these parts, by what stands before their spelling. Its text is made anew when something
    comes or goes."""
    elements = gather(known, ("elements", name), parts)
    last: Listed | None = known.get(("set", name))
    if last is None or last.elements is not elements:
        lines = map(itemgetter(-1), elements.each)
        last = Listed("".join(f"{line}\n" for line in render_set(name, type_, lines, kind)))
        last.elements, last.around = elements, (name, type_, kind)
        known["set", name] = last
    return last


def _tunnel_sets(places: Sequence[_Place], uplinks: Sequence[str], family: int, known: Drawn) -> tuple[Listed, ...]:
    """What the tunnels have in each."""
    sizes, remotes, neighbors, inside = (
        make_each(known, (name, family), places, attrgetter(name), settle=keep_equal)
        for name in ("size", "remote", "neighbors", "inside")
    )

    def peers(place: _Place) -> Element:
        """From a far end by its uplink; by any where none is named."""
        links = uplinks if place.uplink is None else (place.uplink,)
        return tuple((link, number, f"{quoted(link)} . {text}") for link in links for number, text in place.remote)

    far, pair = make_each(known, ("peers", family), places, peers, uplinks), f"type ifname . ipv{family}_addr"
    return (
        _listed(known, f"mss{family}", "typeof oifname : tcp option maxseg size", sizes, "map"),
        _listed(known, f"peers{family}", pair, far),
        _listed(known, f"neighbors{family}", pair, neighbors),
        _listed(known, f"remotes{family}", f"type ipv{family}_addr", remotes),
        _listed(known, f"inside{family}", f"type ipv{family}_addr", inside),
    )


Element = tuple[tuple[Any, ...], ...]
"""What one tunnel has in a set: how each is spelled, and before that by what they are sorted."""
Address = tuple[int, str]
"""As a number, to sort by, and as text."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What one tunnel has in the sets of one family; ``wide`` are networks that are not written as addresses."""

    uplink: str | None
    remote: tuple[Address, ...]
    neighbors: tuple[tuple[str, int, str], ...]
    size: tuple[tuple[str], ...]
    inside: tuple[Address, ...]
    wide: tuple[IPNetwork, ...]


def _spelled(family: int, tunnel: TunnelGuard) -> _Place:
    remote, peers = (
        tuple((int(one), str(one)) for one in some if one.version == family)
        for some in ((tunnel.remote,), tunnel.neighbors)
    )
    size = tunnel.mss if family == 4 else tunnel.mss6
    link, mine = tunnel.interface, [network for network in tunnel.inside if network.version == family]
    neighbors = () if link is None else tuple((link, number, f"{quoted(link)} . {text}") for number, text in peers)
    narrow = [network for network in mine if network.num_addresses <= NARROW]
    wide = tuple(network for network in mine if network.num_addresses > NARROW)
    return _Place(
        tunnel.uplink,
        remote,
        neighbors,
        () if link is None else ((f"{quoted(link)} : {size}",),),
        tuple((int(one), str(one)) for network in narrow for one in network),
        wide,
    )


def _network_sets(
    filter: Filter, uplinks: Sequence[str], wide: Sequence[Iterable[IPNetwork]], family: int, known: Drawn
) -> Iterator[str]:
    anywhere = _lan_networks(lan for lan in filter.lans if not lan.interface)
    given = filter.protected, wide
    protected = keep(known, ("held", family), given, lambda: (*filter.protected, *chain.from_iterable(wide)))
    private = PRIVATE if filter.deny_private else ()
    near = (filter.lans, uplinks, filter.uplink_networks, protected)

    def networks(kind: str, given: object, find: Callable[[], Iterable[IPNetwork]]) -> str:
        type_ = f"type ipv{family}_addr; flags interval"
        render = lambda name: render_set(name, type_, map(str, merged(find(), family)))  # noqa: E731
        return _kept(known, f"{kind}{family}", given, render)

    yield networks("lan_anywhere", filter.lans, lambda: anywhere)
    yield networks("lan_networks", filter.lans, lambda: _lan_networks(filter.lans))
    yield networks("near", near, lambda: _near(filter, protected, family))
    yield networks("protected", protected, lambda: protected)
    yield networks("private", private, lambda: private)


def _links(name: str, links: Iterable[str | None]) -> Iterable[str]:
    return render_set(name, "type ifname", map(quoted, sorted({link for link in links if link})))


def render_set(name: str, type_: str, elements: Iterable[str], kind: str = "set") -> Iterable[str]:
    """A set or map with its elements, one a line."""
    yield f"\t{kind} {name} {{"
    yield from (f"\t\t{part}" for part in type_.split("; "))
    if lines := list(elements):
        yield "\t\telements = {"
        yield "\t\t\t" + ",\n\t\t\t".join(lines) + ","
        yield "\t\t}"
    yield "\t}"


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
            yield from ((uplink, common) for uplink in filter.every_uplink for common in shared)


def _common(one: IPNetwork, other: IPNetwork) -> IPNetwork | None:
    """What two networks have in common: the smaller one, or nothing."""
    if one.version != other.version or not one.overlaps(other):
        return None
    return max(one, other, key=lambda network: network.prefixlen)


def _near(filter: Filter, protected: Iterable[IPNetwork], family: int) -> list[IPNetwork]:
    """What may leave an uplink in clear although it is private: the uplinks' own networks and the LANs that are there.

    Like routing, by the longest prefix: what a cloud holds inside such a network stays protected.
    """
    uplinks = filter.every_uplink
    near = {*filter.uplink_networks, *(network for link, network in _places(filter) if link in uplinks)}
    kept = [network for network in near if network.version == family]
    for secret in (prefix for prefix in protected if prefix.version == family):
        kept = [part for network in kept for part in _without(network, secret)]
    return kept


def _without(network: IPNetwork, secret: IPNetwork) -> Iterable[IPNetwork]:
    if isinstance(network, IPv4Network) and isinstance(secret, IPv4Network):
        return network.address_exclude(secret) if network != secret and secret.subnet_of(network) else (network,)
    if isinstance(network, IPv6Network) and isinstance(secret, IPv6Network):
        return network.address_exclude(secret) if network != secret and secret.subnet_of(network) else (network,)
    return (network,)
