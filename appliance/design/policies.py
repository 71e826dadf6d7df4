"""Mode policy: no interface and no choice by route. What the selectors name is encrypted by IPsec policies of our own.

They stand whether there is an SA or not, so that nothing they name ever leaves in clear; out they lead to one tunnel,
in they take what comes over any of the connection's. charon makes SAs and no policies: a switch to the other tunnel is
one message for each pair, and neither end is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from appliance.design.numbering import reqid
from appliance.design.paths import carrying_tunnels
from appliance.design.tunnels import pairs
from appliance.design.underlay import Underlay, lack_of, underlay_of
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Tunnel
from appliance.model.ranking import metrics_of
from appliance.model.resources import OWN_POLICIES, Resource, Route, Sysctl, XfrmPolicy

POLICED_METRIC = 90


def policed(wish: Wish) -> tuple[Connection, ...]:
    """The connections in mode policy."""
    return tuple(connection for connection in wish.connections if connection.mode == "policy")


def policy_resources(wish: Wish) -> frozenset[Resource]:
    """The policies, the way out for what they take, and what keeps a box on one leg from sending its hosts away."""
    found: set[Resource] = set(policies(wish).values())
    for connection in policed(wish):
        found |= set(_routes(wish, connection))
    return frozenset(found | _quiet(wish))


def policies(wish: Wish) -> Mapping[str, XfrmPolicy]:
    """Every policy by its key: what differs after a switch, and nothing else does."""
    found = [
        policy
        for connection in policed(wish)
        for near, far in pairs(wish, connection)
        for policy in _policies_of(wish, connection, near, far)
    ]
    return {policy.key: policy for policy in found}


def _policies_of(wish: Wish, connection: Connection, near: IPNetwork, far: IPNetwork) -> Iterator[XfrmPolicy]:
    number, priority = reqid(connection.name), _priority(near, far)
    under, tunnel = _way_out(wish, connection)
    if under is None or tunnel is None or under.address is None:
        yield XfrmPolicy("out", near, far, priority)
    else:
        yield XfrmPolicy("out", near, far, priority, number, under.address, tunnel.remote)
    for direction in ("in", "fwd"):
        yield XfrmPolicy(direction, far, near, priority, number)


def _way_out(wish: Wish, connection: Connection) -> tuple[Underlay | None, Tunnel | None]:
    """The tunnel that carries, if it can leave the box at all."""
    for tunnel in (*carrying_tunnels(wish.carrying, connection), *_ranked(connection)):
        if lack_of(wish, tunnel) is None:
            return underlay_of(wish, tunnel), tunnel
    return None, None


def _ranked(connection: Connection) -> tuple[Tunnel, ...]:
    named = {tunnel.name: tunnel for tunnel in connection.tunnels}
    return tuple(named[name] for name in metrics_of(connection))


def _priority(near: IPNetwork, far: IPNetwork) -> int:
    """The narrower the pair the earlier it is looked at."""
    free = 2 * near.max_prefixlen - near.prefixlen - far.prefixlen
    return OWN_POLICIES.start + (free if near.version == 4 else free // 4)


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
