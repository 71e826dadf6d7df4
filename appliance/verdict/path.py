"""One path: does it work? Votes of its targets, then its child SA, then its BGP session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf

from appliance.model.address import IPAddress
from appliance.model.health import LOST, PathEvidence, PathVerdict, TargetHealth
from appliance.verdict.manner import Manner

UP, POOR, GONE_SILENT, WITHOUT_SA, UNSURE = "up", "poor", "lost", "down", "unknown"
WITHOUT_SESSION = "unrouted"
"""What a path's health can be: works · works badly · has an SA and no answers · has no SA · nobody knows · would work,
but nothing is routed to it for want of its BGP session."""

STRAY = 0.02
"""Seconds by which what two tunnels tell of one moment may differ."""

Question = tuple[str, IPAddress, int | None]
Elsewhere = Mapping[Question, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """A path's health now, without its history. ``unsettled``: whoever is asked is silent, and whether that is the path
    or himself another tunnel is about to tell. ``together`` and ``awaited`` as in :class:`PathVerdict`."""

    health: str
    why: str | None = None
    remark: str | None = None
    answering: bool = False
    unsettled: bool = False
    together: bool = False
    awaited: float | None = None


def newest_answers(evidence: Mapping[str, PathEvidence], name: str) -> Elsewhere:
    """For each target that is asked over other tunnels than ``name`` too and answered there once: when the newest
    answered probe reached it."""
    found: dict[Question, float] = {}
    for other, seen in evidence.items():
        for health in seen.targets if other != name else ():
            if health.answered_at is not None:
                question = health.target.question
                found[question] = max(found.get(question, -inf), _arrived(health, health.answered_at))
    return found


def _arrived(health: TargetHealth, sent_at: float) -> float:
    """When a probe got to its target, or would have."""
    return sent_at + (health.rtt or 0.0) / 2


def asked_still(evidence: Mapping[str, PathEvidence], name: str) -> frozenset[Question]:
    """What is asked over other tunnels than ``name`` that have an SA, and was not given up there."""
    others = [seen for other, seen in evidence.items() if other != name and seen.installed is not False]
    return frozenset(h.target.question for seen in others for h in seen.targets if h.armed and h.state != LOST)


def examine(seen: PathEvidence, elsewhere: Elsewhere, still: frozenset[Question], was: PathVerdict | None,
            manner: Manner, now: float) -> Finding:  # fmt: skip
    """The health of a path now. Targets that answered once decide; until then the SA and BGP do. Where BGP brings the
    routes, a path without its session carries nothing however well it would."""
    found = _examine(seen, elsewhere, still, was, manner, now)
    if seen.bgp is False and found.health in (UP, POOR, UNSURE):
        return Finding(WITHOUT_SESSION, "its BGP session is not established", found.remark, found.answering)
    return found


def _examine(seen: PathEvidence, elsewhere: Elsewhere, still: frozenset[Question], was: PathVerdict | None,
             manner: Manner, now: float) -> Finding:  # fmt: skip
    armed = [health for health in seen.targets if health.armed]
    if seen.installed is False and not _lives_without(seen, armed):
        return Finding(WITHOUT_SA, "no child SA is installed")
    if not armed:
        return _by_sessions(seen)
    silent_everywhere = [health for health in armed if _nobody_hears(health, elsewhere)]
    voting = [health for health in armed if health not in silent_everywhere]
    if not voting:
        return _unsettled(silent_everywhere, still, was, now) or _by_traffic(seen, silent_everywhere)
    found = _by_votes(voting, silent_everywhere, was, manner)
    if was is None or not was.together or found.health != GONE_SILENT:
        return found
    return _with_the_others(found, voting, still, was, now)


def _with_the_others(
    found: Finding, voting: list[TargetHealth], still: frozenset[Question], was: PathVerdict, now: float
) -> Finding:
    """Whoever was silent on all tunnels is back, and one of them is the first to hear him: the others are given the
    time in which they found him lost. He is back for all that hear him as soon as he is for one."""
    lost = [health for health in voting if health.state == LOST]
    awaited = now if was.awaited is None else was.awaited
    hears = found.answering
    if not hears and now - awaited > max(health.since - (health.lost_at or 0.0) for health in lost):
        return found
    back = hears and any(health.streak and health.target.question in still for health in lost)
    if back or was.health in (UP, POOR):
        return Finding(UP, answering=True, unsettled=not hears, together=True, awaited=awaited)
    return replace(found, answering=True, unsettled=not hears, together=True, awaited=awaited)


def _lives_without(seen: PathEvidence, armed: Iterable[TargetHealth]) -> bool:
    """Whether a probe sent after the IKE daemon dropped the SA was answered: a daemon that was restarted knows nothing
    of the SAs in the kernel, which go on."""
    since = -inf if seen.gone_at is None else seen.gone_at
    return any(h.state != LOST and h.answered_at is not None and h.answered_at > since for h in armed)


def _nobody_hears(health: TargetHealth, elsewhere: Elsewhere) -> bool:
    """Whether the target is lost here and has answered on no other tunnel since: then it may be the target that is
    dead. When only this path is, another one has heard it since, for probes go out on all of them alike."""
    if health.state != LOST or health.lost_at is None or health.streak or health.target.question not in elsewhere:
        return False
    return elsewhere[health.target.question] <= _arrived(health, health.lost_at) + STRAY


def _unsettled(
    silent: list[TargetHealth], still: frozenset[Question], was: PathVerdict | None, now: float
) -> Finding | None:
    """While another tunnel has not given the target up, its next answer, or the want of one, tells who is dead: for
    about as long as it took here, a path that worked goes on."""
    if was is None or was.health not in (UP, POOR):
        return None
    if not any(h.target.question in still and now - h.since <= 2 * (h.since - (h.lost_at or 0.0)) for h in silent):
        return None
    return Finding(was.health, was.why if was.health == POOR else None, answering=was.answering, unsettled=True)


def _by_sessions(seen: PathEvidence) -> Finding:
    if seen.bgp is False:
        return Finding(GONE_SILENT, "BGP is not established, and no probe was ever answered")
    if seen.installed is None and seen.bgp is None:
        return Finding(UNSURE, "the IKE daemon is silent, and no probe was ever answered")
    by = "the child SA" if seen.bgp is None else "the BGP session"
    return Finding(UP, remark=f"no probe was ever answered: {by} decides" if seen.targets else None)


def _by_traffic(seen: PathEvidence, silent: list[TargetHealth]) -> Finding:
    """All targets answer on no tunnel: inbound traffic since shows that it is they who are dead."""
    names = ", ".join(health.target.name for health in silent)
    since = min(health.lost_at or 0.0 for health in silent)
    if seen.inbound_at is not None and seen.inbound_at > since:
        remark = f"{names} answers on no tunnel while traffic comes in: a problem of the target"
        return Finding(UP, remark=remark, together=True)
    return Finding(GONE_SILENT, f"{names} answers on no tunnel", together=True)


def _by_votes(
    voting: list[TargetHealth], silent: list[TargetHealth], was: PathVerdict | None, manner: Manner
) -> Finding:
    need = max(1, min(manner.need, len(voting)))
    good = [health for health in voting if health.state != LOST]
    if len(good) < need:
        lost = [health for health in voting if health.state == LOST]
        return Finding(GONE_SILENT, _lost_sentence(lost, manner), answering=_answering(voting, need))
    names = ", ".join(health.target.name for health in silent)
    remark = f"{names} answers on no tunnel: a problem of the target" if names else None
    poor = _poor_sentence(good, need, was is not None and was.health == POOR, manner)
    return Finding(POOR, poor, answering=True) if poor else Finding(UP, remark=remark, answering=True)


def _answering(voting: list[TargetHealth], need: int) -> bool:
    return sum(health.state != LOST or health.streak > 0 for health in voting) >= need


def _lost_sentence(lost: list[TargetHealth], manner: Manner) -> str:
    best = max(lost, key=lambda health: health.streak)
    if best.streak:
        return f"{best.target.name} answers again: {best.streak} of {manner.recovered} probes in a row"
    return f"no answer from {', '.join(health.target.name for health in lost)}"


def _poor_sentence(good: list[TargetHealth], need: int, was_poor: bool, manner: Manner) -> str | None:
    """Why the path is poor, going by the ``need`` targets that do best; None when it is not."""
    known = [health for health in good if health.samples >= manner.poor_samples]
    if len(known) < need:
        return None
    losing = sorted(known, key=lambda health: health.loss)[need - 1]
    if losing.loss > manner.poor_loss * (0.5 if was_poor else 1):
        return f"{losing.loss:.0%} of the probes of {losing.target.name} are lost"
    slow = sorted(known, key=lambda health: health.rtt or 0.0)[need - 1]
    limit = manner.poor_rtt
    if limit is not None and (slow.rtt or 0.0) > limit * (0.8 if was_poor else 1):
        return f"{slow.target.name} answers after {1000 * (slow.rtt or 0.0):.0f} ms"
    return None
