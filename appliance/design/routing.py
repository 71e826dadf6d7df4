"""Which prefixes are protected, and what stands in the kernel's tables for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

from appliance.design.drawing import recall_each
from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.design.tunnels import families_of
from appliance.design.underlay import uplink_links
from appliance.design.wish import Wish
from appliance.intent.finding import overlap
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.drawn import keep, keep_equal
from appliance.model.intent import Connection
from appliance.model.resources import Blackhole, Route, Sysctl

LAN_METRIC = 50


def protected_prefixes(wish: Wish) -> tuple[IPNetwork, ...]:
    """Every prefix behind a cloud, configured or ever learned, also of connections that are down or were removed
    without a word about their prefixes. No default route: what the machine itself sends is not protected by one."""
    known = wish.intent.connections
    own: Sequence[tuple[IPNetwork, ...]] = recall_each(
        wish, "networks", known, None, attrgetter("networks"), None, keep_equal
    )
    if wish.unprotected:
        own = [one.networks for one in known if one.name not in wish.unprotected]
    learned = [networks for name, networks in wish.learned.items() if name not in wish.unprotected]

    def sort() -> tuple[IPNetwork, ...]:
        found = {prefix for networks in (*own, *learned) for prefix in networks if prefix.prefixlen}
        return tuple(sorted(found, key=lambda network: (network.version, int(network.network_address), network)))

    return keep(wish.drawn, "protected", (own, learned), sort)


def route_resources(wish: Wish) -> frozenset[Blackhole]:
    """Blackhole twins: what catches the traffic to a protected prefix when nothing else does."""
    prefixes = protected_prefixes(wish)
    draw = lambda: frozenset(Blackhole(prefix, BLACKHOLE_METRIC) for prefix in prefixes)  # noqa: E731
    return keep(wish.drawn, "blackholes", prefixes, draw)


def lan_routes(wish: Wish) -> frozenset[Route]:
    """To networks of ours behind another router."""
    return frozenset(
        Route(network, LAN_METRIC, gateway=lan.via, link=lan.interface)
        for lan in wish.intent.lans
        for network in lan.networks
        if wish.has_tunnels and lan.via is not None and lan.interface is not None and lan.via.version == network.version
    )


def lan_addresses(wish: Wish) -> tuple[IPAddress, ...]:
    """This machine's own in networks of ours, lowest first: to those a cloud knows the way."""
    interfaces = wish.machine.interfaces.values() if wish.machine else ()
    here = {one.ip for interface in interfaces if interface.up for one in interface.addresses}
    ours = [one for one in here if any(one in network for network in wish.intent.site.networks)]
    return tuple(sorted(ours, key=lambda one: (one.version, int(one))))


def lans_are_gone(wish: Wish, network: IPNetwork) -> bool:
    """Whether every LAN that has a part of the network lost its interface or that its carrier: whoever is told of the
    network would send into nothing. False where no LAN is named for it, and offline."""
    interfaces = wish.machine.interfaces if wish.machine else {}
    mine = [lan for lan in wish.intent.lans if any(overlap(network, part) for part in lan.networks) and lan.interface]
    there = [interfaces.get(str(lan.interface)) for lan in mine]
    return bool(wish.machine and mine) and not any(one is not None and one.up and one.running for one in there)


def machine_settings(wish: Wish) -> frozenset[Sysctl]:
    """Settings of the whole machine: forwarding, a hash over ports so that flows use all paths, and how routes over
    nexthop objects are shown.

    With ``nexthop_compat_mode`` a change of a group is told of every route that points at it: 60 ms at 100,000, which
    a switch need not pay. But zebra goes by what is told beside the id: when it takes its own routes over from one that
    died (``-K``), each that shows no way out becomes a blackhole (FRR 10.3).
    """
    if not wish.has_tunnels:
        return frozenset()
    frr = any(connection.mode == "bgp" and connection.speaker == "frr" for connection in wish.connections)
    settings = {
        Sysctl("net.ipv4.ip_forward", "1", machine_wide=True),
        Sysctl("net.ipv4.fib_multipath_hash_policy", "1", machine_wide=True),
        Sysctl("net.ipv4.nexthop_compat_mode", "1" if frr else "0", machine_wide=True),
    }
    if any(recall_each(wish, "over IPv6", wish.connections, None, _has_ipv6)):
        settings |= {
            Sysctl("net.ipv6.conf.all.forwarding", "1", machine_wide=True),
            Sysctl("net.ipv6.fib_multipath_hash_policy", "1", machine_wide=True),
            *_advertised_to(wish),
        }
    return frozenset(settings)


def _has_ipv6(connection: Connection) -> bool:
    return any(6 in families_of(connection, tunnel) for tunnel in connection.tunnels)


def _advertised_to(wish: Wish) -> Iterator[Sysctl]:
    """A machine that forwards IPv6 stops listening to routers and drops the default route it has from one, unless it is
    told to go on. Where somebody else listens (0) that stays so."""
    for link in uplink_links(wish):
        interface = wish.machine.interfaces.get(link) if wish.machine else None
        if interface is not None and interface.accept_ra:
            yield Sysctl(f"net.ipv6.conf.{link.replace('.', '/')}.accept_ra", "2", machine_wide=True)
