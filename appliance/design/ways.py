"""The ways out that what BGP brings may take: one for each tunnel and family with a session, whoever speaks."""

from __future__ import annotations

from appliance.design.peering import compose_router
from appliance.design.tunnels import tunnel_link
from appliance.design.wish import Wish
from appliance.rib.forwarding import Way


def learned_ways(wish: Wish, *speakers: str) -> tuple[Way, ...]:
    """Those of these speakers."""
    tunnels = {tunnel.name: tunnel for _, tunnel in wish.tunnels}
    routers = (compose_router(wish, speaker) for speaker in speakers)
    return tuple(
        Way(one.tunnel, tunnel_link(tunnels[one.tunnel]), one.address.version, tunnels[one.tunnel].weight or 1)
        for router in routers
        if router is not None
        for one in router.neighbors
    )
