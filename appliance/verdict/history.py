"""What a path went through: since when it is what it is, how often it was lost, and whether it is held back for that.

The penalty is the idea of RFC 2439: each loss adds to it, time halves it.
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


def remember(was: PathVerdict | None, found: Finding, seen: PathEvidence, *, now: float, manner: Manner) -> PathVerdict:
    """The path's verdict with its history, still without the word for what it is used for."""
    drained = seen.drained
    before = was or PathVerdict(UNKNOWN, found.health, now)
    verdict = replace(
        before,
        health=found.health,
        why=found.why,
        remark=found.remark,
        answering=found.answering,
        since=before.since if _goes_on(before, found) else now,
        up_since=_up_since(before, found.health, now),
        flaps=tuple(at for at in before.flaps if now - at < HOUR),
        failed=before.failed and not drained,
    )
    if before.health in WORKS and found.health in DEAD and not drained:
        verdict = _penalise(verdict, now, manner)
    if verdict.reuse_at is not None and verdict.reuse_at <= now:
        verdict = replace(verdict, reuse_at=None)
    silent = verdict.health in DEAD and not verdict.answering
    heard = max(verdict.since, seen.inbound_at or verdict.since)
    return replace(verdict, long_dead=silent and now - heard >= manner.long_dead)


def _goes_on(before: PathVerdict, found: Finding) -> bool:
    """Whether nothing began now: one that was silent and loses its SA, or its session, is dead for the same time."""
    both_dead = before.health in DEAD and found.health in DEAD and before.answering == found.answering
    return both_dead or found.health == before.health


def _up_since(before: PathVerdict, health: str, now: float) -> float | None:
    if health != UP:
        return None
    return now if before.up_since is None else before.up_since


def _penalise(verdict: PathVerdict, now: float, manner: Manner) -> PathVerdict:
    penalty = min(verdict.penalty_at(now) + manner.penalty, manner.ceiling)
    reuse_at = verdict.reuse_at
    if penalty > manner.suppress or reuse_at is not None:
        reuse_at = now + HALF_LIFE * max(0.0, log2(penalty / manner.reuse))
    return replace(
        verdict, penalty=penalty, penalty_at_time=now, reuse_at=reuse_at, failed=True, flaps=(*verdict.flaps, now)
    )
