"""What still leaves by a tunnel whose BGP session is closed goes by one that is open, until FRR has chosen anew.

By itself a closed session empties a tunnel only after bgpd's own wait, and zebra's; while one of them is gone, not at
all. A detour is filters on the tunnel's own interface, the same few whatever the number of prefixes, and stands as long
as the session is closed: where FRR has moved, nothing meets it. It leads to another tunnel of the same connection,
whose interface encrypts what its SA is for and drops all else.

What meets it was forwarded, counted down, filtered, translated and tracked before: none of that happens twice. Where
the other tunnel takes less, Linux answers with the size, as to whatever is too big for it. All of it goes by one other
tunnel, were there more that carry: it is for the moment until FRR has spread it over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from zlib import crc32

from appliance.design.routing import lan_addresses
from appliance.design.tunnels import tunnel_link
from appliance.design.wish import Wish
from appliance.model.change import Change
from appliance.model.intent import Connection, Tunnel
from appliance.model.peering import CLOSED, SHUT
from appliance.model.ranking import metrics_of
from appliance.model.resources import Detour, Stay
from appliance.probe.targets import compose_targets


def detours(wish: Wish) -> frozenset[Detour]:
    """Where FRR brings the routes and this kernel can do it; what we route ourselves is switched at once anyway."""
    return frozenset(_all(wish) if wish.machine is not None and wish.machine.redirects else ())


def lacks_detours(wish: Wish) -> bool:
    """Whether there would be some, but for this kernel."""
    return wish.machine is not None and not wish.machine.redirects and any(_all(wish))


def changed_detours(before: Iterable[Detour], after: Iterable[Detour]) -> list[Change]:
    """From the ones to the others. What ends goes first, for no two may lead to each other."""
    old, new = ({one.key: one for one in some} for some in (before, after))
    over = [Change(one, None) for key, one in old.items() if key not in new]
    return [*over, *(Change(old.get(key), one) for key, one in new.items() if old.get(key) != one)]


def _all(wish: Wish) -> Iterator[Detour]:
    for connection in wish.connections if wish.stances else ():
        if connection.mode == "bgp" and connection.speaker == "frr":
            yield from _around(wish, connection)


def _around(wish: Wish, connection: Connection) -> Iterator[Detour]:
    closed = [tunnel for tunnel in connection.tunnels if wish.stances.get(tunnel.name) in (CLOSED, SHUT)]
    tunnels = {tunnel.name: tunnel for tunnel in connection.tunnels}
    living = [tunnels[name] for name in metrics_of(connection) if name not in wish.stances] if closed else []
    for tunnel in closed if living else ():
        stays = tuple(_stays(wish, connection, tunnel))
        yield Detour(tunnel_link(tunnel), tunnel_link(living[0]), crc32(repr(stays).encode()), stays)


def _stays(wish: Wish, connection: Connection, tunnel: Tunnel) -> Iterator[Stay]:
    """What is about the tunnel itself: BGP, whoever is asked whether it lives, and what bears its address, which would
    be answered over it."""
    for inside in (tunnel.inside, tunnel.inside6):
        if inside is not None:
            yield ip_network(inside.ip), None
            yield None, inside.network
    for target in compose_targets(connection, {tunnel.name: tunnel_link(tunnel)}, lan_addresses(wish)):
        yield None if target.source is None else ip_network(target.source), ip_network(target.address)
