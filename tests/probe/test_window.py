"""Windows and their schedule on a virtual clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.model.health import ANSWERING, LOST, SUSPECT, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.schedule import Schedule
from appliance.probe.window import MARGIN, Window, burst_gap
from appliance.verdict.manner import Manner
from tests.probe.simulation import Tunnels, answering

PACE = Probing(0.1, 3, 5)
FAR = Target("vpc-1", "vpc-1", "icmp", ip_address("192.0.2.1"))


def answered(window: Window, now: float, times: int, rtt: float = 0.01) -> float:
    """So many probes, each answered before the next; the time after."""
    for _ in range(times):
        window.answered(window.sent(now), now + rtt)
        now += window.pace.interval
        window.judge(now)
    return now


def unanswered(window: Window, now: float, times: int) -> float:
    for _ in range(times):
        window.sent(now)
        now += window.pace.interval
        window.judge(now)
    return now


def confirmed_lost(window: Window, now: float) -> float:
    """Three lost, then the quick ones."""
    now = unanswered(window, now, 3)
    assert window.state == SUSPECT
    while window.quick:
        window.sent(now)
        now += burst_gap(window.pace.interval)
    now += window.patience
    assert window.judge(now)
    return now


def test_a_target_that_never_answered_is_never_lost() -> None:
    window = Window(FAR, PACE, 0.0)
    unanswered(window, 0.0, 1000)
    assert (window.state, window.deadline()) == (UNARMED, None)
    assert not window.health(100.0).armed


def test_the_first_answer_arms_and_is_news() -> None:
    window = Window(FAR, PACE, 0.0)
    assert window.answered(window.sent(0.0), 0.01) is True
    assert window.state == ANSWERING
    assert window.answered(window.sent(0.1), 0.11) is False


def test_what_went_out_before_the_tunnel_was_up_is_no_loss() -> None:
    window = Window(FAR, PACE, 0.0)
    now = unanswered(window, 0.0, 40)
    health = window.health(answered(window, now, 1))
    assert (health.state, health.loss, health.samples) == (ANSWERING, 0.0, 1)
    now = unanswered(window, now + PACE.interval, 1)
    health = window.health(answered(window, now, 8))
    assert (health.loss, health.samples) == (pytest.approx(1 / 10), 10)


def test_losses_make_suspect_and_only_the_burst_makes_lost() -> None:
    window = Window(FAR, PACE, 0.0)
    now = unanswered(window, answered(window, 0.0, 10), 3)
    assert (window.state, window.quick) == (SUSPECT, 3)
    number = window.sent(now)
    window.answered(number, now + 0.01)
    assert window.state == ANSWERING
    confirmed_lost(window, now + 0.1)
    assert window.state == LOST


def test_quick_probes_still_to_go_are_waited_for() -> None:
    window = Window(FAR, PACE, 0.0)
    now = unanswered(window, answered(window, 0.0, 10), 3)
    assert not window.judge(now + 60)
    assert window.state == SUSPECT


def test_a_late_answer_takes_back_the_loss() -> None:
    window = Window(FAR, PACE, 0.0)
    now = answered(window, 0.0, 10)
    late = window.newest + 1
    now = confirmed_lost(window, now)
    assert window.health(now).loss > 0.3
    assert window.answered(late + 2, now + 0.05) is True
    assert window.state == ANSWERING
    for number in range(late, window.newest + 1):
        window.answered(number, now + 0.06)
    assert window.health(now + 0.1).loss == 0.0


def test_recovered_is_so_many_answers_in_a_row() -> None:
    window = Window(FAR, PACE, 0.0)
    now = confirmed_lost(window, answered(window, 0.0, 10)) + 1
    now = answered(window, now, 4)
    assert (window.state, window.streak) == (LOST, 4)
    now = answered(window, unanswered(window, now, 1), 4)
    assert window.state == LOST
    answered(window, now, 1)
    assert window.state == ANSWERING


def test_a_cut_that_is_over_is_no_loss_of_the_path_as_it_is_now() -> None:
    window = Window(FAR, PACE, 0.0)
    now = unanswered(window, confirmed_lost(window, answered(window, 0.0, 300)), 200)
    now = answered(window, now, PACE.recovered - 1)
    assert window.health(now).loss > 0.4
    now = answered(window, now, 1)
    health = window.health(now)
    assert (health.state, health.loss, health.samples) == (ANSWERING, 0.0, PACE.recovered)
    now = unanswered(window, now, 1)
    health = window.health(answered(window, now, 4))
    assert (health.loss, health.samples) == (pytest.approx(1 / 10), 10)


def test_an_answer_to_what_was_forgotten_says_nothing() -> None:
    window = Window(FAR, PACE, 0.0)
    now = confirmed_lost(window, answered(window, 0.0, 10))
    missing = window.sent(now)
    now = answered(window, now + 0.1, PACE.recovered)
    assert not window.answered(missing, now)
    assert window.health(now).samples == PACE.recovered


def test_one_that_is_lost_again_and_again_begins_anew_each_time() -> None:
    window, now = Window(FAR, PACE, 0.0), 0.0
    for _ in range(50):
        now = confirmed_lost(window, answered(window, now, 30))
        now = answered(window, now + PACE.interval, PACE.recovered)
        assert (window.health(now).loss, window.health(now).samples) == (0.0, PACE.recovered)


def test_the_first_answer_after_a_loss_is_news() -> None:
    window = Window(FAR, PACE, 0.0)
    now = confirmed_lost(window, answered(window, 0.0, 10)) + 1
    assert window.answered(window.sent(now), now + 0.01) is True
    assert window.answered(window.sent(now + 0.1), now + 0.11) is False


def test_when_it_last_answered_outlives_the_window() -> None:
    window = Window(FAR, PACE, 0.0)
    now = unanswered(window, confirmed_lost(window, answered(window, 0.0, 10)), 1000)
    health = window.health(now)
    assert (health.answered_at, health.lost_at) == (pytest.approx(0.9), pytest.approx(1.0))


def test_doubled_ancient_and_forged_numbers_say_nothing() -> None:
    window = Window(FAR, PACE, 0.0)
    answered(window, 0.0, 3)
    assert not window.answered(2, 0.5)
    assert not window.answered(3, 0.5)
    assert not window.answered(60000, 0.5)
    assert window.newest_answered == 2


def test_numbers_go_on_beyond_sixteen_bits() -> None:
    window = Window(FAR, Probing(0.02, 3, 5), 0.0)
    now = 0.0
    for _ in range(70_000):
        window.answered(window.sent(now) & 0xFFFF, now + 0.001)
        now += 0.02
    assert window.newest_answered == 69_999
    assert window.health(now).loss == 0.0


def test_a_round_trip_longer_than_the_interval_is_no_loss() -> None:
    tunnels = Tunnels({"a": answering(rtt=0.3)}, Probing(0.02, 3, 20))
    tunnels.run(120)
    assert tunnels.losses == 0
    (window,) = tunnels.schedule.windows.values()
    assert window.state == ANSWERING
    assert window.patience == pytest.approx(0.32, abs=0.05)


def test_a_path_with_long_round_trips_is_found_dead_too() -> None:
    tunnels = Tunnels({"a": answering(rtt=0.3, cuts=((110, 999),))}, Probing(0.02, 3, 20))
    tunnels.run(111)
    (window,) = tunnels.schedule.windows.values()
    assert window.state == LOST


@given(st.integers(0, 2**32), st.floats(0, 0.6))
def test_loss_is_what_was_lost(seed: int, loss: float) -> None:
    tunnels = Tunnels({"a": answering(loss=loss)}, PACE, seed=seed)
    tunnels.run(135)
    (window,) = tunnels.schedule.windows.values()
    health = window.health(tunnels.now)
    if health.samples >= Manner().poor_samples:  # fewer, after a cut, are not judged by
        assert health.loss == pytest.approx(loss, abs=0.2)
    assert loss > 0.3 or health.samples >= Manner().poor_samples


def targets(count: int) -> list[Target]:
    return [Target(f"t{n}", f"t{n}", "icmp", ip_address("192.0.2.1")) for n in range(count)]


def test_a_thousand_targets_are_spread_over_the_interval() -> None:
    schedule = Schedule()
    schedule.set_targets(targets(1000), PACE, 0.0)
    counts = []
    for tick in range(1, 201):
        asking, _ = schedule.step(tick / 1000)
        counts.append(len(asking))
        schedule.sent(asking, tick / 1000)
    assert sum(counts) == pytest.approx(2000, abs=110)
    assert max(counts[1:]) <= 105, "a tenth in each burst"
    assert sum(count > 0 for count in counts) == pytest.approx(20, abs=1), "one wake-up serves all of a burst"


def test_a_stalled_loop_makes_up_for_nothing() -> None:
    schedule = Schedule()
    schedule.set_targets(targets(50), PACE, 0.0)
    schedule.step(0.1)
    asking, _ = schedule.step(10.0)
    assert len(asking) == 50
    assert len(schedule.step(10.0001)[0]) <= 1
    assert schedule.worst_lateness > 9


def test_windows_are_kept_over_a_reload_by_who_is_asked_over_what() -> None:
    schedule = Schedule()
    one, two = targets(2)
    schedule.set_targets([one], PACE, 0.0)
    window = schedule.windows[one]
    schedule.set_targets([two, one, one], Probing(0.1, 7, 9), 1.0)
    assert schedule.windows[one] is window
    assert window.pace.lost == 7
    schedule.set_targets([two], PACE, 2.0)
    assert list(schedule.windows) == [two]
    assert all(window.target == two for window in schedule.step(5.0)[0])


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=12), st.sampled_from((0.1, 0.1, 0.02))), max_size=8))
def test_whatever_is_reloaded_who_is_named_is_asked_and_nobody_else(reloads: list[tuple[list[int], float]]) -> None:
    """The same objects or equal ones, doubled, in any order: each has one window, and one place in one row."""
    schedule, now, before = Schedule(), 0.0, dict[Target, Window]()
    known, interval = targets(10), 0.0
    for wanted, pace in reloads:
        named = [known[n] if n % 2 else replace(known[n]) for n in wanted]
        new, gone = schedule.set_targets(named, Probing(pace, 3, 5), now)
        kept = set(before) & set(named) if pace == interval else set()
        assert all(schedule.windows[target] is before[target] for target in kept)
        assert {window.target for window in new} == set(named) - kept
        assert {window.target for window in gone} == set(before) - kept
        assert set(schedule.windows) == set(named)
        seated = [window for row in schedule._rows.values() for window in row.windows]
        assert sorted(map(id, seated)) == sorted(map(id, schedule.windows.values()))
        assert {window.target for window in schedule.step(now + pace)[0]} == set(named)
        now, before, interval = now + pace, dict(schedule.windows), pace


def test_another_interval_keeps_what_is_known() -> None:
    schedule = Schedule()
    (one,) = targets(1)
    schedule.set_targets([one], PACE, 0.0)
    now = confirmed_lost(schedule.windows[one], answered(schedule.windows[one], 0.0, 10))
    lost_at = schedule.windows[one].health(now).lost_at
    schedule.set_targets([one], Probing(0.02, 3, 5), now)
    health = schedule.windows[one].health(now)
    assert (health.state, health.lost_at) == (LOST, lost_at)
    assert schedule.windows[one].patience < 0.1


@pytest.mark.parametrize(("before", "soon"), [(ANSWERING, LOST), (SUSPECT, LOST), (LOST, LOST), (UNARMED, UNARMED)])
def test_what_was_known_before_a_restart_counts(before: str, soon: str) -> None:
    """A tunnel that died while nobody looked is found dead, although this prober has never heard it answer."""
    schedule = Schedule()
    (one,) = targets(1)
    schedule.set_targets([one], PACE, 0.0, {one: before})
    assert schedule.windows[one].health(0.0).armed == (before != UNARMED)
    while (now := schedule.wake_at()) is not None and now < 3:
        schedule.sent(schedule.step(now)[0], now)
    assert schedule.windows[one].state == soon


class Asked:
    """A schedule on its own clock; when each target was asked."""

    def __init__(self, count: int, pace: Probing = PACE) -> None:
        self.schedule = Schedule()
        self.schedule.set_targets(targets(count), pace, 0.0)
        self.sent: dict[str, list[float]] = {target.tunnel: [] for target in targets(count)}

    def run(self, until: float, *, answering: bool = False) -> None:
        while (due := self.schedule.wake_at()) is not None and due < until:
            asking, _ = self.schedule.step(due)
            for window, number in zip(asking, self.schedule.sent(asking, due), strict=True):
                self.sent[window.target.tunnel].append(due)
                if answering:
                    window.answered(number, due)

    def between(self, begin: float, end: float, tunnel: str = "t0") -> int:
        return sum(begin <= at < end for at in self.sent[tunnel])


def test_a_target_that_never_answers_is_asked_seldom_after_a_while_and_often_once_it_did() -> None:
    asked = Asked(1)
    asked.run(40)
    assert asked.between(0, 6) == pytest.approx(51, abs=1), "five seconds at full pace"
    assert asked.between(20, 40) == pytest.approx(20, abs=1)
    asked.run(60, answering=True)
    assert asked.between(41.1, 55) == pytest.approx(139, abs=1)


@given(st.integers(1, 60), st.sampled_from((0.02, 0.05, 0.1, 0.25, 0.7, 1.0, 3.0)))
def test_who_is_asked_seldom_is_asked_every_second_and_not_all_of_them_at_once(count: int, interval: float) -> None:
    asked = Asked(count, Probing(interval, 3, 5))
    asked.run(20)
    gaps = [later - at for times in asked.sent.values() for at, later in pairwise(times)]
    assert max(gaps) <= max(1.0, interval) + 0.001
    turns = max(1, int(1 / interval))
    bursts = Counter(at for times in asked.sent.values() for at in times if at > 10)
    row = max(len(row.windows) for row in asked.schedule._rows.values())
    assert max(bursts.values()) <= -(-row // turns)


def test_who_may_answer_from_now_on_is_asked_often_again() -> None:
    asked = Asked(2)
    asked.run(20)
    for window in asked.schedule.windows.values():
        if window.target.tunnel == "t0":
            window.hasten()
    asked.run(40)
    assert asked.between(20, 20.2) >= 1
    assert asked.between(20, 25) == pytest.approx(50, abs=2)
    assert asked.between(30, 40) == pytest.approx(10, abs=1)
    assert asked.between(20, 25, "t1") == pytest.approx(5, abs=1), "nobody said anything of this one"


def test_who_answered_once_is_asked_at_full_pace_however_long_it_is_silent() -> None:
    asked = Asked(1)
    asked.run(1, answering=True)
    asked.run(100)
    assert asked.schedule.windows[targets(1)[0]].state == LOST
    assert asked.between(50, 100) == pytest.approx(500, abs=1)


def test_a_replaced_window_is_not_asked_twice() -> None:
    schedule = Schedule()
    (one,) = targets(1)
    for round in range(5):
        schedule.set_targets([one], Probing(0.1 + round / 100, 3, 5), 0.0)
    assert len(schedule.step(0.14)[0]) == 1


def test_patience_has_a_margin_and_a_limit() -> None:
    window = Window(FAR, PACE, 0.0)
    assert window.patience == 1.0
    answered(window, 0.0, 100, rtt=0.00002)
    assert window.patience == pytest.approx(MARGIN, abs=0.001)
    answered(window, 20.0, 100, rtt=5.0)
    assert window.patience == 1.0


def test_a_loop_that_comes_late_sees_no_loss() -> None:
    """Forty milliseconds late now and then, as under hogs: what has arrived is read before anything is concluded."""

    def hogged(chance: Random) -> float:
        return chance.choice((0.0, 0.0, 0.0, 0.04))

    tunnels = Tunnels({"a": answering(rtt=0.001), "b": answering(rtt=0.001)}, Probing(0.02, 3, 20), lateness=hogged)
    tunnels.run(400)
    assert tunnels.losses == 0
