"""The cloud's silent move is noticed within two looks, whatever passes over the other tunnel by the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.verdict.following import LOOKS, SETTLED, Heading, notice

ON_ONE = Heading("one")


def after(was: Heading, *looks: dict[str, int], begun: float = 100.0) -> Heading:
    """The heading after looks a second apart."""
    for at, grown in enumerate(looks):
        was = notice(was, grown, begun + at)
    return was


def test_what_is_heard_first_is_where_the_cloud_sends() -> None:
    assert after(Heading(), *[{"one": 5, "two": 0}] * LOOKS).tunnel == "one"


def test_what_is_heard_first_is_no_move_that_another_waits_for() -> None:
    begun = after(Heading(), *[{"one": 5, "two": 0}] * LOOKS)
    assert after(begun, *[{"one": 0, "two": 5}] * LOOKS, begun=100.0 + LOOKS).tunnel == "two"


def test_a_move_is_noticed_after_two_looks() -> None:
    moved = [{"one": 0, "two": 1}] * LOOKS
    assert after(ON_ONE, *moved[:-1]).tunnel == "one"
    assert after(ON_ONE, *moved).tunnel == "two"


def test_what_was_under_way_is_no_move() -> None:
    assert after(ON_ONE, {"one": 0, "two": 1}, {"one": 3, "two": 0}, {"one": 0, "two": 1}).tunnel == "one"


def test_silence_says_nothing() -> None:
    assert after(ON_ONE, *[{"one": 0, "two": 0}] * 50) == ON_ONE
    assert after(ON_ONE, {"one": 0, "two": 9}, {"one": 0, "two": 0}, {"one": 0, "two": 9}).tunnel == "two"


def test_a_cloud_that_uses_both_is_left_to_it() -> None:
    assert after(ON_ONE, *[{"one": 4, "two": 9}] * 50).tunnel == "one"


def test_a_cloud_that_sways_is_followed_slowly() -> None:
    swaying = [{"one": 0, "two": 9}] * 3 + [{"one": 9, "two": 0}] * 3
    heading, moves = ON_ONE, 0
    for at in range(60):
        before, heading = heading, notice(heading, swaying[at % 6], 100.0 + at)
        moves += heading.tunnel != before.tunnel
    assert 1 <= moves <= 60 / SETTLED + 1


def test_it_is_followed_back() -> None:
    there = after(ON_ONE, *[{"one": 0, "two": 9}] * LOOKS)
    assert after(there, *[{"one": 9, "two": 0}] * LOOKS, begun=100.0 + SETTLED + LOOKS).tunnel == "one"


@given(st.lists(st.dictionaries(st.sampled_from(["one", "two"]), st.integers(0, 3)), max_size=40))
def test_nobody_is_followed_who_sent_nothing(looks: list[dict[str, int]]) -> None:
    heading = after(Heading(), *looks)
    assert heading.tunnel is None or any(grown.get(heading.tunnel, 0) for grown in looks)
