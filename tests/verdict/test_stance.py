"""How sessions are held while verdicts change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings

from appliance.model.health import ConnectionVerdict, PathEvidence
from appliance.model.peering import BEHIND, CLOSED, SHUT
from appliance.verdict.connection import reconsider
from appliance.verdict.manner import Manner
from appliance.verdict.stance import choose_stances
from tests.verdict.paths import dead, good, torn, unarmed
from tests.verdict.test_invariants import MANNERS, MOMENTS, Moments, play

EQUAL, ORDERED = Manner(prefer="equal"), Manner(prefer="ordered")


def established(seen: PathEvidence, *, bgp: bool | None = True) -> PathEvidence:
    return replace(seen, bgp=bgp)


def held(
    a: PathEvidence, b: PathEvidence, now: float, was: ConnectionVerdict | None = None, manner: Manner = EQUAL
) -> tuple[ConnectionVerdict, Mapping[str, str]]:
    evidence = {"a": a, "b": b}
    verdict = reconsider(was, evidence, manner, now)
    return verdict, choose_stances(verdict, evidence)


def test_a_silent_path_is_closed_at_once_and_shut_when_it_stays_silent() -> None:
    working, silent = established(good("b", 100.0)), established(dead("a", 9.0))
    verdict, stances = held(established(good("a", 9.0)), working, 9.0)
    assert stances == {}
    verdict, stances = held(silent, working, 10.0, verdict)
    assert stances == {"a": CLOSED}
    verdict, stances = held(silent, working, 19.9, verdict)
    assert stances == {"a": CLOSED}
    verdict, stances = held(silent, working, 20.0, verdict)
    assert stances == {"a": SHUT}


def test_a_session_stays_shut_while_its_tunnel_loses_its_sa_too() -> None:
    working, silent = established(good("b", 100.0)), established(dead("a", 9.0))
    verdict, _ = held(established(good("a", 9.0)), working, 9.0)
    verdict, _ = held(silent, working, 10.0, verdict)
    verdict, _ = held(silent, working, 20.0, verdict)
    gone = PathEvidence(False, silent.targets, gone_at=25.0, bgp=False)
    verdict, stances = held(gone, working, 25.0, verdict)
    assert (verdict.paths["a"].health, stances) == ("down", {"a": SHUT})


def test_a_session_is_not_shut_while_something_comes_in_over_its_tunnel() -> None:
    """Silence towards probes alone may be a filter on the other side."""
    working, heard = established(good("b", 100.0)), replace(established(dead("a", 9.0)), inbound_at=35.0)
    verdict, _ = held(established(good("a", 9.0)), working, 9.0)
    verdict, _ = held(heard, working, 10.0, verdict)
    verdict, stances = held(heard, working, 40.0, verdict)
    assert stances == {"a": CLOSED}
    assert held(heard, working, 45.0, verdict)[1] == {"a": SHUT}


@pytest.mark.parametrize("other", [False, None])
def test_a_session_is_not_shut_while_no_other_of_the_connection_stands(other: bool | None) -> None:
    working, silent = established(good("b", 100.0), bgp=other), established(dead("a", 9.0))
    verdict, _ = held(established(good("a", 9.0)), working, 9.0)
    verdict, _ = held(silent, working, 10.0, verdict)
    _, stances = held(silent, working, 60.0, verdict)
    assert stances.get("a") != SHUT


def test_a_path_that_works_again_waits_behind_and_is_opened_when_it_may_carry() -> None:
    working = established(good("b", 200.0))
    verdict, _ = held(established(good("a", 9.0)), working, 9.0)
    verdict, stances = held(established(dead("a", 9.0)), working, 40.0, verdict)
    verdict, stances = held(established(good("a", 41.0), bgp=False), working, 41.0, verdict)
    assert stances == {"a": CLOSED}
    verdict, stances = held(established(good("a", 42.0)), working, 42.0, verdict)
    assert stances == {"a": BEHIND}
    verdict, stances = held(established(good("a", 102.0)), working, 102.0, verdict)
    assert stances == {}


def test_in_order_the_standby_is_kept_behind() -> None:
    verdict, stances = held(established(good("a", 9.0)), established(good("b", 9.0)), 9.0, manner=ORDERED)
    assert stances == {"b": BEHIND}
    _, stances = held(established(dead("a", 9.0)), established(good("b", 10.0)), 10.0, verdict, ORDERED)
    assert stances == {"a": CLOSED}


def test_a_silent_path_with_its_session_goes_before_an_answering_one_without() -> None:
    """Nothing is routed to the latter, so closing the former would take the last path."""
    verdict, _ = held(established(good("a", 9.0)), established(good("b", 9.0)), 9.0)
    verdict, stances = held(established(good("a", 20.0), bgp=False), established(dead("b", 19.0)), 20.0, verdict)
    assert (verdict.carrying, verdict.last_resort) == (("b",), True)
    assert stances.get("b") is None


def test_what_is_drained_is_closed() -> None:
    drained = replace(established(good("a", 9.0)), drained=True)
    verdict, stances = held(drained, established(good("b", 9.0)), 9.0)
    assert stances == {"a": CLOSED}
    assert (verdict.paths["a"].state, verdict.paths["a"].flaps) == ("drained", ())


def test_a_drained_path_is_opened_when_it_is_the_last() -> None:
    drained = replace(established(good("a", 99.0)), drained=True)
    assert held(drained, established(torn("b", 9.0)), 20.0)[1].get("a") is None


def test_a_session_that_is_yet_to_come_up_closes_nothing() -> None:
    starting = PathEvidence(True, (unarmed("a"),), bgp=None)
    assert held(starting, established(good("b", 9.0)), 9.0)[1] == {}


@settings(max_examples=50)
@given(MOMENTS, MANNERS)
def test_no_more_than_what_does_not_carry_is_ever_held(moments: Moments, manner: Manner) -> None:
    for _, evidence, verdict in play(moments, manner):
        stances = choose_stances(verdict, evidence)
        assert stances.keys() == (evidence.keys() - set(verdict.carrying) if verdict.carrying else set())
        if SHUT in stances.values():
            assert any(evidence[name].bgp for name in verdict.carrying)


@settings(max_examples=50)
@given(MOMENTS, MANNERS)
def test_a_path_with_its_session_is_never_held_for_one_without(moments: Moments, manner: Manner) -> None:
    """Wherever any path of the connection has its session and an SA, one that is open has its session."""
    for _, evidence, verdict in play(moments, manner):
        stances = choose_stances(verdict, evidence)
        if any(seen.installed and seen.bgp is not False for seen in evidence.values()):
            assert any(seen.bgp is not False for name, seen in evidence.items() if name not in stances)
