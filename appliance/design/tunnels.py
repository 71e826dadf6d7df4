"""One tunnel of the intent as the box holds it: link, address, keys, IKE connection and its child."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from ipaddress import ip_network
from itertools import chain

from appliance.design.drawing import recall_each, surroundings
from appliance.design.numbering import (
    child_name,
    if_id,
    link_alias,
    link_local,
    link_name,
    nexthop_id,
    policy_mask,
    policy_priority,
    reqid,
    shared_key_id,
)
from appliance.design.underlay import Underlay, lack_of, underlay_of
from appliance.design.wish import Wish, profile_of
from appliance.intent.crypto import inner_mtu
from appliance.model.address import IPNetwork
from appliance.model.drawn import keep, keep_equal, keep_parts
from appliance.model.intent import Connection, Tunnel
from appliance.model.profile import Profile
from appliance.model.ranking import metrics_of
from appliance.model.resources import (
    ChildSa,
    IkeConnection,
    InsideAddress,
    Nexthop,
    Resource,
    SharedKey,
    Sysctl,
    XfrmLink,
)
from appliance.model.secret import Secret, are_same

ETHERNET_MTU = 1500
Pair = tuple[IPNetwork, IPNetwork]
"""A network of ours and one of theirs."""

IP_HEADER = {4: 20, 6: 40}
TCP_HEADER = 20


def tunnel_resources(wish: Wish) -> tuple[frozenset[Resource], ...]:
    """Everything that stands for the tunnels themselves, routes and filter aside; by connection."""
    ends = recall_each(wish, "ends", wish.connections, None, _far_ends, None, keep_equal)
    several = keep(wish.drawn, "several", ends, lambda: _several(ends))
    keys = recall_each(wish, "keys", wish.connections, _same_secrets(wish), partial(_keys, wish), None, keep_equal)
    beside = [*zip(keys, map(several.intersection, ends), strict=True)] if several else keys
    draw = partial(_resources, wish, several)
    given = surroundings(wish), bool(several)
    return recall_each(wish, "tunnels", wish.connections, given, draw, beside, _keep_parts)


def _keep_parts(before: frozenset[Resource], now: frozenset[Resource]) -> frozenset[Resource]:
    """The same objects where they are equal; but a key that is another is not seen in that."""
    had, have = ({one.id: one.secret for one in some if isinstance(one, SharedKey)} for some in (before, now))
    return keep_parts(before, now) if had == have else now


def _same_secrets(wish: Wish) -> object:
    """The same object as long as all of them are the same."""
    last = wish.drawn.get("secrets")
    if last is None or not are_same(last, wish.secrets):
        last = wish.drawn["secrets"] = wish.secrets
    return last


def _keys(wish: Wish, connection: Connection) -> tuple[Secret | None, ...]:
    return tuple(wish.secrets.get(tunnel.name) for tunnel in connection.tunnels)


def _several(ends: Iterable[Iterable[str]]) -> frozenset[str]:
    """Whom more than one tunnel leads to."""
    counts = Counter(chain.from_iterable(ends))
    return frozenset(end for end, count in counts.items() if count > 1)


def _far_ends(connection: Connection) -> tuple[str, ...]:
    return tuple(map(_far_end, connection.tunnels))


def _far_end(tunnel: Tunnel) -> str:
    """Whom charon takes the other end for."""
    return tunnel.remote_id or str(tunnel.remote)


def _resources(wish: Wish, several: Collection[str], connection: Connection) -> frozenset[Resource]:
    """One connection's."""
    found: set[Resource] = set()
    for tunnel in connection.tunnels:
        under = underlay_of(wish, tunnel)
        alone = _far_end(tunnel) not in several
        if lack_of(wish, tunnel) is None:  # else it would call from wherever, under another identity
            ike = ike_connection(connection, tunnel, under, alone=alone, pairs=pairs(wish, connection))
            found |= {ike, shared_key(wish, tunnel, under)}
        if connection.mode == "policy":
            continue
        found |= {
            xfrm_link(wish, connection, tunnel),
            *inside_addresses(connection, tunnel),
            *paths(connection, tunnel),
            Sysctl(f"net.ipv4.conf.{_sysctl_name(tunnel_link(tunnel))}.rp_filter", "2"),
        }
    return frozenset(found)


def tunnel_link(tunnel: Tunnel) -> str:
    """The tunnel's interface."""
    return tunnel.interface or link_name(tunnel.name)


