"""Paths fail in every way that nobody tells of, and come back. Gaps are of single flows, in ms.

A tunnel that was lost four times within minutes is held back for a while, however good it is now: after the third cut
traffic may be on either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from checking import check, node, wait_for
from measuring import CLEAR, ENCRYPTED, send_stream, streaming, watching
from scene import (
    FAILBACK,
    FIRST,
    HOST,
    OUTSIDE,
    SECOND,
    appliance,
    carries,
    talking,
    told,
    wait_until_armed,
    wait_until_carries,
    wire,
)

BOUND = 3000.0
"""Generous, for machines of every speed: probes every 100 ms find a cut after 300 ms, scripts that poll after 12 s and
more, BGP's timers after 30."""

STRAY = 100.0
"""A busy machine may drop a packet of its own accord; a flow sends one every 20 ms."""


@contextmanager
def cut(*words: str) -> Iterator[dict[str, Any]]:
    """The first tunnel is cut in this way under traffic, until the second carries; nothing leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", HOST) as result:
        wire(*words)
        wait_until_carries(SECOND)
        yield result
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= BOUND, f"gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets


def mend() -> None:
    """The wire is whole again, and traffic back on the first tunnel."""
    wire("open")
    wait_until_carries(FIRST, timeout=60)


@check(timeout=90)
def a_silent_cut_costs_a_fraction_of_a_second() -> float:
    """All packets of the first tunnel are dropped on the way: traffic goes on over the second, a TCP session too."""
    with talking() as session, cut("block", FIRST.remote) as result:
        pass
    assert session["whole"], session
    assert told()[FIRST.remote]["state"] == "down"
    return float(result["gap_ms"])


@check(timeout=60)
def what_was_switched_stays_switched() -> None:
    """Neither a plan nor an apply undoes what the daemon did."""
    assert appliance("plan")["changes"] == 0, appliance("plan")
    assert appliance("apply", "--yes").get("changes", 0) == 0
    assert carries(SECOND)


@check(timeout=90)
def failback_costs_nothing() -> float:
    """The first tunnel works again: it carries after its probation, no flow waits for it, and a TCP session lives."""
    with talking() as session, streaming("lan", HOST) as result:
        wire("open")
        wait_until_carries(FIRST, timeout=FAILBACK + 40)
        send_stream("lan", HOST, "--seconds", "1")
    assert session["whole"], session
    assert result["gap_ms"] <= STRAY, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=90)
def a_one_way_cut_is_a_cut() -> float:
    """What we send arrives, and nothing comes back: traffic goes on over the second tunnel."""
    with cut("one-way", FIRST.remote) as result:
        pass
    mend()
    return float(result["gap_ms"])


@check(timeout=90)
def esp_dropped_while_ike_lives_is_a_cut() -> float:
    """IKE answers as if all were well: the probes know better."""
    with cut("esp-only", FIRST.remote) as result:
        pass
    assert node("gw").run("swanctl", "--list-sas").out.count("ESTABLISHED") >= 2
    wire("open")
    return float(result["gap_ms"])


@check(timeout=90)
def a_blip_of_the_whole_uplink_costs_no_more_than_itself() -> float:
    """400 ms of silence on both tunnels: traffic goes on right after it, and so does a TCP session."""
    wait_until_armed()
    with talking() as session, streaming("lan", HOST) as result:
        wire("blip", "400")
        send_stream("lan", HOST, "--seconds", "2")
    assert session["whole"], session
    assert 300 <= result["gap_ms"] <= BOUND, f"gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=120)
def with_both_cut_the_last_one_stays_and_nothing_leaks() -> None:
    """Both tunnels silent: the route stays on a tunnel, which encrypts or drops; it works as soon as one is back."""
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen, streaming("lan", HOST):
        wire("block", FIRST.remote, SECOND.remote)
        wait_for(lambda: states() <= {"last-resort", "down"}, 30, "status to say that nothing works", every=0.5)
        assert carries(FIRST) or carries(SECOND), "the last path was taken away"
        wire("open")
        wait_for(lambda: "carrying" in states(), 60, "a tunnel to carry", every=0.5)
    assert not send_stream("lan", HOST, "--seconds", "2")["lost"]
    assert seen.counts["encrypted"], "no ESP was seen: the capture proves nothing"
    assert not seen.counts["clear"], seen.packets


def states() -> set[str]:
    return {tunnel["state"] for tunnel in told().values()}
