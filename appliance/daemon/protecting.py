"""Prefixes that a cloud has ever announced stay protected: remembered, blackholed, and never in clear on an uplink."""

from __future__ import annotations

from dataclasses import replace

from appliance.daemon.converge import Report, carry_out
from appliance.daemon.passes import answering, prepare
from appliance.daemon.wiring import Systems
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork


async def learn(systems: Systems, wish: Wish) -> bool:
    """Remember what is accepted now and was not known. Whether anything was new."""
    before = wish.learned
    neighbors = {
        peer: connection.name
        for connection, tunnel in wish.tunnels
        for peer in (tunnel.peer_inside, tunnel.peer_inside6)
        if peer is not None and connection.mode == "bgp"
    }
    if not neighbors:
        return False
    fresh: dict[str, set[IPNetwork]] = {}
    for path in await systems.frr.accepted():
        name = neighbors.get(path.neighbor)
        if name is not None and path.prefix not in before.get(name, ()):
            fresh.setdefault(name, set()).add(path.prefix)
    for name, prefixes in fresh.items():
        systems.store.add_learned(name, prefixes)
    return bool(fresh)


async def protect_learned(systems: Systems, wish: Wish) -> Report:
    """Learn, and when something was new give it its blackhole and its place in the filter."""
    if not await learn(systems, wish):
        return Report(())
    prepared = await prepare(systems, replace(wish, learned=systems.store.load_learned()))
    return await carry_out(prepared.changes, await answering(systems, prepared.desired))
