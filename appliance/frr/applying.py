"""A script of lines on its way through the daemons: section by section, past what one of them refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Protocol

from appliance.frr.diff import MGMTD, Step
from appliance.frr.tree import Where

AT_ONCE = 200
"""Lines sent before the first answer is read: what they need stays below the sockets' buffers."""


class Daemon(Protocol):
    """One that takes commands. Each is answered by a status, 0 for done, and a text."""

    @property
    def name(self) -> str:
        """As its program is called."""

    def tell(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        """Send all, then read the answers."""


Daemons = Mapping[str, Daemon]


Refused = tuple[Step, str]
"""A line that was not taken, and the daemon's word for it."""


def carry_out(daemons: Daemons, script: Sequence[Step], *, singly: bool = False) -> list[Refused]:
    """Send every step in its section, past what is refused. Returns that. ``singly``: each line is looked at by itself,
    which is slower, but one bad line of a list does not take others along."""
    clerks = {name: _Clerk(daemon, singly or name == MGMTD) for name, daemon in daemons.items()}
    refused: list[Refused] = []
    for (name, where), run in groupby(script, key=lambda step: (step.daemon, step.where)):
        refused += clerks[name].write(where, list(run))
    return refused + [line for clerk in clerks.values() for line in clerk.leave()]


class _Clerk:
    """Writes to one daemon and knows which section it is in.

    bgpd is told as when it is given a file: it then takes lists and route-maps in together rather than each by itself,
    which would copy its whole configuration every time. mgmtd answers a line only when zebra has taken it, and drops
    what came meanwhile, so it gets them one by one.
    """

    def __init__(self, daemon: Daemon, singly: bool) -> None:
        self._daemon = daemon
        self._at_once = 1 if singly else AT_ONCE
        self._opening = (
            ["configure terminal"] if singly else ["configure terminal file-lock", "XFRR_start_configuration"]
        )
        self._closing = ["end"] if singly else ["XFRR_end_configuration", "end"]
        self._place: Where | None = None

    def write(self, where: Where | None, steps: Sequence[Step]) -> list[Refused]:
        """Steps of one section. Where that cannot be entered, none of them is sent."""
        left = self.leave() if where is None else []
        for header in self._way(where):
            [(status, text)] = self._daemon.tell([header])
            if status:
                self.leave()
                return [(step, f"{header!r}: {tidy(text)}") for step in steps]
        self._place = where
        answers = self._tell([step.line for step in steps])
        return left + [(step, tidy(text)) for step, (status, text) in zip(steps, answers, strict=True) if status]

    def leave(self) -> list[Refused]:
        """Back out of configuration, which is when what was taken together is looked at."""
        if self._place is None:
            return []
        self._place = None
        answers = self._daemon.tell(self._closing)
        told = zip(self._closing, answers, strict=True)
        return [
            (Step(self._daemon.name, None, line), tidy(text)) for line, (status, text) in told if status or text.strip()
        ]

    def _way(self, where: Where | None) -> list[str]:
        """The commands that lead from this section to that."""
        if where is None:
            return []
        if self._place is None:
            return [*self._opening, *where]
        shared = next((i for i, (a, b) in enumerate(zip(self._place, where, strict=False)) if a != b), None)
        depth = min(len(self._place), len(where)) if shared is None else shared
        return ["exit"] * (len(self._place) - depth) + list(where[depth:])

    def _tell(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        starts = range(0, len(lines), self._at_once)
        return [answer for i in starts for answer in self._daemon.tell(lines[i : i + self._at_once])]


def refusal(refused: Sequence[Refused]) -> str | None:
    """One sentence about the first of them, None when all was taken."""
    if not refused:
        return None
    step, text = refused[0]
    more = f" (and {len(refused) - 1} more lines)" if len(refused) > 1 else ""
    return f"{step.daemon} refuses the line {' / '.join((*(step.where or ()), step.line))!r}: {text}{more}"


def tidy(text: str) -> str:
    """A daemon's complaint in one line. (FRR 10.3's mgmtd ends some of them in stray bytes.)"""
    lines = [line.strip(" %") for line in text.splitlines() if line.strip() and "\ufffd" not in line]
    return " ".join(lines) or "no reason given"
