"""Which networks are whose: ours, theirs, and never both."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from appliance.intent.finding import Finding, connections_of, overlap, tunnels_of, within
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
    yield from _repeats(intent)
    for key, network in theirs:
        if network.prefixlen == 0:
            continue
        yield from _against_ours(key, network, ours)
        yield from _against_remotes(key, network, intent)
    yield from _between_connections(intent)
    yield from _lan_findings(intent)


def _ours(intent: Intent) -> Iterator[Named]:
    for index, network in enumerate(intent.site.networks):
        yield f"site.networks[{index}]", network
    for number, lan in enumerate(intent.lans):
        for index, network in enumerate(lan.networks):
            yield f"lans[{number}].networks[{index}]", network


def _routable(key: str, network: IPNetwork) -> Iterator[Finding]:
    if network.prefixlen == 0:
        yield Finding(key, "a default route is not available in this version", found=str(network), fix="name networks")
        return
    for bad in _UNROUTABLE:
        if within(network, bad):
            yield Finding(key, f"{bad} is never routed", found=str(network))
            return


def _repeats(intent: Intent) -> Iterator[Finding]:
    """Within one list, a network stands once."""
    lists = [("site.networks", intent.site.networks)]
    lists += [(f"{key}.networks", connection.networks) for key, connection in connections_of(intent)]
    lists += [(f"{k}.announce.networks", c.announce.networks or ()) for k, c in connections_of(intent)]
    for key, networks in lists:
        for index, network in enumerate(networks):
            first = networks.index(network)
            if first != index:
                about = (f"{key}[{first}]",)
                yield Finding(f"{key}[{index}]", "stands twice in this list", found=str(network), about=about)


def _against_ours(key: str, network: IPNetwork, ours: list[Named]) -> Iterator[Finding]:
    for other, mine in ours:
        if overlap(network, mine):
            message = f"overlaps {mine}, which is ours ({other})"
            yield Finding(key, message, found=str(network), fix="a network is behind the cloud or behind us",
                          about=(other,))  # fmt: skip
            return


def _against_remotes(key: str, network: IPNetwork, intent: Intent) -> Iterator[Finding]:
    """A tunnel's own packets must not be routed into a tunnel."""
    for place in tunnels_of(intent):
        remote = place.tunnel.remote
        if remote.version == network.version and remote in network:
            about = (f"{place.key}.remote",)
            message = f"holds {remote}: the packets of tunnel {place.tunnel.name} would be routed into a tunnel"
            yield Finding(key, message, found=str(network), about=about)
            return


def _between_connections(intent: Intent) -> Iterator[Finding]:
    """Two connections to one network need to say which goes first."""
    known = list(connections_of(intent))
    for position, (key, connection) in enumerate(known):
        for other_key, other in known[:position]:
            shared = _shared(connection, other)
            about = tuple(f"{k}.{part}" for k in (key, other_key) for part in ("priority", "networks"))
            if shared and None in (connection.priority, other.priority):
                lacking = key if connection.priority is None else other_key
                message = f"missing: connections {other.name} and {connection.name} share {shared}"
                fix = "priority: 100 on both makes them one ECMP group"
                yield Finding(f"{lacking}.priority", message, fix=fix, about=about)
            if None not in (connection.priority, other.priority) and connection.priority != other.priority:
                message = f"an order among connections is not available in this version; {other.name} has another"
                yield Finding(f"{key}.priority", message, found=str(connection.priority),
                              allowed=str(other.priority), about=about)  # fmt: skip


def _shared(one: Connection, other: Connection) -> IPNetwork | None:
    """The first network, the smaller of the two, that both claim."""
    for mine in one.networks:
        for theirs in other.networks:
            if overlap(mine, theirs):
                return mine if mine.prefixlen >= theirs.prefixlen else theirs
    return None


def _lan_findings(intent: Intent) -> Iterator[Finding]:
    seen: list[Named] = []
    for number, lan in enumerate(intent.lans):
        for index, network in enumerate(lan.networks):
            key = f"lans[{number}].networks[{index}]"
            other = next((known for known, net in seen if net == network), None)
            if other:
                yield Finding(key, f"{other} has it already", found=str(network), about=(other,))
            seen.append((key, network))
