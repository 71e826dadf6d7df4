"""The verdict of a connection: every path judged, then the choice between them, then the word for each."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.model.health import (
    CARRYING,
    DOWN,
    DRAINED,
    HELD,
    LAST_RESORT,
    STANDBY,
    UNKNOWN,
    ConnectionVerdict,
    PathEvidence,
    PathVerdict,
)
from appliance.verdict.history import DEAD, remember, told
from appliance.verdict.manner import Manner
from appliance.verdict.path import POOR, UNSURE, UP, asked_still, examine, newest_answers
from appliance.verdict.preference import Choice, Grade, choose, grade

SLOW_LOOK = 1.0
"""Seconds between two looks at the slow windows."""
QUICK_LOOK = 0.02
"""Seconds until another tunnel is asked again whether it hears a target that is silent over this one."""


def reconsider(
    was: ConnectionVerdict | None, evidence: Mapping[str, PathEvidence], manner: Manner, now: float
) -> ConnectionVerdict:
    """What to hold of a connection now. ``evidence`` is by tunnel, best ranked first; ``was`` None: nothing is known
    from before, so that no path has failed yet and none waits.

    Never chooses the empty set while a child SA is installed; a tunnel that left ``evidence`` is forgotten.
    """
    before = was or ConnectionVerdict(changed_at=now)
    paths = {name: _judge(name, evidence, before, manner, now) for name in evidence}
    grades = {name: grade(path, evidence[name]) for name, path in paths.items()}
    choice = choose(before, paths, grades, manner, now)
    named = {name: _name(name, path, grades[name], choice, manner, now) for name, path in paths.items()}
    changed = choice.carrying != before.carrying
    return ConnectionVerdict(
        carrying=choice.carrying,
        last_resort=choice.last_resort,
        paths=named,
        look_again=_look_again(named, evidence, choice, manner, now),
        changed_at=now if changed else before.changed_at,
        changes=before.changes + (changed and was is not None),
    )


def _judge(name: str, evidence: Mapping[str, PathEvidence], before: ConnectionVerdict, manner: Manner,
           now: float) -> PathVerdict:  # fmt: skip
    seen, was = evidence[name], before.paths.get(name)
    found = examine(seen, newest_answers(evidence, name), asked_still(evidence, name), was, manner, now)
    return remember(was, found, seen, now=now, manner=manner)


def _name(name: str, path: PathVerdict, grade: Grade, choice: Choice, manner: Manner, now: float) -> PathVerdict:
    """The path with the operator's word for it, and why."""
    if name in choice.carrying:
        if not choice.last_resort:
            return _settle(path, CARRYING, path.why if grade == Grade.POOR else None, failed=False)
        return _settle(path, LAST_RESORT, f"no path is known to work, so this one is kept: {_reason(path, grade)}")
    if grade in (Grade.DRAINED, Grade.DRAINED_SILENT):
        return _settle(path, DRAINED, "drained by the operator")
    if path.health == UP:
        return _waiting(path, choice, manner, now)
    if path.health == POOR:
        return _settle(path, HELD, f"another path is better: {path.why}")
    return _settle(path, UNKNOWN if path.health == UNSURE else DOWN, path.why)


def _reason(path: PathVerdict, grade: Grade) -> str:
    return "drained by the operator" if grade in (Grade.DRAINED, Grade.DRAINED_SILENT) else str(path.why)


def _waiting(path: PathVerdict, choice: Choice, manner: Manner, now: float) -> PathVerdict:
    """A path that works and does not carry."""
    if path.reuse_at is not None:
        times = "once" if len(path.flaps) == 1 else f"{len(path.flaps)} times"
        return _settle(path, HELD, f"lost {times} in an hour: held back for {path.reuse_at - now:.0f} s more")
    if path.failed and manner.failback.policy == "manual":
        return _settle(path, HELD, "works again; failback is manual: `appliance tunnel switch` brings it back")
    if path.failed and path.up_since is not None and choice.ready_at is not None:
        due = path.up_since + manner.failback.after
        if due > now:
            return _settle(path, STANDBY, f"works again; may carry in {due - now:.0f} s")
    return _settle(path, STANDBY, "works; another tunnel carries")


def _settle(path: PathVerdict, state: str, why: str | None, *, failed: bool | None = None) -> PathVerdict:
    return told(path, state=state, why=why, failed=path.failed if failed is None else failed)


def _look_again(paths: Mapping[str, PathVerdict], evidence: Mapping[str, PathEvidence], choice: Choice, manner: Manner,
                now: float) -> float | None:  # fmt: skip
    """The next moment at which time alone may change the verdict."""
    due = [choice.ready_at] if choice.ready_at is not None else []
    due += [path.reuse_at for path in paths.values() if path.reuse_at is not None]
    due += [path.since + manner.long_dead for path in paths.values() if path.health in DEAD]
    due += [now + QUICK_LOOK for path in paths.values() if path.unsettled]
    if any(health.armed for seen in evidence.values() for health in seen.targets):
        due.append(now + SLOW_LOOK)
    return min((at for at in due if at > now), default=None)
