"""Every injury of the matrix, with BGP: both tunnels carry, and the one that still does goes on."""

from __future__ import annotations

from checking import check, node
from injecting import End, Field, inject
from scene import FIRST, LAN, OUTSIDE, Tunnel, forgive, set_med

ENDS = tuple(End(tunnel.remote, tunnel.inside, tunnel.peer, tunnel.end) for tunnel in FIRST.tunnels)


def leave(end: End) -> None:
    """As AWS does before it replaces a tunnel end: its routes become the worse ones, ours there too."""
    set_med(tunnel_of(end), FIRST, 200)
    set_local_preference(end, 150)


def settle(end: End) -> None:
    set_local_preference(end, 200)
    set_med(tunnel_of(end), FIRST, 100)


def tunnel_of(end: End) -> Tunnel:
    return next(tunnel for tunnel in FIRST.tunnels if tunnel.remote == end.remote)


def set_local_preference(end: End, value: int) -> None:
    """What the far end's way to the customer is worth to the VPC's router."""
    node(end.node).run(
        "vtysh", "-c", "configure terminal", "-c", "route-map first-in permit 10", "-c", f"set local-preference {value}"
    )
    node(end.node).run("vtysh", "-c", f"clear bgp {end.inside} soft in")


FIELD = Field((ENDS[0], ENDS[1]), LAN, FIRST.prefix, FIRST.host, OUTSIDE, bgp=True, leave=leave, settle=settle,
              forgive=forgive)  # fmt: skip


inject(FIELD, "draining", "breaking", "killing")


@check(timeout=240)
def after_all_that_both_carry() -> None:
    """Every injury healed: both tunnels carry again, as before the first one."""
    forgive()
