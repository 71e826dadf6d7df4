"""Who is asked over which tunnel, from the intent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from appliance.model.address import IPAddress
from appliance.model.health import Target
from appliance.model.intent import Connection, ProbeTarget, Tunnel

PEER_INSIDE = "peer-inside"


def compose_targets(
    connection: Connection, links: Mapping[str, str], ours: Sequence[IPAddress] = ()
) -> tuple[Target, ...]:
    """Every target over every tunnel of the connection. ``links``: the interface of each tunnel by its name; a tunnel
    without one is not asked over. A tunnel without inside addresses has no ``peer-inside``, and asks from the first
    address of ``ours``: the kernel would take any that this machine has, and whoever is asked may know no way there."""
    return tuple(
        dict.fromkeys(
            target
            for tunnel in connection.tunnels
            if tunnel.name in links
            for asked in connection.probe.targets
            for target in _over(tunnel, links[tunnel.name], asked, ours)
        )
    )


def _over(tunnel: Tunnel, link: str, asked: ProbeTarget, ours: Sequence[IPAddress]) -> Iterator[Target]:
    if asked.kind != PEER_INSIDE:
        if asked.address is not None:
            source = _source(tunnel, asked.address, ours)
            yield Target(tunnel.name, link, asked.kind, asked.address, asked.port, source)
        return
    peers: tuple[IPAddress | None, ...] = (tunnel.peer_inside, tunnel.peer_inside6)
    for peer in peers:
        if peer is not None:
            yield Target(tunnel.name, link, "icmp", peer, None, _source(tunnel, peer, ours))


def _source(tunnel: Tunnel, target: IPAddress, ours: Sequence[IPAddress]) -> IPAddress | None:
    """Our inside address of the target's family, else one that the cloud has a way to."""
    inside = tunnel.inside if target.version == 4 else tunnel.inside6
    if inside is not None:
        return inside.ip
    return next((address for address in ours if address.version == target.version), None)
