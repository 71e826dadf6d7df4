"""Which networks are whose: ours, theirs, and never both."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from appliance.intent.finding import Finding, Place, connections_of, tunnels_of, within
from appliance.intent.overlaps import NetworkIndex
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Intent

Named = tuple[str, IPNetwork]

_UNROUTABLE: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # RFC 1122: this network
        "127.0.0.0/8",  # RFC 1122: loopback
        "169.254.0.0/16",  # RFC 3927: link-local
        "224.0.0.0/4",  # RFC 5771: multicast
        "240.0.0.0/4",  # RFC 1112: reserved
        "::/128",  # RFC 4291: unspecified
        "::1/128",  # RFC 4291: loopback
        "fe80::/10",  # RFC 4291: link-local
        "ff00::/8",  # RFC 4291: multicast
    )
)


def network_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with networks."""
    ours = list(_ours(intent))
    theirs = [(f"{key}.networks[{i}]", net) for key, c in connections_of(intent) for i, net in enumerate(c.networks)]
    for key, network in (*ours, *theirs):
        yield from _routable(key, network)
    yield from _defaults(intent, ours)
    yield from _repeats(intent)
    yield from _against_ours(theirs, ours)
    yield from _against_remotes(theirs, intent)
    yield from _missing_priorities(intent)
    yield from _mixed_modes(intent)
    yield from _lan_findings(intent)


def _ours(intent: Intent) -> Iterator[Named]:
    for index, network in enumerate(intent.site.networks):
        yield f"site.networks[{index}]", network
    for number, lan in enumerate(intent.lans):
        for index, network in enumerate(lan.networks):
            yield f"lans[{number}].networks[{index}]", network


def _routable(key: str, network: IPNetwork) -> Iterator[Finding]:
    for bad in _UNROUTABLE:
        if within(network, bad):
            yield Finding(key, f"{bad} is never routed", found=str(network))
            return


def _defaults(intent: Intent, ours: list[Named]) -> Iterator[Finding]:
    """Everything there is can lie behind a cloud, for what LANs send; never behind us."""
    for key, network in ours:
        if network.prefixlen == 0:
            yield Finding(key, "everything there is cannot be ours", found=str(network), fix="name networks")
    for key, connection in connections_of(intent):
        for index, network in enumerate(connection.networks):
            place, about = f"{key}.networks[{index}]", (f"{key}.mode",)
            if network.prefixlen == 0 and connection.mode == "bgp":
                message = "a default route comes over BGP, if the cloud announces one"
                yield Finding(place, message, found=str(network), fix="accept: {default-route: true}", about=about)
            elif network.prefixlen == 0 and connection.mode == "policy":
                message = "IPsec policies for everything there is would take what LANs send each other"
                yield Finding(place, message, found=str(network), allowed="networks, or mode: static", about=about)


def _repeats(intent: Intent) -> Iterator[Finding]:
    """Within one list, a network stands once."""
    lists = [("site.networks", intent.site.networks)]
    lists += [(f"{key}.networks", connection.networks) for key, connection in connections_of(intent)]
    lists += [(f"{k}.announce.networks", c.announce.networks or ()) for k, c in connections_of(intent)]
    for key, networks in lists:
        first: dict[IPNetwork, str] = {}
        for index, network in enumerate(networks):
            place = f"{key}[{index}]"
            other = first.setdefault(network, place)
            if other != place:
                yield Finding(place, "stands twice in this list", found=str(network), about=(other,))


def _against_ours(theirs: list[Named], ours: list[Named]) -> Iterator[Finding]:
    known: NetworkIndex[str] = NetworkIndex()
    for key, network in ours:
        known.add(key, network)
    for key, network in theirs:
        met = known.overlapping(network) if network.prefixlen else None
        if met:
            message = f"overlaps {met[1]}, which is ours ({met[0]})"
            fix = "a network is behind the cloud or behind us"
            yield Finding(key, message, found=str(network), fix=fix, about=(met[0],))


def _against_remotes(theirs: list[Named], intent: Intent) -> Iterator[Finding]:
    """A tunnel's own packets must not be routed into a tunnel."""
    known: NetworkIndex[Place] = NetworkIndex()
    for place in tunnels_of(intent):
        known.add(place, ip_network(place.tunnel.remote))
    for key, network in theirs:
        met = known.overlapping(network) if network.prefixlen else None
        if met:
            tunnel = met[0].tunnel
            message = f"holds {tunnel.remote}: the packets of tunnel {tunnel.name} would be routed into a tunnel"
            yield Finding(key, message, found=str(network), about=(f"{met[0].key}.remote",))


