"""The sets of our table: everything in which one box differs from another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import chain
from operator import attrgetter

from appliance.firewall.words import merged, quoted
from appliance.model.address import IPNetwork
from appliance.model.drawn import Drawn, keep, make_each
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


def render_sets(filter: Filter, known: Drawn) -> Iterator[str]:
    """Every set that the chains look into, also when it is empty: the chains stay the same. Each is a text by itself,
    the same object as before where nothing of it changed."""
    uplinks = uplinks_of(filter)
    tunnels, lans = [one.interface for one in filter.tunnels], [one.interface for one in filter.lans]
    for kind, links in (("tunnels", tunnels), ("uplinks", uplinks), ("lan_links", lans)):
        yield _kept(known, kind, links, partial(_links, links=links))
    for family in (4, 6):
        places = make_each(known, ("places", family), filter.tunnels, partial(_spelled, family), settle=_settle)
        yield from _tunnel_sets(places, uplinks, family, known)
        yield from _network_sets(filter, uplinks, [wide for place in places for wide in place.wide], family, known)


def _kept(known: Drawn, name: str, given: object, render: Callable[[str], Iterable[str]]) -> str:
    """A set's text, as it was made before from equal facts."""
    return keep(known, ("set", name), given, lambda: "".join(f"{line}\n" for line in render(name)))


def uplinks_of(filter: Filter) -> list[str]:
    """The uplinks, those that only a tunnel names among them."""
    named = set(map(attrgetter("uplink"), filter.tunnels))
    return sorted({*filter.uplinks, *(link for link in named if link)})


def _tunnel_sets(places: Sequence[_Place], uplinks: Sequence[str], family: int, known: Drawn) -> Iterator[str]:
    sizes = [place.size for place in places]
    ways = [place.uplink for place in places]
    remotes, neighbors = [place.remote for place in places], [place.neighbors for place in places]
    inside = [place.inside for place in places]
    size = "typeof oifname : tcp option maxseg size"

    def peers(name: str) -> Iterable[str]:
        """From a far end by its uplink; by any where none is named."""
        far = [(way, address) for way, addresses in zip(ways, remotes, strict=True) for address in addresses]
        return _pairs(name, family, {(link, *address) for one, address in far for link in ((one,) if one else uplinks)})

    yield _kept(known, f"mss{family}", sizes, lambda name: render_set(name, size, sorted(filter(None, sizes)), "map"))
    yield _kept(known, f"peers{family}", (uplinks, ways, remotes), peers)
    yield _kept(known, f"neighbors{family}", neighbors, lambda name: _pairs(name, family, set(chain(*neighbors))))
    yield _kept(known, f"remotes{family}", remotes, lambda name: _addresses(name, family, remotes))
    yield _kept(known, f"inside{family}", inside, lambda name: _blocks(name, family, inside))


Address = tuple[int, str]
"""As a number, to sort by, and as text."""
Block = tuple[int, int, tuple[str, ...]]
"""First and last of addresses that follow one another, and all of them as text."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What one tunnel has in the sets of one family; ``wide`` are networks that are not written as addresses."""

    uplink: str | None
    remote: tuple[Address, ...]
    neighbors: tuple[tuple[str, int, str], ...]
    size: str | None
    inside: tuple[Block, ...]
    wide: tuple[IPNetwork, ...]


def _settle(before: _Place, now: _Place) -> _Place:
    return before if before == now else now


def _spelled(family: int, tunnel: TunnelGuard) -> _Place:
    remote, peers = (
        tuple((int(one), str(one)) for one in some if one.version == family)
        for some in ((tunnel.remote,), tunnel.neighbors)
    )
    size = tunnel.mss if family == 4 else tunnel.mss6
    link, mine = tunnel.interface, [network for network in tunnel.inside if network.version == family]
    neighbors = () if link is None else tuple((link, *one) for one in peers)
    narrow = tuple(
        (int(network[0]), int(network[-1]), tuple(map(str, network)))
        for network in mine
        if network.num_addresses <= NARROW
    )
    wide = tuple(network for network in mine if network.num_addresses > NARROW)
    spelled = None if link is None else f"{quoted(link)} : {size}"
    return _Place(tunnel.uplink, remote, neighbors, spelled, narrow, wide)


def _network_sets(
    filter: Filter, uplinks: Sequence[str], wide: Sequence[IPNetwork], family: int, known: Drawn
) -> Iterator[str]:
    anywhere = _lan_networks(lan for lan in filter.lans if not lan.interface)
    protected = (*filter.protected, *wide)
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


def _pairs(name: str, family: int, pairs: Iterable[tuple[str, int, str]]) -> Iterable[str]:
    elements = [f"{quoted(link)} . {address}" for link, _, address in sorted(pairs)]
    return render_set(name, f"type ifname . ipv{family}_addr", elements)


def _addresses(name: str, family: int, found: Iterable[Iterable[Address]]) -> Iterable[str]:
    each = sorted(set(chain.from_iterable(found)))
    return render_set(name, f"type ipv{family}_addr", [text for _, text in each])


def _blocks(name: str, family: int, found: Iterable[Iterable[Block]]) -> Iterable[str]:
    """Each address once; blocks hold one another, or have nothing in common."""
    apart: list[Block] = []
    for block in sorted(chain.from_iterable(found), key=lambda one: (one[0], -one[1])):
        if not apart or apart[-1][1] < block[0]:
            apart.append(block)
    return render_set(name, f"type ipv{family}_addr", [text for _, _, texts in apart for text in texts])


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


def _near(filter: Filter, protected: Iterable[IPNetwork], family: int) -> list[IPNetwork]:
    """What may leave an uplink in clear although it is private: the uplinks' own networks and the LANs that are there.

    Like routing, by the longest prefix: what a cloud holds inside such a network stays protected.
    """
    uplinks = uplinks_of(filter)
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
