"""What a path went through: since when it is what it is, how often it was lost, and whether it is held back for that.

The penalty is the idea of RFC 2439: each loss adds to it, time halves it. One cut is one loss, whoever finds it, and
what the operator does himself is none.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2

from appliance.model.health import HALF_LIFE, UNKNOWN, PathEvidence, PathVerdict
from appliance.verdict.manner import Manner
from appliance.verdict.path import GONE_SILENT, POOR, UP, WITHOUT_SA, WITHOUT_SESSION, Finding

HOUR = 3600.0
WORKS = (UP, POOR)
DEAD = (GONE_SILENT, WITHOUT_SA, WITHOUT_SESSION)
HOLD_TIME = 180.0
"""Seconds after which a session at the latest shows that it did not outlive a cut: the longest hold time in use (FRR's
default)."""


def remember(was: PathVerdict | None, found: Finding, seen: PathEvidence, *, now: float, manner: Manner) -> PathVerdict:
    """The path's verdict with its history, still without the word for what it is used for."""
    drained = seen.drained
    before = was or PathVerdict(UNKNOWN, found.health, now)
    verdict = told(
        before,
        health=found.health,
        why=found.why,
        remark=found.remark,
        answering=found.answering,
        unsettled=found.unsettled,
        together=found.together,
        awaited=found.awaited,
        since=before.since if _goes_on(before, found) else now,
        up_since=_up_since(before, found.health, now),
        flaps=tuple(at for at in before.flaps if now - at < HOUR),
        failed=before.failed and not drained,
    )
    if before.health in DEAD and found.health not in DEAD:
        verdict = replace(verdict, back_at=now)
    worked = before.health in WORKS or before.together
    if worked and found.health in DEAD and not found.together and not drained:
        verdict = _lose(verdict, found, seen, now, manner)
    if verdict.reuse_at is not None and verdict.reuse_at <= now:
        verdict = replace(verdict, reuse_at=None)
    silent = verdict.health in DEAD and not verdict.answering
    heard = max(verdict.since, seen.inbound_at or verdict.since)
    return told(verdict, long_dead=silent and now - heard >= manner.long_dead)


def told(path: PathVerdict, **facts: object) -> PathVerdict:
    """The path with these facts; itself when they are known: most paths are judged again and again, and stay."""
    if all(getattr(path, name) == fact for name, fact in facts.items()):
        return path
    return replace(path, **facts)  # type: ignore[arg-type]


def _goes_on(before: PathVerdict, found: Finding) -> bool:
    """Whether nothing began now: one that was silent and loses its SA, or its session, is dead for the same time."""
    both_dead = before.health in DEAD and found.health in DEAD and before.answering == found.answering
    return both_dead or found.health == before.health


def _up_since(before: PathVerdict, health: str, now: float) -> float | None:
    if health != UP:
        return None
    return now if before.up_since is None else before.up_since


def _lose(verdict: PathVerdict, found: Finding, seen: PathEvidence, now: float, manner: Manner) -> PathVerdict:
    """The path is lost now, which it answers for unless somebody else does, or it has already."""
    if seen.excused:
        return replace(verdict, lost_at=now)
    if found.health == WITHOUT_SESSION and _was_cut_before(verdict, seen, now):
        return replace(verdict, failed=True)
    return replace(_penalise(verdict, now, manner), lost_at=now)


def _was_cut_before(verdict: PathVerdict, seen: PathEvidence, now: float) -> bool:
    """Whether the session that fell had stood through the last loss: a far end that heard nothing for the hold time
    ends it, also when the path has come back meanwhile."""
    if verdict.lost_at is None or verdict.back_at is None or seen.bgp_since is None:
        return False
    return seen.bgp_since <= verdict.lost_at and now - verdict.back_at <= HOLD_TIME


def _penalise(verdict: PathVerdict, now: float, manner: Manner) -> PathVerdict:
    penalty = min(verdict.penalty_at(now) + manner.penalty, manner.ceiling)
    reuse_at = verdict.reuse_at
    if penalty > manner.suppress or reuse_at is not None:
        reuse_at = now + HALF_LIFE * max(0.0, log2(penalty / manner.reuse))
    return replace(
        verdict, penalty=penalty, penalty_at_time=now, reuse_at=reuse_at, failed=True, flaps=(*verdict.flaps, now)
    )