def tunnel_if_id(connection: Connection, tunnel: Tunnel) -> int:
    """The tunnel's if_id."""
    return tunnel.if_id if tunnel.if_id is not None else if_id(connection.name, tunnel.name)


def tunnel_mtu(wish: Wish, connection: Connection, tunnel: Tunnel) -> int:
    """The largest inner packet that needs no fragment outside, in bytes: what the intent says, else computed
    for the proposal on offer that leaves the least room."""
    if tunnel.mtu is not None:
        return tunnel.mtu
    profile, under = profile_of(connection), underlay_of(wish, tunnel)
    outer = min(under.mtu or ETHERNET_MTU, profile.outer_mtu)
    proposals = tunnel.esp.proposals or profile.recommended_esp
    mtu = inner_mtu(outer, proposals, tunnel.remote.version, nat_t=under.nat)
    return min(mtu, profile.max_mtu) if profile.max_mtu else mtu


def tunnel_mss(wish: Wish, connection: Connection, tunnel: Tunnel, family: int) -> int:
    """The largest TCP segment through the tunnel, in bytes."""
    room = tunnel_mtu(wish, connection, tunnel) - IP_HEADER[family] - TCP_HEADER
    return min(tunnel.mss, room) if tunnel.mss is not None else room


def xfrm_link(wish: Wish, connection: Connection, tunnel: Tunnel) -> XfrmLink:
    """The interface that encrypts what is routed into it, or drops it: never clear."""
    return XfrmLink(
        name=tunnel_link(tunnel),
        if_id=tunnel_if_id(connection, tunnel),
        mtu=tunnel_mtu(wish, connection, tunnel),
        alias=link_alias(connection.name, tunnel.name),
    )


def inside_addresses(connection: Connection, tunnel: Tunnel) -> frozenset[InsideAddress]:
    """Our addresses inside. Where BGP runs over IPv6 there is a link-local one too: without it bgpd ends the session at
    once, for it has no next hop to tell."""
    link, found = tunnel_link(tunnel), [tunnel.inside, tunnel.inside6]
    if tunnel.inside6 and not tunnel.inside6.ip.is_link_local and connection.mode == "bgp":
        found.append(link_local(connection.name, tunnel.name))
    return frozenset(InsideAddress(link, address) for address in found if address)


def paths(connection: Connection, tunnel: Tunnel) -> frozenset[Nexthop]:
    """The tunnel as a kernel nexthop object, one a family in use: what routes of ours point at."""
    link, families = tunnel_link(tunnel), families_of(connection, tunnel)
    return frozenset(Nexthop(nexthop_id(connection.name, tunnel.name, family), link, family) for family in families)


def families_of(connection: Connection, tunnel: Tunnel) -> tuple[int, ...]:
    """The IP versions inside the tunnel: of its addresses, and where it has none, of what is routed to it."""
    inside = tuple(family for family, address in ((4, tunnel.inside), (6, tunnel.inside6)) if address)
    return inside or tuple(sorted({network.version for network in connection.networks}))


def identities(tunnel: Tunnel, under: Underlay) -> tuple[str, str]:
    """(ours, theirs). Ours is the public address the cloud knows, also behind NAT; theirs their outside address."""
    local = tunnel.local_id or (str(under.public) if under.public else "%any")
    return local, tunnel.remote_id or str(tunnel.remote)


def shared_key(wish: Wish, tunnel: Tunnel, under: Underlay) -> SharedKey:
    """The pre-shared key with both identities, so that it serves no other tunnel."""
    secret = wish.secrets.get(tunnel.name)
    digest = wish.fingerprint(secret) if secret is not None else ""
    return SharedKey(shared_key_id(tunnel.name), identities(tunnel, under), digest, secret)


def pairs(wish: Wish, connection: Connection) -> tuple[Pair, ...]:
    """Mode policy: what goes into the tunnels: the selectors' cross products, or all of ours to all of theirs. Sorted:
    order means nothing. In other modes none: routes choose."""
    if connection.mode != "policy":
        return ()
    given = [(one.local, one.remote) for one in connection.selectors]
    products = given or [(wish.intent.site.networks, connection.networks)]
    found = {(near, far) for ours, theirs in products for near in ours for far in theirs if near.version == far.version}
    return tuple(sorted(found, key=lambda pair: (pair[0].version, pair)))


