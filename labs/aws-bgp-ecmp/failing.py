"""One tunnel is silently cut, and comes back."""

from __future__ import annotations

from checking import check, wait_for
from measuring import CLEAR, streaming, watching
from scene import FIRST, OUTSIDE, appliance, wait_for_paths, wire

HOLD = 30_000
"""BGP's hold time here, in ms: until something faster judges the tunnels, it bounds the gap."""


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
