"""A path fails, comes back, and then both are gone. Gaps are of single flows, in ms."""

from __future__ import annotations

from checking import check, wait_for
from measuring import CLEAR, ENCRYPTED, answered, send_stream, streaming, talking, watching
from scene import (
    FAILBACK,
    FIRST,
    HOST,
    OUTSIDE,
    SECOND,
    appliance,
    carries,
    somebody_carries,
    told,
    wait_until_carries,
    wire,
)

BOUND = 3000.0
"""Generous, for machines of every speed: probes every 100 ms find a cut after 300 ms, scripts that poll after 12 s and
more, BGP's timers after 30."""

STRAY = 100.0
"""A busy machine may drop a packet of its own accord; a flow sends one every 40 ms."""


@check(timeout=300)
def a_silent_cut_costs_a_fraction_of_a_second() -> float:
    """All packets of the first tunnel are dropped on the way: traffic goes on over the second, a TCP session too."""
    with talking("lan", HOST) as session, streaming("lan", HOST, flows=4, rate=25) as result:
        wire("block", FIRST.remote)
        wait_until_carries(SECOND)
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= BOUND, f"gap {result['gap_ms']} ms"
    assert session["whole"], session
    assert told()[FIRST.remote]["state"] == "down"
    return float(result["gap_ms"])


@check(timeout=300)
def what_was_switched_stays_switched() -> None:
    """Neither a plan nor an apply undoes what the daemon did."""
    assert appliance("plan")["changes"] == 0, appliance("plan")
    assert appliance("apply", "--yes").get("changes", 0) == 0
    assert carries(SECOND)


@check(timeout=300)
def failback_costs_nothing() -> float:
    """The first tunnel works again: it carries after its probation, no flow waits for it, and a TCP session lives."""
    with talking("lan", HOST) as session, streaming("lan", HOST, flows=4, rate=25) as result:
        wire("open")
        wait_until_carries(FIRST, timeout=FAILBACK + 100)
        answered("lan", HOST)
    assert session["whole"], session
    assert result["gap_ms"] <= STRAY, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=300)
def with_both_cut_the_last_one_stays_and_nothing_leaks() -> None:
    """Both tunnels silent: the route stays on a tunnel, which encrypts or drops; it works as soon as one is back."""
    with (
        watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen,
        streaming("lan", HOST, flows=4, rate=25),
    ):
        wire("block", FIRST.remote, SECOND.remote)
        wait_for(lambda: states() <= {"last-resort", "down"}, 30, "the daemon to say that nothing works")
        assert somebody_carries(), "the last path was taken away"
        wire("open")
        wait_for(lambda: "carrying" in states(), 60, "a tunnel to carry")
    assert not send_stream("lan", HOST, "--seconds", "2")["lost"]
    assert seen.counts["encrypted"], "no ESP was seen: the capture proves nothing"
    assert not seen.counts["clear"], seen.packets


def states() -> set[str]:
    return {tunnel["state"] for tunnel in told().values()}
