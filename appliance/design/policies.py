"""Mode policy: no interface and no choice by route. What the selectors name is encrypted by IPsec policies of our own.

They stand whether there is an SA or not, so that nothing they name ever leaves in clear; in they take what comes over
any of the connection's tunnels. While the best tunnel carries, charon's own policies say which SA sends, and ours drop
what those do not take: at a rekey only charon knows when the other side has the new SA. To any other tunnel ours lead,
ahead of charon's: a switch is one message for each pair, and neither end is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from appliance.design.drawing import choose
from appliance.design.numbering import reqid
from appliance.design.paths import carrying_tunnels
from appliance.design.tunnels import Pair, pairs
from appliance.design.underlay import lack_of, underlay_of
from appliance.design.wish import Wish
from appliance.intent.finding import overlap, within
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Connection, Tunnel
from appliance.model.ranking import metrics_of
from appliance.model.resources import LAST_POLICIES, OWN_POLICIES, Resource, Route, Sysctl, XfrmPolicy

POLICED_METRIC = 90


def policed(wish: Wish) -> tuple[Connection, ...]:
    """The connections in mode policy."""
    return choose(wish, "policed", lambda connection: connection.mode == "policy")


def policy_resources(wish: Wish) -> frozenset[Resource]:
    """The policies, the way out for what they take, and what keeps a box on one leg from sending its hosts away."""
    found: set[Resource] = set(policies(wish).values())
    for connection in policed(wish):
        found |= set(_routes(wish, connection))
    return frozenset(found | _quiet(wish))


def policies(wish: Wish) -> Mapping[str, XfrmPolicy]:
    """Every policy by its key: what differs after a switch, and nothing else does."""
    found = [policy for connection in policed(wish) for policy in _policies_of(wish, connection)]
    return {policy.key: policy for policy in found}


def _policies_of(wish: Wish, connection: Connection) -> Iterator[XfrmPolicy]:
    named, number = pairs(wish, connection), reqid(connection.name)
    unnamed = _unnamed(named)
    way = _lead(wish, connection, always=_meet(named, unnamed))
    for near, far in named:
        place = _narrowness(near, far)
        if way is None:
            yield XfrmPolicy("out", near, far, LAST_POLICIES.start + place)
        else:
            yield XfrmPolicy("out", near, far, OWN_POLICIES.start + place, number, *way)
        for direction in ("in", "fwd"):
            yield XfrmPolicy(direction, far, near, OWN_POLICIES.start + place, number)
    for near, far in unnamed:
        yield XfrmPolicy("out", near, far, OWN_POLICIES.stop - 1)
        for direction in ("in", "fwd"):
            yield XfrmPolicy(direction, far, near, OWN_POLICIES.stop - 1)


def _unnamed(named: Collection[Pair]) -> tuple[Pair, ...]:
    """What both ends agree on besides, for an SA is for all networks of one side with all of the other: nobody asked
    for it, so it is dropped."""
    ours, theirs = ({pair[side] for pair in named} for side in (0, 1))
    every = ((near, far) for near in ours for far in theirs if near.version == far.version)
    return tuple(pair for pair in every if not any(_lies_in(pair, other) for other in named))


def _lies_in(pair: Pair, other: Pair) -> bool:
    return within(pair[0], other[0]) and within(pair[1], other[1])


def _meet(named: Collection[Pair], unnamed: Collection[Pair]) -> bool:
    """Whether dropping what nobody named would drop what somebody did, were the latter not looked at before."""
    return any(overlap(one[0], two[0]) and overlap(one[1], two[1]) for one in named for two in unnamed)


def _lead(wish: Wish, connection: Connection, *, always: bool) -> tuple[IPAddress, IPAddress] | None:
    """The outer addresses of the tunnel that carries. None: charon's own policies lead there, or nothing can leave the
    box at all."""
    able = [tunnel for tunnel in _ranked(connection) if lack_of(wish, tunnel) is None]
    carrying = [tunnel for tunnel in carrying_tunnels(wish.carrying, connection) if tunnel in able]
    chosen = next(iter((*carrying, *able)), None)
    address = underlay_of(wish, chosen).address if chosen else None
    if chosen is None or address is None or (chosen == able[0] and not always):
        return None
    return address, chosen.remote


def _ranked(connection: Connection) -> tuple[Tunnel, ...]:
    named = {tunnel.name: tunnel for tunnel in connection.tunnels}
    return tuple(named[name] for name in metrics_of(connection))


def _narrowness(near: IPNetwork, far: IPNetwork) -> int:
    """From 0 for two addresses to 64: the narrower the pair the earlier it is looked at."""
    free = 2 * near.max_prefixlen - near.prefixlen - far.prefixlen
    return free if near.version == 4 else free // 4


def _routes(wish: Wish, connection: Connection) -> Iterator[Route]:
    """A packet is routed before a policy takes it, wherever that may lead."""
    able = [tunnel for tunnel in _ranked(connection) if wish.machine and lack_of(wish, tunnel) is None]
    ways = [underlay_of(wish, tunnel) for tunnel in able]
    under = next((one for one in ways if one.way and one.way.gateway), None)
    if under is None or under.way is None or under.way.gateway is None:
        return
    for network in {far for _, far in pairs(wish, connection) if far.version == under.way.gateway.version}:
        yield Route(network, POLICED_METRIC, gateway=under.way.gateway, link=under.link)


def _quiet(wish: Wish) -> set[Sysctl]:
    """Where LAN and uplink share an interface Linux would tell a host to go to the gateway itself: in clear."""
    links = {underlay_of(wish, t).link for connection in policed(wish) for t in connection.tunnels}
    names = {"all", *(link.replace(".", "/") for link in links if link)} if links else set()
    return {Sysctl(f"net.ipv4.conf.{name}.send_redirects", "0", machine_wide=True) for name in names}
