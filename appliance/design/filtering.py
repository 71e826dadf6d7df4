"""What the firewall table has to know, from the intent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from appliance.design.announcing import beyond, telling_connections
from appliance.design.capturing import captured_defaults
from appliance.design.drawing import choose, keep_members, recall_each, surroundings
from appliance.design.policies import policed
from appliance.design.routing import protected_prefixes
from appliance.design.tunnels import pairs, tunnel_link, tunnel_mss
from appliance.design.underlay import underlay_of, uplink_links, uplink_networks
from appliance.design.wish import Wish
from appliance.firewall.ruleset import ruleset_parts
from appliance.intent.finding import overlap
from appliance.model.drawn import chain_each
from appliance.model.filtering import Filter, LanGuard, ManagementGuard, PolicedPair, Transit, Translation, TunnelGuard
from appliance.model.intent import Connection, Tunnel
from appliance.model.resources import FirewallTable


def firewall_tables(wish: Wish) -> frozenset[FirewallTable]:
    """Our one table, or none when there is no tunnel to guard."""
    parts = ruleset_parts(compose_filter(wish), wish.drawn) if wish.has_tunnels else ()
    return frozenset({FirewallTable("".join(parts), parts)} if parts else ())


def compose_filter(wish: Wish) -> Filter:
    """The table's content, typed."""
    return Filter(
        tunnels=_guards(wish),
        policed=_policed(wish),
        uplinks=uplink_links(wish),
        lans=lan_guards(wish),
        protected=protected_prefixes(wish),
        deny_private=any(connection.clear_text == "deny-private" for connection in wish.connections),
        uplink_networks=uplink_networks(wish),
        host_is_ours=wish.host_is_ours,
        management=management_guard(wish),
        translations=translations(wish),
        transits=transits(wish),
        outward=outward(wish),
        captured=tuple(network.version for network in captured_defaults(wish)),
    )


def transits(wish: Wish) -> tuple[Transit, ...]:
    """Which clouds may reach which others through us: those that are told of their networks."""
    found = []
    for connection in telling_connections(wish):
        behind = beyond(wish.intent, connection)
        for other in wish.connections if behind else ():
            told = tuple(network for network, owners in behind.items() if other in owners)
            if told:
                found.append(Transit(_links(connection), _links(other), told))
    return tuple(found)


def outward(wish: Wish) -> tuple[str, ...]:
    """The interfaces of tunnels by which a cloud may reach the Internet through us: it was told a default route."""
    told = choose(wish, "leading out", lambda one: one.mode == "bgp" and one.announce.default_route)
    return tuple(sorted(link for connection in told for link in _links(connection)))


def _links(connection: Connection) -> tuple[str, ...]:
    return tuple(tunnel_link(tunnel) for tunnel in connection.tunnels)


def management_guard(wish: Wish) -> ManagementGuard | None:
    """Who may administer the box; None: the intent does not say."""
    said = wish.intent.management
    return ManagementGuard(said.interfaces, said.sources, (SSH,) if said.ssh else ()) if said else None


SSH = 22


def translations(wish: Wish) -> tuple[Translation, ...]:
    """The intent's address translations, in the order given: the first that fits a packet counts."""
    links = {uplink.name: (uplink.interface,) for uplink in wish.intent.uplinks}
    found = []
    for nat in wish.intent.nat:
        into = tuple(tunnel_link(tunnel) for connection, tunnel in wish.tunnels if connection.name == nat.connection)
        chosen = links.get(nat.out, ()) if nat.out is not None else into
        found.append(Translation(chosen, nat.sources, nat.to))
    return tuple(found)


def lan_guards(wish: Wish) -> tuple[LanGuard, ...]:
    """The LANs the intent names, else the site's networks on whatever is neither uplink nor tunnel, and on an uplink
    that has an address in them: a box on one leg."""
    intent = wish.intent
    named = tuple(LanGuard(lan.interface, lan.networks) for lan in sorted(intent.lans, key=lambda lan: lan.name))
    return named or (LanGuard(None, intent.site.networks), *_on_uplinks(wish))


def _on_uplinks(wish: Wish) -> Iterator[LanGuard]:
    interfaces = wish.machine.interfaces if wish.machine else {}
    for link in uplink_links(wish):
        near = [address.network for address in interfaces[link].addresses] if link in interfaces else []
        shared = tuple(ours for ours in wish.intent.site.networks if any(overlap(ours, network) for network in near))
        if shared:
            yield LanGuard(link, shared)


def _policed(wish: Wish) -> tuple[PolicedPair, ...]:
    """What mode policy takes, with the segment that fits through the narrowest tunnel of its connection."""
    return tuple(
        PolicedPair(near, far, min(tunnel_mss(wish, connection, tunnel, near.version) for tunnel in connection.tunnels))
        for connection in policed(wish)
        for near, far in pairs(wish, connection)
    )


def _guards(wish: Wish) -> tuple[TunnelGuard, ...]:
    """Every tunnel's, by connection and name."""
    found = recall_each(
        wish, "guards", wish.connections, surroundings(wish), partial(_guards_of, wish), None, keep_members
    )
    return chain_each(wish.drawn, "all guards", found)


def _guards_of(wish: Wish, connection: Connection) -> tuple[TunnelGuard, ...]:
    tunnels = sorted(connection.tunnels, key=lambda tunnel: tunnel.name)
    return tuple(_guard(wish, connection, one) for one in tunnels)


def _guard(wish: Wish, connection: Connection, tunnel: Tunnel) -> TunnelGuard:
    """Where a tunnel ends inside is never behind an uplink. While an address is being given to an interface the kernel
    already sends from it and does not know yet that it is its own: an ICMP error to it would take the default route."""
    peers = (tunnel.peer_inside, tunnel.peer_inside6)
    return TunnelGuard(
        interface=None if connection.mode == "policy" else tunnel_link(tunnel),
        remote=tunnel.remote,
        uplink=underlay_of(wish, tunnel).link,
        neighbors=tuple(peer for peer in peers if peer),
        mss=tunnel_mss(wish, connection, tunnel, 4),
        mss6=tunnel_mss(wish, connection, tunnel, 6),
        inside=tuple(inside.network for inside in (tunnel.inside, tunnel.inside6) if inside is not None),
    )
