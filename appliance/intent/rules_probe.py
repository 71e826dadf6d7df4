"""Who is asked over the tunnels, and whether that can tell anything."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from appliance.intent.finding import Finding, connections_of, within
from appliance.model.intent import Connection, Intent


def probe_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with probe targets."""
    for key, connection in connections_of(intent):
        place = f"{key}.probe"
        targets = connection.probe.targets
        for index in range(len(targets)):
            yield from _target_findings(connection, f"{place}.targets[{index}]", index, key)
        if targets and connection.probe.need > len(targets):
            yield Finding(f"{place}.need", "more than there are targets: no path would ever be good",
                          found=str(connection.probe.need), allowed=f"1 to {len(targets)}",
                          about=(f"{place}.targets",))  # fmt: skip


def _target_findings(connection: Connection, place: str, index: int, key: str) -> Iterator[Finding]:
    target = connection.probe.targets[index]
    if target.kind not in ("peer-inside", "icmp"):
        yield Finding(place, "asking over TCP: not available in this version", fix="{icmp: ADDRESS} or peer-inside")
        return
    peers = {peer for tunnel in connection.tunnels for peer in (tunnel.peer_inside, tunnel.peer_inside6)}
    if target.address is None or target.address in peers:
        return
    if target.address.version == 6:
        yield Finding(place, "asking an IPv6 host beyond the tunnel's end: not available in this version",
                      found=str(target.address), fix="peer-inside")  # fmt: skip
    elif connection.networks and not any(within(ip_network(target.address), net) for net in connection.networks):
        yield Finding(place, "lies outside every tunnel: it is in none of the connection's networks",
                      found=str(target.address), about=(f"{key}.networks",))  # fmt: skip
