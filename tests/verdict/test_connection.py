"""Scenarios of a connection: evidence at moments, and who carries then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from appliance.model.health import ConnectionVerdict, PathEvidence, PathVerdict
from appliance.model.intent import Failback
from appliance.verdict.connection import reconsider
from appliance.verdict.history import HOLD_TIME
from appliance.verdict.manner import Manner
from tests.verdict.paths import PEERS, SHARED, dead, good, lost, torn, unarmed, up

ORDERED, EQUAL = Manner(prefer="ordered"), Manner(prefer="equal")
STAY = replace(ORDERED, failback=Failback("stay", 60))
MANUAL = replace(ORDERED, failback=Failback("manual", 60))


def evidence(word: str, at: float) -> PathEvidence:
    """``a+``: tunnel a is good; ``-``: silent; ``x``: without SA; ``=``: good and drained; ``~``: silent and drained;
    ``?``: never answered, SA installed; ``!``: nobody knows; ``^``: lost, answering again."""
    name, mark = word[0], word[1]
    found = {
        "+": good(name, at),
        "-": dead(name),
        "x": torn(name),
        "=": replace(good(name, at), drained=True),
        "~": replace(dead(name), drained=True),
        "?": PathEvidence(True, (unarmed(name),)),
        "!": PathEvidence(None, (unarmed(name),)),
        "^": PathEvidence(True, (lost(name, 0.0, streak=4),)),
    }
    return found[mark]


def play(script: str, manner: Manner) -> tuple[list[str], ConnectionVerdict]:
    """``0 a+ b+ | 5 a- b+``: moments with evidence, best ranked first. Who carried after each (``*``: last resort)."""
    verdict, said = None, []
    for moment in script.split("|"):
        at, *words = moment.split()
        now = float(at)
        verdict = reconsider(verdict, {word[0]: evidence(word, now) for word in words}, manner, now)
        said.append("".join(verdict.carrying) + ("*" if verdict.last_resort else "") or "-")
    assert verdict is not None
    return said, verdict


@pytest.mark.parametrize(
    ("manner", "script", "carrying"),
    [
        # the first that works; back when it has been good for a minute
        (ORDERED, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 79 a+ b+ | 80 a+ b+", "a b b b a"),
        (ORDERED, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 70 a- b+ | 90 a+ b+ | 149 a+ b+ | 150 a+ b+", "a b b b b b a"),
        (STAY, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 999 a+ b+ | 1000 a+ b-", "a b b b a"),
        (MANUAL, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 999 a+ b+ | 1000 a+ b-", "a b b b a"),
        # one that never failed waits for nothing
        (ORDERED, "0 ax b+ | 3 a+ b+", "b a"),
        (ORDERED, "0 ax bx | 3 ax b+ | 4 a+ b+", "- b a"),
        # the one that carries fails while the better one still waits: better that than nothing
        (ORDERED, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 21 a+ b-", "a b b a"),
        # all silent: the last one that carried is kept as long as it has an SA
        (ORDERED, "0 a+ b+ | 9 a- b- | 99 a- b-", "a a* a*"),
        (ORDERED, "0 a+ b+ | 9 a- b+ | 10 a- b- | 11 a- bx", "a b b* a*"),
        (ORDERED, "0 a- b- | 1 a- b^", "a* b*"),
        (ORDERED, "0 a+ b+ | 9 ax bx | 10 ax b-", "a - b*"),
        # all shares: whoever works; back after a minute
        (EQUAL, "0 a+ b+ | 9 a- b+ | 20 a+ b+ | 80 a+ b+", "ab b b ab"),
        (EQUAL, "0 a+ b+ | 9 a- b- | 10 a- b+ | 11 a+ b+", "ab ab* b b"),
        (EQUAL, "0 a+ bx | 3 a+ b+", "a ab"),
        (EQUAL, "0 a+ b+ c+ | 1 a- b+ c+ | 2 a- bx c+ | 3 a- bx cx | 4 ax bx cx", "abc bc c a* -"),
        (EQUAL, "0 a- b- | 1 a- b^", "ab* b*"),
        # never answered: the SA decides
        (ORDERED, "0 a? b? | 1 ax b?", "a b"),
        (EQUAL, "0 a? b+", "ab"),
        (ORDERED, "0 a! b! | 1 a! b+", "a* b"),
        # drained: out at once, back at once, and still better than the dead
        (ORDERED, "0 a+ b+ | 1 a= b+ | 2 a+ b+", "a b a"),
        (EQUAL, "0 a+ b+ | 1 a= b+ | 2 a+ b+", "ab b ab"),
        (EQUAL, "0 a+ b+ | 1 a= b- | 2 a= bx | 3 a~ b-", "ab a* a* b*"),
        (EQUAL, "0 a+ b+ | 1 a~ bx", "ab a*"),
    ],
)
def test_who_carries(manner: Manner, script: str, carrying: str) -> None:
    assert play(script, manner)[0] == carrying.split()


@pytest.mark.parametrize(
    ("manner", "script", "states", "why"),
    [
        (ORDERED, "0 a+ b+", "carrying standby", {"b": "works; another tunnel carries"}),
        (ORDERED, "0 a+ b+ | 9 a- b+", "down carrying", {"a": "no answer from icmp 192.0.2.1"}),
        (ORDERED, "0 a+ b+ | 9 ax b+", "down carrying", {"a": "no child SA is installed"}),
        (ORDERED, "0 a+ b+ | 9 a- b+ | 9.5 a^ b+", "down carrying", {"a": "answers again: 4 of 20"}),
        (ORDERED, "0 a+ b+ | 9 a- b+ | 20 a+ b+", "standby carrying", {"a": "works again; may carry in 60 s"}),
        (MANUAL, "0 a+ b+ | 9 a- b+ | 20 a+ b+", "held carrying", {"a": "failback is manual"}),
        (EQUAL, "0 a- b-", "last-resort last-resort", {"a": "no path is known to work"}),
        (EQUAL, "0 a= b+", "drained carrying", {"a": "drained by the operator"}),
        (EQUAL, "0 a! b+", "unknown carrying", {"a": "the IKE daemon is silent"}),
        (EQUAL, "0 ax bx", "down down", {"a": "no child SA"}),
    ],
)
def test_the_word_for_each_path_and_why(manner: Manner, script: str, states: str, why: dict[str, str]) -> None:
    paths = play(script, manner)[1].paths
    assert [path.state for path in paths.values()] == states.split()
    for name, part in why.items():
        assert part in str(paths[name].why)
    assert all((path.why is None) == (path.state == "carrying") for path in paths.values())


def shared(a: PathEvidence, b: PathEvidence, manner: Manner = EQUAL) -> ConnectionVerdict:
    return reconsider(None, {"a": a, "b": b}, manner, 100.0)


def test_a_target_silent_on_all_tunnels_is_no_dead_path_where_traffic_comes_in() -> None:
    silent = {name: PathEvidence(True, (lost(name, 50.0, SHARED),), inbound_at=60.0) for name in "ab"}
    verdict = shared(silent["a"], silent["b"])
    assert (verdict.carrying, verdict.last_resort) == (("a", "b"), False)
    assert "a problem of the target" in str(verdict.paths["a"].remark)
    quiet = {name: replace(seen, inbound_at=40.0) for name, seen in silent.items()}
    assert shared(quiet["a"], quiet["b"]).last_resort


def test_a_target_that_is_back_on_one_tunnel_first_loses_no_path_where_traffic_came_in() -> None:
    def heard(name: str, streak: int) -> PathEvidence:
        silent = replace(lost(name, 50.0, SHARED, streak=streak), since=50.3)
        return PathEvidence(True, (silent,), inbound_at=60.0)

    held = reconsider(None, {"a": heard("a", 0), "b": heard("b", 0)}, ORDERED, 100.0)
    for now, streaks in ((100.1, (0, 1)), (100.2, (0, 2)), (100.3, (1, 3))):
        held = reconsider(held, {"a": heard("a", streaks[0]), "b": heard("b", streaks[1])}, ORDERED, now)
        assert {path.health for path in held.paths.values()} == {"up"}
    assert (held.carrying, held.changes) == (("a",), 0)


def test_a_target_silent_on_one_tunnel_is_a_dead_path() -> None:
    verdict = shared(PathEvidence(True, (lost("a", 50.0, SHARED),)), PathEvidence(True, (up("b", 99.0, SHARED),)))
    assert verdict.carrying == ("b",)


def test_so_many_targets_must_answer() -> None:
    two = (up("a", 99.0), lost("a", 50.0, "203.0.113.9"))
    assert shared(PathEvidence(True, two), good("b", 99.0)).carrying == ("a", "b")
    need = replace(EQUAL, need=2)
    assert shared(PathEvidence(True, two), good("b", 99.0), need).carrying == ("b",)
    unasked = (up("a", 99.0), unarmed("a", "203.0.113.9"))
    assert shared(PathEvidence(True, unasked), good("b", 99.0), need).carrying == ("a", "b")


def test_a_silent_target_of_all_tunnels_leaves_the_others_to_decide() -> None:
    a = PathEvidence(True, (up("a", 99.0), lost("a", 50.0, SHARED)))
    b = PathEvidence(True, (lost("b", 80.0), lost("b", 50.0, SHARED)))
    assert shared(a, b, replace(EQUAL, need=2)).carrying == ("a",)


def test_a_restarted_ike_daemon_that_forgot_its_sas_changes_nothing_while_probes_are_answered() -> None:
    gone = PathEvidence(False, (up("a", 99.0),), gone_at=98.0)
    assert shared(gone, good("b", 99.0)).carrying == ("a", "b")
    assert shared(replace(gone, gone_at=99.5), good("b", 99.0)).carrying == ("b",)


def test_bgp_decides_until_a_probe_is_answered() -> None:
    deaf = PathEvidence(True, (unarmed("a"),), bgp=False)
    verdict = shared(deaf, replace(deaf, targets=(unarmed("b"),), bgp=True))
    assert verdict.carrying == ("b",)
    assert "BGP is not established" in str(verdict.paths["a"].why)
    assert "the BGP session decides" in str(verdict.paths["b"].remark)
    assert shared(replace(good("a", 99.0), bgp=True), good("b", 99.0)).carrying == ("a", "b")


def test_a_path_without_its_session_carries_nothing_however_well_it_answers() -> None:
    verdict = shared(replace(good("a", 99.0), bgp=False), replace(good("b", 99.0), bgp=True))
    assert verdict.carrying == ("b",)
    assert (verdict.paths["a"].state, verdict.paths["a"].why) == ("down", "its BGP session is not established")


def test_a_path_that_loses_much_gives_way_and_is_kept_where_there_is_no_better() -> None:
    poor = PathEvidence(True, (up("a", 99.0, loss=0.3),))
    verdict = shared(poor, good("b", 99.0))
    assert verdict.carrying == ("b",)
    assert verdict.paths["a"].state == "held"
    assert "30% of the probes" in str(verdict.paths["a"].why)
    verdict = reconsider(verdict, {"a": poor, "b": dead("b", 100.0)}, EQUAL, 101.0)
    assert (verdict.carrying, verdict.last_resort) == (("a",), False)
    better = PathEvidence(True, (up("a", 99.0, loss=0.15),))
    assert reconsider(verdict, {"a": better, "b": dead("b", 100.0)}, EQUAL, 102.0).paths["a"].health == "poor"
    assert shared(better, good("b", 99.0)).carrying == ("a", "b")


def test_a_slow_path_gives_way_where_a_limit_is_set() -> None:
    slow = PathEvidence(True, (up("a", 99.0, rtt=0.4),))
    assert shared(slow, good("b", 99.0)).carrying == ("a", "b")
    assert shared(slow, good("b", 99.0), replace(EQUAL, poor_rtt=0.3)).carrying == ("b",)


def test_an_operators_switch_holds_until_that_tunnel_fails() -> None:
    pinned = replace(ORDERED, pinned="b")
    assert play("0 a+ b+ | 999 a+ b+ | 1000 a+ b- | 1001 a+ b+", pinned)[0] == ["b", "b", "a", "b"]


def test_each_loss_costs_and_time_forgives() -> None:
    script = "0 a+ b+"
    for n in range(1, 5):
        script += f" | {n * 10} a- b+ | {n * 10 + 5} a+ b+"
    verdict = play(script, EQUAL)[1]
    path = verdict.paths["a"]
    assert len(path.flaps) == 4
    assert path.penalty_at(45) == pytest.approx(3930, abs=60)
    assert path.reuse_at is not None
    assert path.state == "held"
    assert "held back" in str(path.why)
    assert verdict.look_again is not None
    later = reconsider(verdict, {"a": good("a", path.reuse_at), "b": good("b", path.reuse_at)}, EQUAL, path.reuse_at)
    assert later.carrying == ("a", "b")
    assert later.paths["a"].penalty_at(path.reuse_at) == pytest.approx(1500)
    assert reconsider(later, {n: good(n) for n in PEERS}, EQUAL, path.reuse_at + 3600).paths["a"].flaps == ()


def test_one_that_is_held_back_carries_when_there_is_no_other() -> None:
    script = "0 a+ b+"
    for n in range(1, 6):
        script += f" | {n * 10} a- b+ | {n * 10 + 5} a+ b+"
    said, verdict = play(script + " | 60 a+ bx", ORDERED)
    assert said[-1] == "a"
    assert verdict.paths["a"].state == "carrying"
    assert not verdict.last_resort


def through(*moments: tuple[float, PathEvidence]) -> PathVerdict:
    """What is held of a path after these moments, beside another that works."""
    verdict = None
    for now, seen in moments:
        verdict = reconsider(verdict, {"a": seen, "b": replace(good("b", now), bgp=True, bgp_since=0.0)}, EQUAL, now)
    assert verdict is not None
    return verdict.paths["a"]


def routed(at: float, *, bgp: bool = True, since: float = 0.0) -> PathEvidence:
    return replace(good("a", at), bgp=bgp, bgp_since=since)


def cut(since: float, *, bgp: bool = True) -> PathEvidence:
    return replace(dead("a", since), bgp=bgp, bgp_since=0.0)


CUT = ((0.0, routed(0)), (10.0, cut(9.7)), (20.0, routed(20)))
"""The tunnel is silent for ten seconds; its session outlives that, so far."""


@pytest.mark.parametrize(
    ("moments", "losses"),
    [
        (CUT, 1),
        # the far end heard nothing for its hold time: the same cut
        ((*CUT, (31.0, routed(31, bgp=False)), (35.0, routed(35, since=35))), 1),
        # the session goes first, or while nothing is heard
        (((0.0, routed(0)), (9.0, routed(9, bgp=False)), (10.0, cut(9.7, bgp=False)), (20.0, routed(20, since=20))), 1),
        (((0.0, routed(0)), (10.0, cut(9.7)), (12.0, cut(9.7, bgp=False)), (20.0, routed(20, bgp=False)),
          (30.0, routed(30, since=30))), 1),
        # much later, or a session that came up since: another loss
        ((*CUT, (20 + HOLD_TIME + 1, routed(300, bgp=False))), 2),
        ((*CUT, (31.0, routed(31, bgp=False)), (35.0, routed(35, since=35)),
          (50.0, routed(50, bgp=False, since=35))), 2),
        ((*CUT, (31.0, cut(30.7))), 2),
    ],
)  # fmt: skip
def test_one_cut_is_one_loss_whoever_finds_it(moments: Sequence[tuple[float, PathEvidence]], losses: int) -> None:
    path = through(*moments)
    assert len(path.flaps) == losses
    assert path.penalty_at(moments[-1][0]) <= 1000 * losses
    assert path.failed


def test_a_session_that_falls_by_an_old_cut_waits_like_any_path_that_failed() -> None:
    carried = (85.0, routed(85))
    path = through(*CUT, carried, (86.0, routed(86, bgp=False)), (90.0, routed(90, since=90)))
    assert (path.state, path.failed, len(path.flaps)) == ("standby", True, 1)


def test_what_the_operator_does_is_no_loss_and_nothing_waits_for_it() -> None:
    gone = PathEvidence(False, (lost("a", 9.7),), gone_at=10.0, bgp=True, bgp_since=0.0, excused=True)
    path = through((0.0, routed(0)), (10.0, gone), (12.0, routed(12)))
    assert (path.state, path.failed, path.flaps, path.penalty) == ("carrying", False, (), 0.0)
    # nor is the session, which falls long after the excuse is over
    path = through((0.0, routed(0)), (10.0, gone), (12.0, routed(12)), (99.0, routed(99, bgp=False)))
    assert (path.state, path.flaps) == ("down", ())


def test_a_drained_path_that_fails_is_not_blamed() -> None:
    assert play("0 a+ b+ | 1 a= b+ | 2 a~ b+ | 9 a+ b+", EQUAL)[1].paths["a"].flaps == ()


def test_long_silence_is_said_so_that_a_session_may_be_given_up() -> None:
    assert not play("0 a+ b+ | 9 a- b+ | 15 a- b+", EQUAL)[1].paths["a"].long_dead
    assert play("0 a+ b+ | 9 a- b+ | 19 a- b+", EQUAL)[1].paths["a"].long_dead


def test_the_next_look_is_when_a_path_may_come_back() -> None:
    verdict = play("0 a? b? | 9 ax b? | 20 a? b?", ORDERED)[1]
    assert verdict.look_again == 80
    assert play("0 a? b?", ORDERED)[1].look_again in (None, 10)


def test_a_tunnel_that_was_removed_is_forgotten() -> None:
    assert play("0 a+ b+ | 1 b+", ORDERED)[0] == ["a", "b"]
