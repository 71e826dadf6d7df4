"""A goal's row, how it is made from repeated measurements, and how it is shown."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """One goal. ``value`` is a ratio (or what ``what`` says), ``bar`` None where a figure is told without a promise,
    ``spread`` the interval that holds its median with 95 % confidence, ``peers`` what stood beside it, ``control`` what
    had to miss the bar and whether it did."""

    goal: str
    what: str
    value: float
    bar: float | None
    better: str
    spread: tuple[float, float]
    peers: Mapping[str, float]
    control: str

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.better == "lower" else self.value >= self.bar


def as_data(row: Row) -> dict[str, Any]:
    """The row as it stands in bench.json."""
    return {**asdict(row), "spread": list(row.spread), "met": row.met}


def parse_row(data: Mapping[str, Any]) -> Row:
    """The row that :func:`as_data` wrote."""
    fields = {name: value for name, value in data.items() if name != "met"}
    low, high = data["spread"]
    return Row(**{**fields, "spread": (low, high)})


def middle(values: Sequence[float]) -> float:
    """The median, to three digits after the point."""
    return round(median(values), 3)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Between which values the median lies, by resampling; the same for the same values."""
    chance = random.Random(0)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    cut = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return round(medians[cut], 3), round(medians[-cut - 1], 3)


def is_wanted(goal: str, wanted: str | None) -> bool:
    """Whether a goal is the one asked for, or a part of it (C3-10 of C3)."""
    return wanted is None or goal == wanted or goal.startswith(f"{wanted}-")


def render_table(rows: Iterable[Row]) -> str:
    """The rows for a terminal."""
    lines = [("goal", "value", "bar", "", "spread", "what")]
    lines += [
        (
            row.goal,
            f"{row.value:g}",
            "" if row.bar is None else f"{'<=' if row.better == 'lower' else '>='} {row.bar:g}",
            {True: "met", False: "MISSED", None: "told"}[row.met],
            f"{row.spread[0]:g} .. {row.spread[1]:g}",
            row.what,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[5]]) for line in lines
    )


def render_results(rows: Sequence[Row], conditions: str, page: str = "") -> str:
    """The page that is kept with the source. What stood on it about goals that were not measured now stays."""
    measured = {row.goal for row in rows}
    table = {goal: line for goal, line in _told(page, r"\| ([A-Z]\d[^ ]*) \|") if goal not in measured}
    beside = {what: line for what, line in _told(page, r"- ([^:]+): ") if what.split(",")[0] not in measured}
    beside |= {f"{row.goal.split('-')[0]}, where": "" for row in rows}
    for row in rows:
        table[row.goal] = _in_table(row)
        beside[row.goal] = _beside(row)
    for what, line in beside.items():
        beside[what] = line or f"- {what}: {conditions}"
    return "\n".join(
        [
            "# What was measured",
            "",
            "Written by `make bench RECORD=1`. Each value is the median of ratios within one run, ours and the",
            "peers in shuffled order; the spread holds it with 95 % confidence, but says little where the rounds",
            "(beside it) are fewer than six: the machine was slow or busy. A goal that is missed stays here. How",
            "each is measured stands in the modules of this folder.",
            "",
            "| goal | what | value | bar | met | spread |",
            "|---|---|---|---|---|---|",
            *(table[goal] for goal in sorted(table, key=_in_order)),
            "",
            "## Beside it",
            "",
            *(beside[what] for what in sorted(beside, key=_in_order)),
            "",
        ]
    )


def _told(page: str, pattern: str) -> Iterator[tuple[str, str]]:
    """The lines of a page that are about something, with what they are about."""
    for line in page.splitlines():
        if found := re.match(pattern, line):
            yield found[1], line


def _in_order(what: str) -> list[tuple[int, str]]:
    """C3 before C3-10 before C3-100."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", what)]


def _in_table(row: Row) -> str:
    bar = "none" if row.bar is None else f"{'≤' if row.better == 'lower' else '≥'} {row.bar:g}"
    met = {True: "yes", False: "**no**", None: "told"}[row.met]
    return f"| {row.goal} | {row.what} | {row.value:g} | {bar} | {met} | {row.spread[0]:g} to {row.spread[1]:g} |"


def _beside(row: Row) -> str:
    values = "; ".join(f"{name}: {value:g}" for name, value in row.peers.items())
    return f"- {row.goal}: {values}{'. ' if values else ''}Control: {row.control}."
