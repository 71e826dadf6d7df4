"""What holds whatever happens."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appliance.model.health import ConnectionVerdict, PathEvidence, TargetHealth
from appliance.model.intent import Failback
from appliance.verdict.connection import reconsider
from appliance.verdict.manner import Manner
from tests.verdict.paths import PEERS, SHARED, good, lost, unarmed, up

TIMES = st.floats(0, 1000)


def healths(name: str) -> st.SearchStrategy[TargetHealth]:
    address = st.sampled_from([None, SHARED])
    return st.one_of(
        st.builds(lambda at, to, loss: up(name, at, to, loss=loss), TIMES, address, st.floats(0, 1)),
        st.builds(lambda since, to, streak: lost(name, since, to, streak=streak), TIMES, address, st.integers(0, 19)),
        st.builds(lambda to: unarmed(name, to), address),
    )


def evidences(name: str) -> st.SearchStrategy[PathEvidence]:
    maybe = st.none() | TIMES
    return st.builds(
        PathEvidence,
        st.sampled_from([True, False, None]),
        st.lists(healths(name), max_size=3, unique_by=lambda health: health.target).map(tuple),
        gone_at=maybe,
        bgp=st.sampled_from([True, False, None]),
        inbound_at=maybe,
        drained=st.booleans(),
    )


MOMENTS = st.lists(
    st.tuples(st.floats(0.001, 400), st.fixed_dictionaries({name: evidences(name) for name in PEERS})),
    min_size=1,
    max_size=12,
)
MANNERS = st.builds(
    Manner,
    prefer=st.sampled_from(["equal", "ordered"]),
    need=st.integers(1, 4),
    failback=st.builds(Failback, st.sampled_from(["revert", "stay", "manual"]), st.integers(0, 300)),
    pinned=st.sampled_from([None, "a", "c", "gone"]),
    poor_rtt=st.sampled_from([None, 0.001]),
)
Moments = list[tuple[float, dict[str, PathEvidence]]]


def play(moments: Moments, manner: Manner) -> list[tuple[float, dict[str, PathEvidence], ConnectionVerdict]]:
    now, verdict, said = 0.0, None, []
    for passed, evidence in moments:
        now += passed
        verdict = reconsider(verdict, evidence, manner, now)
        said.append((now, evidence, verdict))
    return said


@given(MOMENTS, MANNERS)
def test_never_empty_while_an_sa_is_installed(moments: Moments, manner: Manner) -> None:
    for _, evidence, verdict in play(moments, manner):
        if any(seen.installed for seen in evidence.values()):
            assert verdict.carrying
        assert set(verdict.carrying) <= set(evidence)


@given(MOMENTS, MANNERS)
def test_the_words_agree_with_who_carries(moments: Moments, manner: Manner) -> None:
    for _, evidence, verdict in play(moments, manner):
        assert list(verdict.paths) == list(evidence)
        for name, path in verdict.paths.items():
            assert (path.state in ("carrying", "last-resort")) == (name in verdict.carrying)
            assert (path.state == "last-resort") == (name in verdict.carrying and verdict.last_resort)
            assert path.why or path.state == "carrying"
        if manner.prefer == "ordered":
            assert len(verdict.carrying) <= 1


@given(MOMENTS, MANNERS)
def test_times_only_move_on(moments: Moments, manner: Manner) -> None:
    for now, _, verdict in play(moments, manner):
        assert verdict.look_again is None or verdict.look_again > now
        assert verdict.changed_at <= now
        for path in verdict.paths.values():
            assert path.since <= now
            assert path.reuse_at is None or path.reuse_at > now
            assert all(now - 3600 < at <= now for at in path.flaps)
            assert 0 <= path.penalty_at(now) <= manner.ceiling


@given(MOMENTS, MANNERS)
def test_the_same_evidence_gives_the_same_verdict(moments: Moments, manner: Manner) -> None:
    assert play(moments, manner) == play(moments, manner)


@given(MOMENTS, MANNERS)
def test_nothing_new_at_the_same_moment_changes_nothing(moments: Moments, manner: Manner) -> None:
    now, evidence, verdict = play(moments, manner)[-1]
    again = reconsider(verdict, evidence, manner, now)
    assert again.carrying == verdict.carrying
    assert again.changes == verdict.changes


@given(MOMENTS, MANNERS)
def test_a_path_that_works_is_preferred_to_all_that_do_not(moments: Moments, manner: Manner) -> None:
    for _, evidence, verdict in play(moments, manner):
        works = {n for n, path in verdict.paths.items() if path.health in ("up", "poor") and not evidence[n].drained}
        if works:
            assert set(verdict.carrying) <= works
            assert not verdict.last_resort


@given(st.lists(st.tuples(st.floats(0.1, 30), st.booleans()), max_size=400))
def test_no_more_switches_than_damping_allows(flips: list[tuple[float, bool]]) -> None:
    """However tunnel a behaves beside a steady b: in any hour, a few free losses and then one now and again."""
    manner = Manner(prefer="ordered", failback=Failback("revert", 0))
    moments = [
        (passed, {"a": good("a", 0.0) if fine else PathEvidence(True, (lost("a", 0.0),)), "b": good("b", 0.0)})
        for passed, fine in flips
    ]
    said = play(moments, manner)
    at = [now for (now, _, verdict), before in zip(said[1:], said, strict=False) if verdict.changes > before[2].changes]
    for begin in at:
        assert sum(begin <= moment < begin + 3600 for moment in at) <= 28


@given(MOMENTS)
def test_what_is_drained_carries_only_when_nothing_else_may(moments: Moments) -> None:
    for _, evidence, verdict in play(moments, Manner()):
        drained = {name for name in verdict.carrying if evidence[name].drained}
        assert not drained or verdict.last_resort
        assert all(replace(verdict.paths[name]).state == "last-resort" for name in drained)
