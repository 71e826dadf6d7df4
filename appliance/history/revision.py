"""An intent that was applied: numbered, dated, with one line about what it changed. It holds no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """``at`` is when it was applied, with a time zone; ``intent`` is the text as the operator wrote it."""

    number: int
    at: datetime
    summary: str
    intent: str


@dataclass(frozen=True, slots=True)
class Down:
    """Connections that the operator took down for now; the ``unprotected`` among them without blackholes."""

    names: frozenset[str] = frozenset()
    unprotected: frozenset[str] = frozenset()


def render_down(down: Down) -> str:
    """The file of what is down."""
    value = {"schema": 1, "names": sorted(down.names), "unprotected": sorted(down.unprotected)}
    return json.dumps(value) + "\n"


def parse_down(text: str) -> Down:
    """What :func:`render_down` wrote. ValueError for anything else."""
    value = json.loads(text)
    try:
        return Down(frozenset(value["names"]), frozenset(value["unprotected"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of what is down: {error}") from error


def render_revision(revision: Revision) -> str:
    """The file of one revision."""
    value = {
        "schema": 1,
        "number": revision.number,
        "at": revision.at.isoformat(),
        "summary": revision.summary,
    }
    head = json.dumps(value, indent=1).removesuffix("\n}")
    return f'{head},\n "intent": {_quoted(revision.intent)}\n}}\n'


def _quoted(text: str) -> str:
    """As JSON has it. Of a long text without anything odd only the ends of its lines take another spelling."""
    spelled = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if not spelled.isascii() or len(spelled.encode().translate(None, _ODD)) != len(spelled):
        return json.dumps(text)
    return f'"{spelled}"'


_ODD = bytes((*range(0x20), 0x7F))


def parse_revision(text: str) -> Revision:
    """What :func:`render_revision` wrote. ValueError for anything else."""
    value = json.loads(text)
    try:
        at = datetime.fromisoformat(value["at"])
        return Revision(int(value["number"]), at, str(value["summary"]), str(value["intent"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a revision: {error}") from error


def next_number(numbers: list[int]) -> int:
    """One more than the highest there is: a number is never given twice while its revision is kept."""
    return max(numbers, default=0) + 1
