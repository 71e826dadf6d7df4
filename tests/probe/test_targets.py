"""Who is asked over which tunnel, and from which address of ours."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from appliance.model.intent import Connection, ConnectionProbe, ProbeTarget, Tunnel
from appliance.probe.targets import compose_targets

HOST, HOST6 = ip_address("10.1.0.4"), ip_address("2001:db8:a::4")
OURS = (ip_address("172.16.20.1"), ip_address("172.16.21.1"), ip_address("2001:db8:20::1"))
BARE = Tunnel("vpc-1", ip_address("198.51.100.7"))
NUMBERED = Tunnel(
    "vpc-2", ip_address("198.51.100.71"), inside=ip_interface("169.254.23.6/30"), peer_inside=ip_address("169.254.23.5")
)  # type: ignore[arg-type]
PROBE = ConnectionProbe((ProbeTarget("peer-inside"), ProbeTarget("icmp", HOST), ProbeTarget("tcp", HOST6, 443)))


def asked(*tunnels: Tunnel) -> list[tuple[str, str, str | None]]:
    """(tunnel, who, from where)."""
    connection = Connection("vpc", "aws", "static", tunnels, probe=PROBE)
    found = compose_targets(connection, {tunnel.name: tunnel.name for tunnel in tunnels}, OURS)
    return [(one.tunnel, one.name, str(one.source) if one.source else None) for one in found]


def test_a_tunnel_with_an_inside_address_asks_from_that() -> None:
    assert asked(NUMBERED)[:2] == [
        ("vpc-2", "icmp 169.254.23.5", "169.254.23.6"),
        ("vpc-2", "icmp 10.1.0.4", "169.254.23.6"),
    ]


def test_one_without_asks_from_an_address_that_the_cloud_has_a_way_to() -> None:
    """Linux would take one of any interface, as they came up."""
    assert asked(BARE) == [
        ("vpc-1", "icmp 10.1.0.4", "172.16.20.1"),
        ("vpc-1", "tcp [2001:db8:a::4]:443", "2001:db8:20::1"),
    ]