def _missing_priorities(intent: Intent) -> Iterator[Finding]:
    """Two connections to one network need to say which goes first."""
    ranked: NetworkIndex[tuple[str, Connection]] = NetworkIndex()
    unranked: NetworkIndex[tuple[str, Connection]] = NetworkIndex()
    for key, connection in connections_of(intent):
        for index in (unranked,) if connection.priority is not None else (ranked, unranked):
            met = [(network, index.overlapping(network)) for network in connection.networks if network.prefixlen]
            network, other = next(((mine, found) for mine, found in met if found), (None, None))
            if network and other:
                yield _missing_priority(key, connection, network, *other)
                break
        for network in connection.networks:
            (unranked if connection.priority is None else ranked).add((key, connection), network)


def _missing_priority(
    key: str, connection: Connection, network: IPNetwork, owner: tuple[str, Connection], met: IPNetwork
) -> Finding:
    other_key, other = owner
    shared = network if network.prefixlen >= met.prefixlen else met
    message = f"missing: connections {other.name} and {connection.name} share {shared}"
    about = tuple(f"{each}.{part}" for each in (key, other_key) for part in ("priority", "networks"))
    lacking = key if connection.priority is None else other_key
    fix = "priority: 100 on both makes them one ECMP group"
    return Finding(f"{lacking}.priority", message, fix=fix, about=about)


def _mixed_modes(intent: Intent) -> Iterator[Finding]:
    """Connections of different modes share a prefix only where one is sure to go first: a static route stands behind
    what BGP brings for the same prefix, and IPsec policies hide any route."""
    for key, connection in connections_of(intent):
        for other_key, other in connections_of(intent):
            if (connection.mode, other.mode) == ("static", "bgp"):
                yield from _behind_bgp(key, connection, other_key, other)
            elif (connection.mode, other.mode) in (("static", "policy"), ("policy", "bgp")):
                yield from _hidden(key, connection, other_key, other)


def _met(connection: Connection, other: Connection) -> Iterator[tuple[int, IPNetwork, IPNetwork]]:
    """(index, network, what it overlaps of the other's)."""
    known: NetworkIndex[None] = NetworkIndex()
    for network in other.networks:
        known.add(None, network)
    for index, network in enumerate(connection.networks):
        met = known.overlapping(network) if network.prefixlen else None
        if met:
            yield index, network, met[1]


def _behind_bgp(key: str, connection: Connection, other_key: str, other: Connection) -> Iterator[Finding]:
    about = (f"{other_key}.mode", f"{key}.mode", f"{other_key}.networks", f"{key}.priority", f"{other_key}.priority")
    for index, network, theirs in _met(connection, other):
        if theirs.prefixlen < network.prefixlen:
            message = f"lies inside {theirs}, which {other.name} reaches by BGP: the longer goes first at any priority"
            fix = f"name {theirs}"
        elif connection.priority is None or other.priority is None or connection.priority > other.priority:
            continue
        else:
            message = f"{other.name} reaches {theirs} by BGP, which goes before a static route"
            fix = f"give {connection.name} a priority beyond {other.priority}"
        yield Finding(f"{key}.networks[{index}]", message, found=str(network), fix=fix, about=about)


def _hidden(key: str, connection: Connection, other_key: str, other: Connection) -> Iterator[Finding]:
    about = (f"{other_key}.mode", f"{key}.mode", f"{other_key}.networks")
    how = {"bgp": "BGP", "policy": "IPsec policies"}[other.mode]
    for index, network, shared in _met(connection, other):
        message = f"{other.name} reaches {shared} by {how}: not available in this version"
        yield Finding(f"{key}.networks[{index}]", message, found=str(network), about=about)


def _lan_findings(intent: Intent) -> Iterator[Finding]:
    first: dict[IPNetwork, str] = {}
    for number, lan in enumerate(intent.lans):
        for index, network in enumerate(lan.networks):
            key = f"lans[{number}].networks[{index}]"
            other = first.setdefault(network, key)
            if other != key:
                yield Finding(key, f"{other} has it already", found=str(network), about=(other,))
