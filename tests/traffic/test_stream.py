"""What a stream makes of its numbers: losses and gaps, by the times of sending."""

from __future__ import annotations

import pytest

from tests.traffic.stream import NUMBERED, Ear, Flow, summarize

MS = 1_000_000


def flow(pattern: str) -> Flow:
    """A packet every 20 ms; ``x`` is answered after 5 ms, ``.`` never."""
    made = Flow()
    made.sent = [number * 20 * MS for number in range(len(pattern))]
    for number, mark in enumerate(pattern):
        if mark == "x":
            made.take(number, made.sent[number] + 5 * MS)
    return made


@pytest.mark.parametrize(
    ("pattern", "gap"),
    [("xxxx", 0), ("x.xx", 20), ("x...x", 60), ("..xx", 40), ("x.x..x.x", 40), ("xx..", 20), ("....", 60)],
)
def test_gap_is_the_longest_stretch_from_a_lost_packet_to_the_next_answered(pattern: str, gap: int) -> None:
    assert flow(pattern).gap() == gap * MS


def test_a_lost_last_packet_is_never_a_gap_of_nothing() -> None:
    assert flow("xxx.").gap() > 0


def test_a_second_answer_to_a_packet_counts_once() -> None:
    twice = flow("x.")
    twice.take(0, 9 * MS)
    assert (twice.lost, twice.slowest) == (1, 9 * MS)


def test_a_summary_counts_all_flows_and_takes_the_worst_gap() -> None:
    found = summarize([flow("xxxx"), flow("x..x")])
    assert found == {"flows": 2, "sent": 8, "received": 6, "lost": 2, "gap_ms": 40.0, "late_ms": 5.0}


@pytest.mark.parametrize(("heard", "gap"), [("xxxx", 0), ("x.xx", 20), ("x...x", 60), ("..xx", 0), ("x.x..x", 40)])
def test_an_echo_knows_what_it_missed_between_two_packets_of_a_flow(heard: str, gap: int) -> None:
    ear = Ear()
    for number, mark in enumerate(heard):
        if mark == "x":
            ear.take(("192.0.2.1", 4000), NUMBERED.pack(0, number, number * 20 * MS))
    assert (ear.heard, ear.longest) == (heard.count("x"), gap * MS)


def test_an_echo_keeps_flows_apart_and_forgives_packets_that_overtake() -> None:
    ear = Ear()
    for flow, number in ((0, 0), (1, 5), (0, 1), (1, 6), (0, 3), (0, 2)):
        ear.take("somebody", NUMBERED.pack(flow, number, number * 20 * MS))
    assert ear.longest == 20 * MS
