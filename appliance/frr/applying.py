"""A script of lines on its way through the daemons: section by section, past what one of them refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def carry_out(vtys: Daemons, script: Sequence[Step]) -> list[tuple[Step, str]]:
    """Send every step in its section; what was refused, with the daemon's word for it."""
    refused: list[tuple[Step, str]] = []
    place: tuple[str, Where | None] | None = None
    batch: list[Step] = []
    for step in script:
        if (step.daemon, step.where) != place or len(batch) >= AT_ONCE:
            refused += _send(vtys, batch)
            place, batch = (step.daemon, step.where), []
        batch.append(step)
    return refused + _send(vtys, batch)


def _send(vtys: Daemons, batch: Sequence[Step]) -> list[tuple[Step, str]]:
    """Steps of one section. Where the section cannot be entered, none of them is sent."""
    if not batch:
        return []
    vty, where = vtys[batch[0].daemon], batch[0].where
    entrance = ["end"] if where is None else ["end", "configure terminal", *where]
    for header, (status, text) in zip(entrance, vty.tell(entrance), strict=True):
        if status:
            return [(step, f"{header!r}: {tidy(text)}") for step in batch]
    # mgmtd answers a line when zebra has taken it, and drops lines that came meanwhile.
    answers = [vty.tell([step.line])[0] for step in batch] if vty.name == MGMTD else vty.tell([s.line for s in batch])
    return [(step, tidy(text)) for step, (status, text) in zip(batch, answers, strict=True) if status]


def refusal(refused: Sequence[tuple[Step, str]]) -> str | None:
    if not refused:
        return None
    step, text = refused[0]
    more = f" (and {len(refused) - 1} more lines)" if len(refused) > 1 else ""
    return f"{step.daemon} refuses the line {' / '.join((*(step.where or ()), step.line))!r}: {text}{more}"


def tidy(text: str) -> str:
    """A daemon's complaint in one line. (FRR 10.3's mgmtd ends some of them in stray bytes.)"""
    lines = [line.strip(" %") for line in text.splitlines() if line.strip() and "\ufffd" not in line]
    return " ".join(lines) or "no reason given"
