"""Which paths carry: the best there are, at least one as long as one may carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from appliance.model.health import ConnectionVerdict, PathEvidence, PathVerdict
from appliance.verdict.manner import Manner
from appliance.verdict.path import POOR, UNSURE, UP, WITHOUT_SA


class Grade(IntEnum):
    """How good a path is to carry; paths of the best grade there is do. From ANSWERING on it is a last resort. Without
    its session a path is worse than a silent one that has it: nothing is routed to it."""

    GOOD = 0
    HELD_BACK = 1
    POOR = 2
    ANSWERING = 3
    DRAINED = 4
    UNSURE = 5
    SILENT = 6
    DRAINED_SILENT = 7
    WITHOUT_SESSION = 8
    UNUSABLE = 9


@dataclass(frozen=True, slots=True)
class Choice:
    """``ready_at``: when a waiting path may come back, None when none waits for time alone."""

    carrying: tuple[str, ...]
    last_resort: bool
    ready_at: float | None = None


def grade(path: PathVerdict, seen: PathEvidence) -> Grade:
    """How good a path is to carry."""
    if path.health == WITHOUT_SA and not path.answering:
        return Grade.UNUSABLE
    if seen.bgp is False:
        return Grade.WITHOUT_SESSION
    works = path.health in (UP, POOR)
    if seen.drained:
        return Grade.DRAINED if works or path.answering else Grade.DRAINED_SILENT
    if works and path.reuse_at is not None:
        return Grade.HELD_BACK
    if works:
        return Grade.GOOD if path.health == UP else Grade.POOR
    if path.answering:
        return Grade.ANSWERING
    return Grade.UNSURE if path.health == UNSURE else Grade.SILENT


def choose(was: ConnectionVerdict, paths: Mapping[str, PathVerdict], grades: Mapping[str, Grade], manner: Manner,
           now: float) -> Choice:  # fmt: skip
    """The paths that carry from now on. ``paths`` come best ranked first."""
    best = min(grades.values(), default=Grade.UNUSABLE)
    if best == Grade.UNUSABLE:
        return Choice((), last_resort=False)
    able = [name for name in paths if grades[name] == best]
    if best != Grade.GOOD:
        carrying = _stay(was, able) if manner.prefer == "ordered" else tuple(able)
        return Choice(carrying, last_resort=best >= Grade.ANSWERING)
    ripe = [name for name in able if _ripe(was, name, paths[name], manner, now)]
    carrying = _ordered(was, able, ripe, manner) if manner.prefer == "ordered" else tuple(ripe or able)
    return Choice(carrying, last_resort=False, ready_at=_ready_at(paths, able, ripe, manner))


def _stay(was: ConnectionVerdict, able: Sequence[str]) -> tuple[str, ...]:
    """Where we are, when that is as good as any other."""
    return (next((name for name in able if name in was.carrying), able[0]),)


def _ripe(was: ConnectionVerdict, name: str, path: PathVerdict, manner: Manner, now: float) -> bool:
    """Whether a good path may carry (again): it never failed, does already, or has been good for long enough."""
    if not path.failed or name in was.carrying or name == manner.pinned:
        return True
    due = _due(path, manner)
    return due is not None and now >= due


def _due(path: PathVerdict, manner: Manner) -> float | None:
    """When a path that failed may come back; None when only the operator brings it back."""
    if manner.failback.policy == "manual" or path.up_since is None:
        return None
    return path.up_since + manner.failback.after


def _ordered(was: ConnectionVerdict, able: Sequence[str], ripe: Sequence[str], manner: Manner) -> tuple[str, ...]:
    if manner.pinned in able:
        return (str(manner.pinned),)
    current = next((name for name in able if name in was.carrying), None)
    if current is None:
        return ((ripe or able)[0],)
    if manner.failback.policy == "revert":
        return (next((name for name in able if name in ripe or name == current), current),)
    return (current,)


def _ready_at(
    paths: Mapping[str, PathVerdict], able: Sequence[str], ripe: Sequence[str], manner: Manner
) -> float | None:
    waiting = [_due(paths[name], manner) for name in able if name not in ripe]
    return min((due for due in waiting if due is not None), default=None)
