"""One speaker for the other on a live connection, and the end."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import CLEAR, streaming, watching
from observing import paths
from scene import FIRST, INTENT, OUTSIDE, appliance, spis, wait_for_paths


def exchange(old: str, new: str) -> float:
    """Have the other speaker speak; the gap in ms."""
    gw = node("gw")
    text = gw.run("cat", INTENT).out
    assert f"speaker: {old}" in text, text
    gw.shell(f"cat > {INTENT}", given=text.replace(f"speaker: {old}", f"speaker: {new}"))
    before = spis(FIRST.tunnels)
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        appliance("apply", "--yes")
        wait_for(lambda: appliance("status")["connections"][0]["speaker"] == new, 10, "status to name it")
        wait_for(lambda: appliance("status")["state"] == "ok", 90, "both sessions to be up", every=0.5)
        wait_for_paths(FIRST)
    assert spis(FIRST.tunnels) == before, "the tunnels did not stay up"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=400)
def exabgp_gives_way_to_frr() -> float:
    """A planned change: the tunnels keep their SAs, FRR learns the same, nothing in clear; the gap is measured."""
    return exchange("exabgp", "frr")


@check(timeout=400)
def frr_gives_way_to_exabgp() -> float:
    """And back."""
    return exchange("frr", "exabgp")


@check(timeout=180)
def down_leaves_nothing_of_the_speaker() -> None:
    """`down`: ExaBGP ends, its routes and nexthops go, the blackhole stays."""
    gw = node("gw")
    appliance("down", "--yes")
    wait_for(lambda: not gw.run("pgrep", "-f", "exabgp server", ok=False).out, 20, "ExaBGP to end")
    assert not paths("gw", FIRST.prefix)
    assert not gw.run("ip", "route", "show", "proto", "174").out
    assert not gw.run("ip", "nexthop", "show", "proto", "174").out
