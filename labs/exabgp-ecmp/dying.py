"""The death of any part: routes stay, here and at the far ends, and all comes back without a word."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import CLEAR, streaming, watching
from observing import paths, sessions
from scene import FIRST, LAN, OUTSIDE, interface, received, spis

EXABGP, BRIDGE, DAEMON = "exabgp server", "appliance-speaker/bridge", "^/usr/bin/python3 .*appliance run$"


def pids(pattern: str) -> set[str]:
    """Processes on the appliance, by their whole command line."""
    return set(node("gw").run("pgrep", "-f", pattern, ok=False).out.split())


def lives() -> dict[str, int]:
    """Which session in turn each far end has with us, 0 while it has none."""
    found = {tunnel.end: sessions(tunnel.end)[tunnel.inside] for tunnel in FIRST.tunnels}
    return {end: one["connectionsEstablished"] * (one["state"] == "Established") for end, one in found.items()}


def stand_anew(before: dict[str, int]) -> bool:
    """Whether both far ends have another session with us than then, which brought us all they have."""
    return all(life > before[end] for end, life in lives().items()) and [*map(received, FIRST.tunnels)] == [1, 1]


def routes_stand() -> None:
    """Both ways, over both tunnels."""
    here, there = paths("gw", FIRST.prefix), paths("vpc", LAN)
    assert here == {interface(tunnel) for tunnel in FIRST.tunnels}, f"{FIRST.prefix} over {here}"
    assert there == {"eth1", "eth2"}, f"{LAN} back over {there}"


def kill(*patterns: str) -> float:
    """Kill with -9 under traffic, and wait for successors and their sessions; the longest gap in ms."""
    victims, before, keys = {pattern: pids(pattern) for pattern in patterns}, lives(), spis(FIRST.tunnels)
    assert all(victims.values()), victims
    assert all(before.values()), before
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        node("gw").run("kill", "-9", *(pid for found in victims.values() for pid in found))
        wait_for(lambda: not any(life in before.values() for life in lives().values()), 20, "the sessions to end")
        routes_stand()
        wait_for(lambda: stand_anew(before), 90, "both sessions to stand again", every=0.3)
        routes_stand()
    assert spis(FIRST.tunnels) == keys, "the tunnels did not stay up"
    left = {pattern: found & pids(pattern) for pattern, found in victims.items()}
    assert not any(left.values()), f"not killed: {left}"
    assert not seen.counts["clear"], seen.packets
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=180)
def exabgp_killed() -> float:
    """ExaBGP is killed: our routes stay, the far ends keep ours (graceful restart), and no packet is lost."""
    return kill(EXABGP)


@check(timeout=180)
def the_bridge_killed() -> float:
    """ExaBGP's API process is killed: the same."""
    return kill(BRIDGE)


@check(timeout=180)
def the_daemon_killed() -> float:
    """The daemon is killed, and ExaBGP ends with it: the same, and the next daemon takes the routes over."""
    return kill(DAEMON)


@check(timeout=180)
def all_three_killed() -> float:
    """Daemon, ExaBGP and bridge are killed at once: the same."""
    return kill(DAEMON, EXABGP, BRIDGE)
