"""Prefixes that a cloud has ever announced stay protected: remembered, blackholed, and never in clear on an uplink."""

from __future__ import annotations

from dataclasses import replace

from appliance.announce.exabgp_api import Exabgp
from appliance.daemon.converge import Report, carry_out
from appliance.daemon.passes import find_beyond, prepare
from appliance.daemon.planning import answering
from appliance.daemon.wiring import Systems
from appliance.design.wish import Wish
from appliance.frr.vtysh import Frr
from appliance.model.address import IPNetwork
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.session import LearnedPath


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
    for path in [path for _, speaker in speakers_of(systems, wish) for path in await _accepted(speaker)]:
        name = neighbors.get(path.neighbor)
        if name is not None and path.prefix not in before.get(name, ()):
            fresh.setdefault(name, set()).add(path.prefix)
    for name, prefixes in fresh.items():
        systems.store.add_learned(name, prefixes)
    return bool(fresh)


Speaks = Frr | Exabgp


def speakers_of(systems: Systems, wish: Wish) -> tuple[tuple[str, Speaks], ...]:
    """Who is to be asked about sessions, by the speaker's name."""
    known: dict[str, Speaks] = {"frr": systems.frr, "exabgp": systems.exabgp}
    wanted = {connection.speaker for connection in wish.connections if connection.mode == "bgp"}
    return tuple((name, door) for name, door in known.items() if name in wanted)


async def _accepted(speaker: Speaks) -> tuple[LearnedPath, ...]:
    """Nothing from one that is not there: a pass says so."""
    try:
        return await speaker.accepted()
    except (SystemLacks, SystemFailure):
        return ()


async def protect_learned(systems: Systems, wish: Wish) -> Report:
    """Learn, give what lacks it its blackhole and its place in the filter, and have clouds told of what is reached now:
    the daemon may have heard of it before us, and not have come to that yet."""
    await learn(systems, wish)
    reached = await find_beyond(systems, wish.intent, wish.carrying)
    prepared = await prepare(systems, replace(wish, learned=systems.store.load_learned(), reached=reached))
    return await carry_out(prepared.changes, await answering(systems, prepared.kinds))
