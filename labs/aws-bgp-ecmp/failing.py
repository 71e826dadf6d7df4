"""One tunnel is silently cut, and comes back; both sessions end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from checking import check, node, wait_for
from measuring import CLEAR, ENCRYPTED, send_stream, streaming, watching
from observing import ip, paths
from scene import FIRST, INTENT, OUTSIDE, Tunnel, appliance, forgive, wait_for_paths, wire

HOLD = 30_000
"""BGP's hold time here, in ms: until something faster judges the tunnels, it bounds the gap."""


@check(timeout=180)
def a_failed_tunnel_may_return_soon() -> None:
    """The operator shortens the time until failback; both tunnels go on carrying."""
    node("gw").shell(f"cat >> {INTENT}", given="failback: {policy: revert, after: 5s}\n")
    appliance("apply", "--yes")
    forgive()


@check(timeout=120)
def a_silent_cut_costs_at_most_the_hold_time() -> float:
    """Tunnel 1's packets are dropped on the way: its flows move to tunnel 2 when the hold time ends, none in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        wire("block", FIRST.tunnels[0].remote)
        wait_for_paths(FIRST, FIRST.tunnels[1:], timeout=60)
        wait_for(lambda: appliance("status")["state"] == "degraded", 10, "status to say degraded")
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= HOLD + 5000, f"gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=150)
def the_return_costs_nothing() -> float:
    """Tunnel 1 comes back: both carry again, and no packet is lost over it."""
    with streaming("lan", FIRST.host) as result:
        wire("open")
        wait_for_paths(FIRST, timeout=100)
        wait_for(lambda: appliance("status")["state"] == "ok", 20, "status to say ok")
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=240)
def both_sessions_gone_leaks_nothing() -> None:
    """With both BGP sessions shut by the cloud, the learned prefix falls into its blackhole, not to the Internet."""
    forgive()
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen, sessions_shut():
        wait_for(lambda: not paths("gw", FIRST.prefix), 30, f"no path to {FIRST.prefix}")
        types = {route.get("type") for route in ip("gw", "-4", "route", "show", "exact", FIRST.prefix)}
        result = send_stream("lan", FIRST.host, "--flows", "8", "--seconds", "3")
    wait_for_paths(FIRST)
    assert types == {"blackhole"}, f"{FIRST.prefix} is not held by a blackhole alone: {types}"
    assert not result["received"], f"somebody answered: {result}"
    assert not seen.counts["clear"], f"in clear: {seen.packets}"


@contextmanager
def sessions_shut() -> Iterator[None]:
    """The first connection's BGP sessions, shut by both far ends."""
    for tunnel in FIRST.tunnels:
        far_end_bgp(tunnel, f"neighbor {tunnel.inside} shutdown")
    try:
        yield
    finally:
        for tunnel in FIRST.tunnels:
            far_end_bgp(tunnel, f"no neighbor {tunnel.inside} shutdown")


def far_end_bgp(tunnel: Tunnel, line: str) -> None:
    node(tunnel.end).run("vtysh", "-c", "configure terminal", "-c", "router bgp", "-c", line)
