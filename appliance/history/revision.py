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
    """The file of one revision: a comment that says which it is, then the intent as it was written."""
    value = {
        "schema": 1,
        "number": revision.number,
        "at": revision.at.isoformat(),
        "summary": revision.summary,
        "length": len(revision.intent),
    }
    return f"{_COMMENT}{json.dumps(value)}\n{revision.intent}"


def parse_revision(text: str) -> Revision:
    """What :func:`render_revision` wrote. ValueError for anything else."""
    head, _, intent = text.partition("\n")
    value = json.loads(head.removeprefix(_COMMENT))
    try:
        at = datetime.fromisoformat(value["at"])
        found = Revision(int(value["number"]), at, str(value["summary"]), intent)
        if value["length"] != len(intent):
            raise ValueError(f"not the whole revision: {len(intent)} of {value['length']} characters")
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a revision: {error}") from error
    return found


_COMMENT = "# "


def next_number(numbers: list[int]) -> int:
    """One more than the highest there is: a number is never given twice while its revision is kept."""
    return max(numbers, default=0) + 1
