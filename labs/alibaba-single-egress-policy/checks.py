"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager
from typing import Any

from checking import Failed, check, main, node, wait_for
from measuring import probing_mss, send_stream, start_services, streaming
from observing import ip
from operating import (
    Tunnel,
    come_back_from_a_reboot,
    configure,
    cut_silently,
    flowing,
    lay_out_site,
    must_reach,
    reason,
    refuse_a_second_write,
    rekey_everything,
    rekey_without_loss,
    spis,
    states,
    watching_outside,
    wire,
)

HOST, LAN_HOST = "192.168.30.4", "172.16.20.10"
ONE = Tunnel("vco-1", "198.51.100.151", "ali")
TWO = Tunnel("vco-2", "192.0.2.87", "ali")
OUTSIDE = ("eth1", "eth2")
"""The Internet router's links: to the appliance and the LAN's switch, to the gateway."""
MOVED = 3000.0
"""What a silent move may cost, in ms."""
ROUND_TRIP = 1000.0
"""Generous, in ms: a slow machine answers late."""
DEAD = 45_000.0
"""What a dead tunnel may cost, in ms: dead peer detection asks every 10 s, and gives up after another 22 s."""
SETTLED = 10.0
"""Seconds between two moves that are followed."""


def move(number: int) -> None:
    node("ali").run("/opt/ali/move", str(number))


def calling_us() -> AbstractContextManager[Any]:
    """Somebody in the VPC talks to the LAN: by that a move is heard, whatever becomes of our own packets."""
    return streaming("vpc", LAN_HOST, flows=1, rate=20)


def sends_to() -> str | None:
    """The gateway address that the appliance's kernel sends the VPC's packets to, by the policy that it looks at first;
    None: it drops them."""
    text = node("gw").run("ip", "xfrm", "policy", "list", "dir", "out").out
    found = re.findall(r"^src \S+ dst \S+\s+dir out (action block )?priority (\d+)(.*?)(?=^src|\Z)", text, re.M | re.S)
    if not found:
        raise Failed(f"no policy stands: {text}")
    blocked, _, rest = min(found, key=lambda one: int(one[1]))
    return None if blocked else str(re.findall(r"tmpl src \S+ dst (\S+)", rest)[0])


def mismatches() -> int:
    """How many packets the kernel refused because another tunnel was expected."""
    lines = node("gw").run("cat", "/proc/net/xfrm_stat").out.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("XfrmInTmplMismatch"))


@check(timeout=240)
def without_tunnels_nothing_leaves_in_clear() -> None:
    """With IKE blocked `configure` ends with 1 and names the silence; the policies stand, and no LAN packet leaves."""
    start_services("vpc")
    start_services("lan")
    lay_out_site()
    wire("block")
    with watching_outside(OUTSIDE) as seen, flowing(HOST):
        done = configure("policy", wait=20)
    assert done.code == 1, f"configure ended with {done.code}: {(done.err + done.out)[-600:]}"
    assert "4500" in reason(done), reason(done)[-400:]
    assert sends_to() is None
    assert not seen.counts["clear"], seen.packets


@check(timeout=240)
def both_tunnels_come_up_by_themselves() -> None:
    """Once IKE gets through, both SAs stand: one carries, the other is ready; there is no interface."""
    wire("open")
    wait_for(lambda: states() == {"vco-1": "carrying", "vco-2": "standby"}, 90, "one to carry, one to stand by")
    assert not ip("gw", "link", "show", "type", "xfrm")
    assert sends_to() == ONE.remote


@check(timeout=180)
def traffic_flows_both_ways() -> None:
    """Flows from the LAN and a ping from the VPC are answered, in UDP 4500, over the active tunnel alone."""
    with watching_outside(OUTSIDE, one=f"host {ONE.remote}", two=f"host {TWO.remote} and udp port 4500") as seen:
        result = send_stream("lan", HOST, "--flows", "16", "--rate", "10", "--seconds", "3")
        must_reach("vpc", HOST, LAN_HOST)
    assert not result["lost"], result
    assert seen.counts["one"] >= 2 * result["sent"], seen.each
    assert seen.counts["two"] < result["sent"] / 8, seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=180)
def syns_are_clamped_both_ways() -> None:
    """A SYN of 1460 arrives smaller, and so does the SYN/ACK that answers it."""
    arrived, answer = probing_mss("lan", HOST, ("vpc", ["eth1"]))
    assert arrived == answer, (arrived, answer)
    assert 1200 < arrived < 1400, arrived


@check(timeout=240)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables or to charon."""
    before = node("gw").run("ip", "xfrm", "policy").out
    refuse_a_second_write()
    assert node("gw").run("ip", "xfrm", "policy").out == before


@check(timeout=240)
def rekeys_lose_nothing() -> float:
    """IKE SAs and children rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((ONE, TWO), HOST)


@check(timeout=240)
def a_silent_move_of_the_cloud_is_followed() -> float:
    """The gateway moves silently: we follow within 3 s and say so, no packet of its is refused; swaying is damped.

    It moves back at once: we follow that too, though not before the last move is 10 s old.
    """
    before, refused = spis((ONE, TWO)), mismatches()
    with watching_outside(OUTSIDE) as seen, calling_us():
        send_stream("lan", HOST, "--seconds", "2")  # where it sends at first must have been heard: the first is no move
        with flowing(HOST) as result:
            move(2)
            wait_for(lambda: sends_to() == TWO.remote, 30, "traffic over the other tunnel", every=0.05)
            followed = time.monotonic()
            send_stream("lan", HOST, "--seconds", "1")
        move(1)
        wait_for(lambda: sends_to() == ONE.remote, 60, "traffic over the first tunnel")
        waited = time.monotonic() - followed
    assert result["gap_ms"] <= MOVED, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    assert waited > SETTLED - 1, f"followed again after {waited:.1f} s"
    assert "the cloud sends over vco-2 now" in node("gw").log, node("gw").log[-400:]
    assert spis((ONE, TWO)) == before, "SAs were set up anew"
    assert mismatches() == refused
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=300)
def a_dead_tunnel_hands_over() -> float:
    """The active tunnel is silently cut and the gateway has moved: dead peer detection finds it; none in clear."""

    def moved() -> None:
        move(2)
        wait_for(lambda: sends_to() == TWO.remote, 90, "traffic over the other tunnel")

    return cut_silently(ONE, HOST, OUTSIDE, moved, bound=DEAD)


@check(timeout=120)
def rekeys_of_the_other_tunnel_cost_a_round_trip_at_most() -> float:
    """Its child rekeys from either side while it carries: what the cloud begins costs what we send in a round trip."""
    with flowing(HOST) as result:
        rekey_everything((TWO,), ("child",))
    assert result["gap_ms"] < ROUND_TRIP, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=300)
def with_both_dead_nothing_leaves_in_clear() -> None:
    """Both are cut and their SAs end: the policies stay, and nothing leaves."""
    with watching_outside(OUTSIDE) as seen, flowing(HOST):
        wire("block", ONE.remote, TWO.remote)
        wait_for(lambda: not any(spis((ONE, TWO)).values()), 100, "all SAs to end", every=0.5)
        send_stream("lan", HOST, "--seconds", "2")
    assert not seen.counts["clear"], seen.packets
    wire("open")
    move(1)
    wait_for(lambda: not send_stream("lan", HOST, "--seconds", "1")["lost"], 60, "traffic to flow")


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(HOST, OUTSIDE, lambda: wait_for(sends_to, 70, "policies that lead to a tunnel"))


main()
