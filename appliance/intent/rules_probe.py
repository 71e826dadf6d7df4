"""Who is asked over the tunnels, and whether that can tell anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from appliance.intent.finding import Finding, connections_of, notice, within
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Intent
from appliance.model.profile import Profile


def probe_findings(intent: Intent, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Everything wrong with probe targets, and a pace that is not known to be borne."""
    for key, connection in connections_of(intent):
        profile = profiles.get(connection.cloud)
        if profile and connection.probe.targets and intent.probe.interval * 1000 < profile.probe_interval:
            message = f"{profile.title} is not known to answer more than one probe in {profile.probe_interval} ms"
            yield notice("probe.interval", connection.name, message)
        place = f"{key}.probe"
        targets = connection.probe.targets
        for index in range(len(targets)):
            yield from _target_findings(intent, connection, f"{place}.targets[{index}]", index, key)
        if targets and connection.probe.need > len(targets):
            yield Finding(f"{place}.need", "more than there are targets: no path would ever be good",
                          found=str(connection.probe.need), allowed=f"1 to {len(targets)}",
                          about=(f"{place}.targets",))  # fmt: skip


def _target_findings(intent: Intent, connection: Connection, place: str, index: int, key: str) -> Iterator[Finding]:
    address = connection.probe.targets[index].address
    peers = {peer for tunnel in connection.tunnels for peer in (tunnel.peer_inside, tunnel.peer_inside6)}
    if address is None or address in peers:
        return
    if address.version == 6:
        yield Finding(place, "asking an IPv6 host beyond the tunnel's end: not available in this version",
                      found=str(address), fix="peer-inside")  # fmt: skip
        return
    host = ip_network(address)
    ours = next((net for net in _our_networks(intent) if within(host, net)), None)
    if ours is not None:
        yield Finding(place, f"lies outside every tunnel: it is in our own network {ours}", found=str(address))
    elif connection.networks and not any(within(host, net) for net in connection.networks):
        yield Finding(place, "lies outside every tunnel: it is in none of the connection's networks",
                      found=str(address), about=(f"{key}.networks",))  # fmt: skip


def _our_networks(intent: Intent) -> tuple[IPNetwork, ...]:
    """Ours, but for a default route."""
    found = (*intent.site.networks, *(network for lan in intent.lans for network in lan.networks))
    return tuple(network for network in found if network.prefixlen)
