"""A script of lines on its way through the daemons: section by section, past what one of them refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from appliance.frr.diff import MGMTD, Step
from appliance.frr.tree import Tree, Where

AT_ONCE = 200
"""Lines sent before the first answer is read: what they need stays below the sockets' buffers."""


class Daemon(Protocol):
    """One that takes commands. Each is answered by a status, 0 for done, and a text."""

    @property
    def name(self) -> str:
        """As its program is called."""

    def tell(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        """Send all, then read the answers."""


MANY = 100
"""Lines of lists and route-maps from which on they are sent as from a file. bgpd takes in each such line by copying its
whole configuration, so that ten neighbours' take longer than the second for which it starts no session afterwards; from
a file it takes all at once (FRR 10.3)."""

COPIED = 35_000
"""The same as lines to send times lines that stand: of a thousand neighbours a few are enough."""

AT_LEISURE = "no bgp route-map delay-timer"
"""bgpd's own five seconds between a change of policy and its effect."""

FAILED_TOGETHER = "% Configuration failed"
"""What bgpd says, with status 0, before the line after several that it took together and now rejects."""

Daemons = Mapping[str, Daemon]


Refused = tuple[Step, str]
"""A line that was not taken, and the daemon's word for it."""


def carry_out(
    daemons: Daemons,
    script: Sequence[Step],
    *,
    singly: bool = False,
    delay: str = AT_LEISURE,
    lines: Callable[[], int] = int,
) -> list[Refused]:
    """Send every step in its section, past what is refused. Returns that. ``singly``: each line is looked at by itself
    however many there are, so that one bad line of a list does not take others along. ``delay`` is the line by which
    changes of policy wait as they shall. ``lines``: about how many stand already."""
    listed = sum(1 for step in script if step.daemon != MGMTD and _of_policy(step))
    many = listed >= MANY or (listed > 0 and listed * lines() >= COPIED)
    together = many and not singly
    clerks = {name: _Clerk(daemon, delay if together and name != MGMTD else None) for name, daemon in daemons.items()}
    refused: list[Refused] = []
    for (name, where), run in groupby(script, key=lambda step: (step.daemon, step.where)):
        refused += clerks[name].write(where, list(run))
    return refused + [line for clerk in clerks.values() for line in clerk.leave()]


class _Clerk:
    """Writes to one daemon and knows which section it is in. mgmtd gets its lines singly at any rate: it answers one
    when zebra has taken it, and drops what came meanwhile.

    With ``delay`` all is sent as from a file. After the end of one bgpd starts no session until changed policy is in
    effect; told not to wait with that, it goes on after a second instead of five.
    """

    def __init__(self, daemon: Daemon, delay: str | None) -> None:
        self._daemon = daemon
        self._at_once = 1 if daemon.name == MGMTD else AT_ONCE
        self._opening, self._closing = ["configure terminal"], ["end"]
        if delay is not None:
            self._opening = ["configure terminal file-lock", "XFRR_start_configuration"]
            self._closing = ["bgp route-map delay-timer 0", delay, "XFRR_end_configuration", "end"]
        self._place: Where | None = None

    def write(self, where: Where | None, steps: Sequence[Step]) -> list[Refused]:
        """Steps of one section. Where that cannot be entered, none of them is sent."""
        refused = self.leave() if where is None else []
        way = self._way(where)
        self._place = where
        told = list(zip(way, self._tell(way), strict=True))
        refused += [(Step(self._daemon.name, where, header), tidy(text)) for header, (_, text) in told if _undone(text)]
        for header, (status, text) in told:
            if status:
                return refused + self.leave() + [(step, f"{header!r}: {tidy(text)}") for step in steps]
        answers = zip(steps, self._tell([step.line for step in steps]), strict=True)
        return refused + [(step, tidy(text)) for step, (status, text) in answers if status or _undone(text)]

    def leave(self) -> list[Refused]:
        """Back out of configuration, which is when what was taken together is looked at."""
        if self._place is None:
            return []
        self._place = None
        told = zip(self._closing, self._tell(self._closing), strict=True)
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


def _undone(text: str) -> bool:
    return FAILED_TOGETHER in text


def policy_delay(tree: Tree) -> str:
    """The line by which changes of policy wait as this configuration has it."""
    return next((line for line in tree.get((), []) if line.startswith("bgp route-map delay-timer ")), AT_LEISURE)


def _of_policy(step: Step) -> bool:
    return step.where == () or (step.where is not None and step.where[0].startswith("route-map "))


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
