"""One speaker takes over from another: what FRR brought stays in the kernel while ExaBGP learns it anew."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.daemon.wiring import Systems
from appliance.design.ways import learned_ways
from appliance.design.wish import Wish
from appliance.model.address import IPNetwork
from appliance.model.change import Change
from appliance.model.forwarding import BGP_PROTOCOL
from appliance.model.resources import ExabgpConfig
from appliance.rib.forwarding import Ledger


async def hand_over(systems: Systems, wish: Wish, changes: Iterable[Change]) -> None:
    """Before FRR ends sessions that ExaBGP is to hold: copy the routes that go over them, as those of the embedded
    speaker, behind FRR's own. The daemon takes them for inherited, and sweeps what is not said again."""
    if not any(isinstance(change.new, ExabgpConfig) for change in changes):
        return
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