def ike_connection(
    connection: Connection, tunnel: Tunnel, under: Underlay, *, alone: bool, pairs: tuple[Pair, ...] = ()
) -> IkeConnection:
    """The IKE connection with its one child; times from the cloud's profile, never beyond what both sides agreed on.

    ``alone``: no other tunnel goes to the same remote identity. charon tells duplicates by it, so two that share one
    would evict each other. ``pairs`` of networks: those alone, without an interface.
    """
    profile = profile_of(connection)
    local_id, remote_id = identities(tunnel, under)
    rekey, rand, over = _ike_times(profile, tunnel)
    return IkeConnection(
        name=tunnel.name,
        version=tunnel.ike.version,
        local=under.address,
        remote=tunnel.remote,
        local_id=local_id,
        remote_id=remote_id,
        proposals=tunnel.ike.proposals or profile.recommended_ike,
        rekey_time=rekey,
        rand_time=rand,
        over_time=over,
        dpd_delay=tunnel.dpd.delay if tunnel.dpd.delay is not None else profile.dpd_delay,
        dpd_timeout=tunnel.dpd.timeout if tunnel.ike.version == 1 else None,
        unique="replace" if alone else "never",
        if_id=0 if pairs else tunnel_if_id(connection, tunnel),
        encap=bool(tunnel.encap),
        child=_child(profile, connection, tunnel, pairs),
    )


def _ike_times(profile: Profile, tunnel: Tunnel) -> tuple[int, int, int]:
    """(rekey, random part, grace until closed) in seconds, scaled when the agreed lifetime is not the default."""
    times, lifetime = profile.rekey, tunnel.ike.lifetime or profile.ike.default_lifetime
    share = lifetime / profile.ike.default_lifetime
    scaled = round(times.ike_rekey * share)
    rekey = _ahead(profile, lifetime, scaled)
    return rekey, round(times.ike_rand * share), round(times.ike_over * share) + scaled - rekey


_CLEARANCE = 30
"""Seconds between our latest rekeying and the cloud's earliest: longer than a lost message is repeated."""


def _ahead(profile: Profile, lifetime: int, rekey: int) -> int:
    """The time to rekey, in seconds, moved ahead of the cloud's own, whose margin does not shrink with the lifetime."""
    if profile.their_rekey is None:
        return rekey
    earliest = lifetime - profile.their_rekey.high - _CLEARANCE
    return min(rekey, max(earliest, lifetime // 3))


def _child(profile: Profile, connection: Connection, tunnel: Tunnel, pairs: tuple[Pair, ...]) -> ChildSa:
    times, lifetime = profile.rekey, tunnel.esp.lifetime or profile.esp.default_lifetime
    share = lifetime / profile.esp.default_lifetime
    ours, theirs = _selectors(connection, tunnel, pairs)
    return ChildSa(
        name=child_name(tunnel.name),
        local_ts=ours,
        remote_ts=theirs,
        proposals=tunnel.esp.proposals or profile.recommended_esp,
        rekey_time=_ahead(profile, lifetime, round(times.child_rekey * share)),
        rand_time=round(times.child_rand * share),
        life_time=round(times.child_life * share),
        replay_window=profile.replay_window,
        reqid=reqid(connection.name) if pairs else 0,
        mask=policy_mask(sorted(one.name for one in connection.tunnels).index(tunnel.name)) if pairs else 0,
        priority=policy_priority(list(metrics_of(connection)).index(tunnel.name)) if pairs else 0,
    )


def _selectors(
    connection: Connection, tunnel: Tunnel, pairs: tuple[Pair, ...]
) -> tuple[tuple[IPNetwork, ...], tuple[IPNetwork, ...]]:
    """(ours, theirs). Everything of the families in use where routes choose; else every network of a pair, and policies
    of our own see to it that only pairs pass. Clouds keep one SA pair a tunnel."""
    if pairs:
        return tuple(dict.fromkeys(near for near, _ in pairs)), tuple(dict.fromkeys(far for _, far in pairs))
    everything = tuple(ip_network("0.0.0.0/0" if family == 4 else "::/0") for family in families_of(connection, tunnel))
    return everything, everything


def _sysctl_name(link: str) -> str:
    """In a sysctl's dotted name a dot that belongs to an interface is written as a slash (sysctl.d(5))."""
    return link.replace(".", "/")
