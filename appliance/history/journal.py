"""How far an apply got: a line before it starts, a line after each change, no file once it is through.

A journal that is still there when the next apply begins tells of one that was killed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Journal:
    """An apply that did not end: ``planned`` and ``done`` hold the keys of its changes, ``pid`` who ran it."""

    at: datetime
    pid: int
    summary: str
    planned: tuple[str, ...]
    done: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """What was planned and not done, in the planned order."""
        done = set(self.done)
        return tuple(key for key in self.planned if key not in done)


def render_beginning(at: datetime, pid: int, summary: str, planned: Sequence[str]) -> str:
    """The first line."""
    value = {"schema": 1, "at": at.isoformat(), "pid": pid, "summary": summary, "planned": list(planned)}
    return json.dumps(value) + "\n"


def render_done(key: str) -> str:
    """The line after one change."""
    return json.dumps({"done": key}) + "\n"


def parse_journal(text: str) -> Journal:
    """What the lines tell. A last line that was cut short counts as not written. ValueError without a beginning."""
    lines = text.split("\n")[:-1]
    try:
        head = json.loads(lines[0])
        done = tuple(str(json.loads(line)["done"]) for line in lines[1:])
        planned = tuple(str(key) for key in head["planned"])
        return Journal(datetime.fromisoformat(head["at"]), int(head["pid"]), str(head["summary"]), planned, done)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"not a journal: {error}") from error
