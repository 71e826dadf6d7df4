"""The arithmetic and the shape of the benchmarks' rows; what they measure is no test."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.bench.__main__ import GOALS, wanted_goals
from tests.bench.failover import blackouts_of
from tests.bench.rows import Row, as_data, is_wanted, middle, parse_row, render_results, render_table, spread

GOOD = Row("C3", "a ratio", 1.2, 1.5, "lower", (1.1, 1.3), {"peer, s": 2.5}, "a process per object: 9.0")
BAD = Row("C1", "another", 80.0, 100.0, "higher", (70.0, 90.0), {}, "none")


def test_a_goal_is_measured_with_its_parts_and_a_row_with_its_goal() -> None:
    assert wanted_goals("F1") == ["F1", "F1-exabgp", "F1-frr"]
    assert wanted_goals("F1-frr") == ["F1-frr"]
    assert wanted_goals("F1-loop") == ["F1"]
    assert wanted_goals("C3-10") == ["C3"]
    assert wanted_goals("F9") == []
    assert wanted_goals(None) == list(GOALS)


def test_a_bar_is_met_from_its_better_side() -> None:
    assert GOOD.met
    assert not BAD.met


def test_a_row_has_the_promised_shape_and_comes_back() -> None:
    data = json.loads(json.dumps(as_data(GOOD)))
    assert data == {
        "goal": "C3", "what": "a ratio", "value": 1.2, "bar": 1.5, "better": "lower", "met": True,
        "spread": [1.1, 1.3], "peers": {"peer, s": 2.5}, "control": "a process per object: 9.0",
    }  # fmt: skip
    assert parse_row(data) == GOOD


def test_the_spread_holds_the_median_and_ignores_one_stray() -> None:
    values = [1.0, 1.1, 1.2, 1.1, 1.0, 1.1, 1.2, 1.1, 50.0]
    low, high = spread(values)
    assert low <= middle(values) <= high < 50
    assert spread(values) == (low, high)
    assert spread([2.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("goal", "wanted", "so"),
    [("C3", None, True), ("C3", "C3", True), ("C3-10", "C3", True), ("C30", "C3", False), ("I4", "C3", False)],
)
def test_a_goal_is_picked_with_its_parts(goal: str, wanted: str | None, so: bool) -> None:
    assert is_wanted(goal, wanted) is so


def test_a_missed_goal_stays_in_table_and_record() -> None:
    assert "MISSED" in render_table([GOOD, BAD]).splitlines()[2]
    assert "| C1 | another | 80 | ≥ 100 | **no** | 70 to 90 |" in render_results([GOOD, BAD], "Somewhere.")


def test_a_figure_without_a_promise_is_neither_met_nor_missed() -> None:
    told = replace(GOOD, bar=None)
    assert told.met is None
    assert parse_row(json.loads(json.dumps(as_data(told)))) == told
    assert "told" in render_table([told]).splitlines()[1]
    assert "| C3 | a ratio | 1.2 | none | told | 1.1 to 1.3 |" in render_results([told], "Somewhere.")


def test_the_record_keeps_what_was_not_measured_again() -> None:
    ten = replace(GOOD, goal="C3-10", peers={})
    page = render_results([replace(GOOD, goal="C3-100"), ten, BAD], "Long ago.")
    again = render_results([GOOD, replace(ten, value=1.4)], "Today.", page)
    lines = again.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("| C")] == ["C1", "C3", "C3-10", "C3-100"]
    assert [line.split(":")[0] for line in lines if line.startswith("- ")] == [
        "- C1", "- C1, where", "- C3", "- C3, where", "- C3-10", "- C3-100",
    ]  # fmt: skip
    assert "- C1, where: Long ago." in lines
    assert "- C3, where: Today." in lines
    assert "| C3-10 | a ratio | 1.4 | ≤ 1.5 | yes | 1.1 to 1.3 |" in lines
    assert "- C3-10: Control: a process per object: 9.0." in lines
    assert render_results([GOOD], "Today.", again) == again


def test_a_blackout_is_the_silence_after_its_cut() -> None:
    """A machine that keeps the stream itself waiting between two cuts counts for none of them."""
    silences = [(9.0, 0.07), (10.001, 0.16), (10.3, 0.08), (12.4, 0.3), (14.001, 0.17)]
    assert blackouts_of([10.0, 14.0], silences) == [0.16, 0.17]
    with pytest.raises(RuntimeError, match="no silence after the cut at 11"):
        blackouts_of([10.0, 11.0], silences)
