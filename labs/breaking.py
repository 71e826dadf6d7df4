"""Injuries of the ways between the appliance and the cloud: what the Internet may do to packets, and tells nobody."""

from __future__ import annotations

import time

from checking import node
from injecting import (
    BOUND,
    BOX,
    LAN,
    STRAY,
    Field,
    carrying,
    choose,
    flows,
    gap,
    injury,
    none_lost,
    resets,
    told,
    traffic,
    wait_until_carried,
    wait_until_whole,
    wire,
    wired,
)
from measuring import talking, transfer

WATCHED = 4.0
"""Seconds for which what must not happen is waited for."""


def cut(field: Field, *words: str) -> float:
    """One tunnel that carries is cut in this way, until the other alone carries."""
    hurt, rest = choose(field)
    with traffic(field) as result, wired(*words, hurt.remote):
        wait_until_carried(field, rest)
    return gap(field, result)


@injury()
def a_silent_cut(field: Field) -> float:
    """Every packet of a tunnel in use is dropped on the way: the other carries, and nothing leaves in clear."""
    return cut(field, "block")


@injury()
def a_one_way_cut(field: Field) -> float:
    """What we send arrives, and nothing comes back: the other tunnel carries, and nothing leaves in clear."""
    return cut(field, "one-way")


@injury()
def esp_dropped_while_ike_lives(field: Field) -> float:
    """IKE answers as if all were well, and no ESP gets through: the probes know better."""
    found = cut(field, "esp-only")
    assert node(BOX).run("swanctl", "--list-sas").out.count("ESTABLISHED") >= 2, "an IKE SA went down as well"
    return found


@injury()
def one_packet_in_a_hundred_lost(field: Field) -> float:
    """1 % of loss each way is no failure: what carried goes on carrying."""
    hurt, _rest = choose(field)
    before = carrying(field)
    with traffic(field) as result, wired("lossy", "1", hurt.remote):
        until = time.monotonic() + WATCHED
        while time.monotonic() < until:
            now = carrying(field)
            assert now >= before, f"carried by {before}, now by {now}"
            time.sleep(0.25)
    assert result["lost"] <= 0.06 * result["sent"], result
    return float(result["gap_ms"])


@injury()
def one_packet_in_three_lost(field: Field) -> float:
    """30 % of loss each way makes a tunnel worse than its neighbour, which carries then."""
    hurt, rest = choose(field)
    with traffic(field) as result, wired("lossy", "30", hurt.remote):
        wait_until_carried(field, rest, timeout=45)
    return gap(field, result, most=10 * BOUND)


@injury()
def delay(field: Field) -> float:
    """100 ms more on the way are no failure: what carried goes on carrying, and no packet is lost."""
    wait_until_whole(field)
    before = carrying(field)
    wire("slow", "100")
    try:
        with traffic(field) as result:
            until = time.monotonic() + WATCHED
            while time.monotonic() < until:
                assert carrying(field) >= before, f"carried by {before}, now by {carrying(field)}"
                time.sleep(0.25)
    finally:
        wire("open")
    assert result["late_ms"] >= 100, f"nothing was late: {result}"
    return none_lost(result)


@injury()
def a_blip_of_the_shared_uplink(field: Field) -> float:
    """400 ms of silence on everything: traffic goes on right after it, no session is reset, a TCP session lives."""
    wait_until_whole(field)
    before = resets(field)
    with talking(LAN, field.host) as session, traffic(field) as result:
        wire("blip", "400")
        flows(field)
    wire("open")
    assert session["whole"], session
    assert resets(field) == before, "a BGP session was reset"
    assert 300 <= result["gap_ms"] <= BOUND, f"gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@injury()
def a_flapping_uplink(field: Field) -> float:
    """The uplink loses its carrier three times for 300 ms: traffic goes on after each, and no session is reset."""
    wait_until_whole(field)
    before = resets(field)
    with traffic(field) as result:
        wire("flap", "300", "3")
        flows(field)
    assert resets(field) == before, "a BGP session was reset"
    return gap(field, result)


@injury()
def a_narrow_way_that_tells_nobody(field: Field) -> None:
    """An MTU of 1400 on the way, with no ICMP to tell of it: 1 MB arrives whole."""
    wait_until_whole(field)
    with wired("narrow", "1400"):
        result = transfer(LAN, field.host, 1, timeout=40)
    assert result["whole"], result


@injury()
def a_dead_probe_target(field: Field) -> float:
    """Nobody answers probes any more while traffic flows: it goes on, for the last path is never taken away."""
    wait_until_whole(field)
    deaf = "add table inet deaf; add chain inet deaf input { type filter hook input priority 0; }"
    with traffic(field) as result:
        for end in field.ends:
            node(end.node).run("nft", f"{deaf}; add rule inet deaf input icmp type echo-request drop")
        try:
            until = time.monotonic() + WATCHED
            while time.monotonic() < until:
                assert carrying(field), "nothing carries any more"
                time.sleep(0.25)
            states = {tunnel["probe"]["state"] for tunnel in told(field).values()}
        finally:
            for end in field.ends:
                node(end.node).run("nft", "delete table inet deaf")
    assert states == {"lost"}, f"the probes were answered, or nobody noticed: {states}"
    assert result["gap_ms"] <= STRAY, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
