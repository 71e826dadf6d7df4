"""One speaker takes over from another: what FRR brought stays in the kernel while ExaBGP learns it anew, and the far
ends keep what they were told, for they are not told goodbye."""

from __future__ import annotations

import re
from collections.abc import Iterable

from appliance.daemon.wiring import Systems
from appliance.design.peering import compose_router
from appliance.design.ways import learned_ways
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.change import Change
from appliance.model.forwarding import BGP_PROTOCOL
from appliance.model.peering import Neighbor
from appliance.model.resources import ExabgpConfig, FrrConfig
from appliance.rib.forwarding import Ledger


async def hand_over(systems: Systems, wish: Wish, changes: Iterable[Change]) -> None:
    """Before the one speaker is told to leave sessions that the other is to hold."""
    configs = {
        type(change.resource): change for change in changes if isinstance(change.resource, FrrConfig | ExabgpConfig)
    }
    ours, theirs = configs.get(ExabgpConfig), configs.get(FrrConfig)
    if ours is not None and ours.new is not None:
        await _copy_routes(systems, wish)
    if ours is None or theirs is None:
        return
    if ours.old is None and isinstance(ours.new, ExabgpConfig):
        await systems.exabgp.get_ready(ours.new)
    if ours.new is None and theirs.new is not None:
        await systems.exabgp.hand_on()
    await systems.reset([(one.local_address, one.address) for one in _joining(wish, ours)])


async def _copy_routes(systems: Systems, wish: Wish) -> None:
    """FRR's routes over those sessions also as those of the embedded speaker, behind FRR's own. The daemon takes them
    for inherited, and sweeps what is not said again."""
    ways = learned_ways(wish, "exabgp")
    names = {way.link: way.tunnel for way in ways}
    wanted: dict[IPNetwork, frozenset[str]] = {}
    for route in await systems.kernel.forwarding(list(names)):
        if route.protocol == BGP_PROTOCOL and all(via.link in names for via in route.vias):
            wanted[route.prefix] = frozenset(names[via.link] for via in route.vias)
    if wanted:
        ledger = Ledger()
        ledger.follow(ways)
        ledger.adopt(await systems.kernel.learned())
        ledger.want(wanted)
        await systems.kernel.apply(ledger.changes())


def _joining(wish: Wish, change: Change) -> list[Neighbor]:
    """The neighbours that ExaBGP is to hold from now on, and did not before."""
    router = compose_router(wish, "exabgp")
    before = change.old.text if isinstance(change.old, ExabgpConfig) else ""
    held = set(re.findall(r"(?m)^ *neighbor (\S+) ", before))
    return [one for one in router.neighbors if str(one.address) not in held] if router is not None else []
