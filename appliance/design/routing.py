"""Which prefixes are protected, and what stands in the kernel's tables for them."""

from __future__ import annotations

from ipaddress import ip_network

from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.design.tunnels import families_of
from appliance.design.underlay import choose_uplink
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.resources import Blackhole, Resource, Route, Sysctl

HOST_ROUTE_METRIC = 10


def protected_prefixes(wish: Wish) -> tuple[IPNetwork, ...]:
    """Every prefix behind a cloud, configured or ever learned, also of connections that are down or were removed
    without a word about their prefixes."""
    configured = {connection.name: connection.networks for connection in wish.intent.connections}
    found = {
        prefix
        for name in (configured.keys() | wish.learned.keys()) - wish.unprotected
        for prefix in (*configured.get(name, ()), *wish.learned.get(name, ()))
    }
    return tuple(sorted(found, key=lambda network: (network.version, network)))


def route_resources(wish: Wish) -> frozenset[Resource]:
    """Blackhole twins, and host routes to far ends whose uplink has a gateway of its own."""
    twins = {Blackhole(prefix, BLACKHOLE_METRIC) for prefix in protected_prefixes(wish)}
    return frozenset(twins | _host_routes(wish))


def _host_routes(wish: Wish) -> frozenset[Route]:
    """IKE and ESP keep to their uplink whatever else is learned. Only where the intent states the gateway: one that
    was merely seen may move with the next DHCP lease."""
    found = set()
    for _, tunnel in wish.tunnels:
        uplink = choose_uplink(wish.intent.uplinks, tunnel)
        if uplink and uplink.gateway:
            remote = ip_network(tunnel.remote)
            found.add(Route(remote, HOST_ROUTE_METRIC, gateway=uplink.gateway, link=uplink.interface))
    return frozenset(found)


def machine_settings(wish: Wish) -> frozenset[Sysctl]:
    """Settings of the whole machine: forwarding, a hash over ports so that flows use all paths, and nexthop ids in
    route dumps (a compat dump unrolls every group and hides who points where)."""
    if not wish.tunnels:
        return frozenset()
    settings = {
        Sysctl("net.ipv4.ip_forward", "1", machine_wide=True),
        Sysctl("net.ipv4.fib_multipath_hash_policy", "1", machine_wide=True),
        Sysctl("net.ipv4.nexthop_compat_mode", "0", machine_wide=True),
    }
    if any(6 in families_of(connection, tunnel) for connection, tunnel in wish.tunnels):
        settings |= {
            Sysctl("net.ipv6.conf.all.forwarding", "1", machine_wide=True),
            Sysctl("net.ipv6.fib_multipath_hash_policy", "1", machine_wide=True),
        }
    return frozenset(settings)
