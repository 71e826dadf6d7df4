"""The BGP router that an intent asks for: its sessions, and what each may take and tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from ipaddress import ip_network
from itertools import chain

from appliance.announce.render import render_exabgp
from appliance.design.announcing import (
    announced,
    beyond,
    says_nothing,
    sorted_networks,
    telling_connections,
    usually_announced,
)
from appliance.design.drawing import choose, keep_members, recall_each
from appliance.design.numbering import router_id
from appliance.design.wish import Wish, profile_of
from appliance.frr.render import write_frr
from appliance.model.drawn import chain_each, keep, keep_equal
from appliance.model.intent import Connection, Tunnel
from appliance.model.peering import CLOSED, OPEN, SHUT, BgpRouter, Neighbor, Password, PrefixRule
from appliance.model.resources import ExabgpConfig, FrrConfig

MARTIANS = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # RFC 1122, "this network"
        "100.64.0.0/10",  # RFC 6598, shared address space: clouds number their own plumbing with it
        "127.0.0.0/8",  # RFC 1122, loopback
        "169.254.0.0/16",  # RFC 3927, link-local: our inside addresses
        "224.0.0.0/4",  # RFC 5771, multicast
        "240.0.0.0/4",  # RFC 1112, reserved
        "::/8",  # RFC 4291, unspecified, loopback, mapped
        "fe80::/10",  # RFC 4291, link-local
        "ff00::/8",  # RFC 4291, multicast
    )
)


def router_configs(wish: Wish) -> frozenset[FrrConfig]:
    """FRR's configuration, or none when no connection speaks BGP."""
    router = compose_router(wish)
    if router is None:
        return frozenset()
    written = write_frr(router, wish.templates, wish.drawn)
    return frozenset({FrrConfig(written, router.secrets if _locked(wish) else ())})


def speaker_configs(wish: Wish) -> frozenset[ExabgpConfig]:
    """ExaBGP's configuration, or none when no connection is spoken for by it."""
    router = compose_router(wish, "exabgp")
    return frozenset({ExabgpConfig(render_exabgp(router, wish.templates), router.secrets)} if router else ())


def compose_router(wish: Wish, speaker: str = "frr") -> BgpRouter | None:
    """One speaker's BGP instance with a neighbour for each tunnel and family."""
    speaking = choose(wish, f"spoken for by {speaker}", lambda one: one.mode == "bgp" and one.speaker == speaker)
    if not speaking:
        return None
    asn = wish.intent.site.asn or speaking[0].asn
    assert asn is not None  # the intent's rules demand one of the two
    usual = usually_announced(wish)
    told = [usual] if _are_alike(wish) else [usual if says_nothing(one) else announced(wish, one) for one in speaking]
    telling = [one for one in telling_connections(wish) if one.speaker == speaker]
    return BgpRouter(
        asn=asn,
        router_id=wish.intent.site.router_id or router_id(wish.intent.site.name),
        neighbors=_known_neighbors(wish, speaker, speaking, told, asn),
        networks=sorted_networks(chain.from_iterable({id(networks): networks for networks in told}.values())),
        beyond=frozenset(network for one in telling for network in beyond(wish.intent, one)),
        maximum_paths=wish.intent.bgp.maximum_paths,
        always_compare_med=wish.intent.bgp.always_compare_med,
        extra=wish.frr_extra,
    )


def _known_neighbors(
    wish: Wish, speaker: str, speaking: Sequence[Connection], told: Iterable[object], asn: int
) -> tuple[Neighbor, ...]:
    """The same objects as long as all that they are drawn from is the same."""
    beside = None if _are_alike(wish) else [*map(partial(_own_facts, wish), speaking, told)]
    kind, draw = f"neighbors of {speaker}", partial(_all_neighbors, wish, asn)
    given = wish.intent.site, asn, usually_announced(wish)
    found: tuple[tuple[Neighbor, ...], ...] = recall_each(wish, kind, speaking, given, draw, beside, keep_members)
    return chain_each(wish.drawn, f"all {kind}", found)


def _are_alike(wish: Wish) -> bool:
    """Whether no connection has facts of its own that lie outside it: then none of them needs to be asked for those."""
    own = choose(wish, "own facts", lambda one: not says_nothing(one) or one.bgp.password is not None)
    return not own and not wish.stances and len(_priorities(wish)) < 2


def _own_facts(wish: Wish, connection: Connection, told: object) -> object:
    """All that its neighbours are drawn from beside itself, the site and what clouds are usually told."""
    stances = [wish.stances.get(tunnel.name, OPEN) for tunnel in connection.tunnels]
    return told, _local_pref(wish, connection), _password(wish, connection), stances


def _all_neighbors(wish: Wish, asn: int, connection: Connection) -> tuple[Neighbor, ...]:
    tunnels = sorted(connection.tunnels, key=lambda tunnel: tunnel.name)
    return tuple(neighbor for tunnel in tunnels for neighbor in _neighbors(wish, connection, tunnel, asn))


