"""The death of any part: routes stay, here and at the far ends, and all comes back without a word."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import CLEAR, streaming, watching
from observing import paths
from scene import FIRST, OUTSIDE, appliance, interface, wait_for_paths

EXABGP, BRIDGE, DAEMON = "exabgp server", "appliance-speaker/bridge", "^/usr/bin/python3 .*appliance run$"


def pids(pattern: str) -> set[str]:
    """Processes on the appliance, by their whole command line."""
    return set(node("gw").run("pgrep", "-f", pattern, ok=False).out.split())


def kill(*patterns: str) -> float:
    """Kill with -9 under traffic, wait for successors and their sessions; the longest gap in ms."""
    victims = {pattern: pids(pattern) for pattern in patterns}
    assert all(victims.values()), victims
    both = {interface(tunnel) for tunnel in FIRST.tunnels}
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        node("gw").run("kill", "-9", *(pid for found in victims.values() for pid in found))
        wait_for(lambda: not pids(EXABGP) & victims.get(EXABGP, set()), 30, "the old speaker to be gone")
        assert paths("gw", FIRST.prefix) == both, "the routes went with it"
        for pattern in (*patterns, EXABGP):
            wait_for(lambda pattern=pattern: pids(pattern) - victims.get(pattern, set()), 60, f"a new {pattern}")
        wait_for(whole, 90, "both sessions and both tunnels to be back", every=0.5)
        wait_for_paths(FIRST)
    assert not seen.counts["clear"], seen.packets
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


def whole() -> bool:
    status = appliance("status")
    return status["state"] == "ok" and status["daemon"]["running"]


@check(timeout=400)
def exabgp_killed() -> float:
    """ExaBGP is killed: our routes stay, the far ends keep ours (graceful restart), and no packet is lost."""
    return kill(EXABGP)


@check(timeout=400)
def the_bridge_killed() -> float:
    """ExaBGP's API process is killed: the same."""
    return kill(BRIDGE)


@check(timeout=400)
def the_daemon_killed() -> float:
    """The daemon is killed, and ExaBGP ends with it: the same, and the next daemon takes the routes over."""
    return kill(DAEMON)


@check(timeout=400)
def all_three_killed() -> float:
    """Daemon, ExaBGP and bridge are killed at once: the same."""
    return kill(DAEMON, EXABGP, BRIDGE)
