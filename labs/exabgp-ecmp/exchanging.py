"""One speaker for the other on a live connection, and the end."""

from __future__ import annotations

from checking import check, node, wait_for
from dying import lives, routes_stand
from measuring import CLEAR, streaming, watching
from observing import ip, paths
from scene import FIRST, INTENT, OUTSIDE, appliance, spis

PROTOCOLS = {"frr": "bgp", "exabgp": "174"}


def exchange(old: str, new: str) -> float:
    """Have the other speaker speak; the gap in ms."""
    gw, before, keys = node("gw"), lives(), spis(FIRST.tunnels)
    text = gw.run("cat", INTENT).out
    assert f"speaker: {old}" in text, text
    gw.shell(f"cat > {INTENT}", given=text.replace(f"speaker: {old}", f"speaker: {new}"))
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        appliance("apply", "--yes")
        wait_for(lambda: all(life > before[end] for end, life in lives().items()), 60, f"both sessions by {new}")
        wait_for(lambda: learned_by(new), 30, f"{FIRST.prefix} by {new}")
        wait_for(both_ways, 30, "both ways over both tunnels")
    assert spis(FIRST.tunnels) == keys, "the tunnels did not stay up"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


def both_ways() -> bool:
    routes_stand()
    return True


def learned_by(speaker: str) -> bool:
    return bool(ip("gw", "-4", "route", "show", "exact", FIRST.prefix, "proto", PROTOCOLS[speaker]))


@check(timeout=180)
def exabgp_gives_way_to_frr() -> float:
    """A planned change: the tunnels keep their SAs, FRR learns the same, nothing in clear; the gap is measured."""
    return exchange("exabgp", "frr")


@check(timeout=180)
def frr_gives_way_to_exabgp() -> float:
    """And back."""
    return exchange("frr", "exabgp")


@check(timeout=90)
def down_leaves_nothing_of_the_speaker() -> None:
    """`down`: ExaBGP ends, its routes and nexthops go, the blackhole stays."""
    gw = node("gw")
    appliance("down", "--yes")
    wait_for(lambda: not gw.run("pgrep", "-f", "exabgp server", ok=False).out, 20, "ExaBGP to end")
    assert not paths("gw", FIRST.prefix)
    assert not gw.run("ip", "route", "show", "proto", "174").out
    assert not gw.run("ip", "nexthop", "show", "proto", "174").out
    held = {route.get("type") for route in ip("gw", "-4", "route", "show", "exact", FIRST.prefix)}
    assert held == {"blackhole"}, held