def _neighbors(wish: Wish, connection: Connection, tunnel: Tunnel, router_asn: int) -> list[Neighbor]:
    profile = profile_of(connection)
    keepalive, hold = connection.bgp.timers or profile.bgp_timers
    limit = connection.accept.max_prefixes.limit if connection.accept.max_prefixes else profile.routes_from_cloud
    peer_asn = tunnel.peer_asn or connection.peer_asn
    assert peer_asn is not None  # the intent's rules demand one
    own = connection.asn
    ends = ((tunnel.inside, tunnel.peer_inside, 4), (tunnel.inside6, tunnel.peer_inside6, 6))
    return [
        Neighbor(
            address=far,
            local_address=near.ip,
            connection=connection.name,
            tunnel=tunnel.name,
            peer_asn=peer_asn,
            keepalive=keepalive,
            hold=hold,
            accept=_accept(wish, connection, family),
            announce=tuple(PrefixRule(True, net) for net in announced(wish, connection) if net.version == family),
            max_prefixes=limit,
            force_med=0 if connection.bgp.med == "ignore" else None,
            med=_told_med(wish, connection, tunnel),
            prepend=tunnel.announce.prepend if tunnel.announce.prepend is not None else connection.announce.prepend,
            communities=tuple(sorted(set(connection.announce.communities))),
            stance=wish.stances.get(tunnel.name, OPEN),
            local_pref=_local_pref(wish, connection),
            local_asn=own if own is not None and own != router_asn else None,
            password=_password(wish, connection),
            ttl_security=connection.bgp.ttl_security,
            extended_messages=connection.bgp.extended_messages,
            third_party=connection.bgp.third_party,
        )
        for near, far, family in ends
        if near and far
    ]


def _locked(wish: Wish) -> tuple[Connection, ...]:
    """Whose sessions have keys."""
    return choose(wish, "locked", lambda one: one.bgp.password is not None)


def _password(wish: Wish, connection: Connection) -> Password | None:
    if connection.bgp.password is None:
        return None
    secret = wish.secrets.get(connection.password_name)
    return Password(wish.fingerprint(secret), secret) if secret is not None else Password()


USUAL_MED, AHEAD = 100, 50
"""The MED that a cloud is told where the intent names none, and by how much it is less on the tunnels that carry while
another is closed: on that one a cloud would hear of it late, or never."""


def _told_med(wish: Wish, connection: Connection, tunnel: Tunnel) -> int:
    """Equal on all tunnels but for what the intent says. While one is closed the others are told with less than any
    has: so the way back leaves the dead tunnel as soon as ours does, and not with the cloud's hold time."""
    usual = {one.name: one.announce.med for one in connection.tunnels}
    otherwise = USUAL_MED if connection.announce.med is None else connection.announce.med
    said = {name: otherwise if med is None else med for name, med in usual.items()}
    closed = any(wish.stances.get(name) in (CLOSED, SHUT) for name in said)
    if closed and wish.stances.get(tunnel.name, OPEN) == OPEN:
        return max(0, min(said.values()) - AHEAD)
    return said[tunnel.name]


USUAL_PRIORITY, LOWEST_PRIORITY = 100, 1000
"""A connection's priority when it has none, and the last there can be."""


def _local_pref(wish: Wish, connection: Connection) -> int | None:
    """The lower its priority the earlier a connection goes, two steps before the next. None as long as all have the
    same: then all of them do."""
    return 2 * (LOWEST_PRIORITY - _priority(connection)) + 100 if len(_priorities(wish)) > 1 else None


def _priorities(wish: Wish) -> frozenset[int]:
    if "priorities" not in wish.memory:
        each = recall_each(wish, "priorities", wish.connections, None, _own_priority, None, keep_equal)
        wish.memory["priorities"] = keep(wish.drawn, "all priorities", each, lambda: frozenset(each) - {None})
    found: frozenset[int] = wish.memory["priorities"]
    return found


def _own_priority(connection: Connection) -> int | None:
    """None without BGP."""
    return _priority(connection) if connection.mode == "bgp" else None


def _priority(connection: Connection) -> int:
    return USUAL_PRIORITY if connection.priority is None else connection.priority


def _accept(wish: Wish, connection: Connection, family: int) -> tuple[PrefixRule, ...]:
    """Default-deny. Ours never comes from a cloud; with ``networks``, only what lies in them, else all but martians."""
    longest = connection.accept.max_length if family == 4 else connection.accept.max_length6
    full = 32 if family == 4 else 128
    ours = sorted({net for net in wish.intent.site.networks if net.version == family})
    denied = [PrefixRule(False, net, le=full) for net in ours]
    denied += [PrefixRule(False, net, le=full) for net in MARTIANS if net.version == family]
    everything = ip_network("0.0.0.0/0" if family == 4 else "::/0")
    default = [PrefixRule(True, everything)] if connection.accept.default_route else []
    wanted = sorted({net for net in connection.networks if net.version == family})
    if wanted:
        allowed = [PrefixRule(True, net, le=max(longest, net.prefixlen)) for net in wanted]
    else:
        allowed = [PrefixRule(True, everything, ge=1, le=longest)]
    return tuple(denied + default + allowed)
