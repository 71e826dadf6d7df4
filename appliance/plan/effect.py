"""What a plan does to traffic: ``none``, ``brief`` (a path is missing for seconds) or ``cut`` (a tunnel goes)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from appliance.model.change import Change
from appliance.model.resources import ExabgpConfig, FrrConfig, IkeConnection, InsideAddress, SharedKey, Sysctl, XfrmLink

NONE, BRIEF, CUT = "none", "brief", "cut"
_RANK = {NONE: 0, BRIEF: 1, CUT: 2}


@dataclass(frozen=True, slots=True)
class Effect:
    """The worst that happens to anybody's traffic, and why."""

    traffic: str
    why: str


def judge_change(change: Change) -> Effect:
    """What one change does to traffic that flows now."""
    match change.old, change.new:
        case None, _:
            return Effect(NONE, "nothing used it before")
        case (XfrmLink() | IkeConnection()) as gone, None:
            return Effect(CUT, f"tunnel {gone.name} goes")
        case InsideAddress() as gone, None:
            return Effect(BRIEF, f"the inside address of {gone.link} changes")
        case XfrmLink() as old, XfrmLink() as new if old.if_id != new.if_id:
            return Effect(BRIEF, f"{new.name} is tied to other SAs by its new if_id")
        case IkeConnection() as old, IkeConnection() as new if not same_session(old, new):
            return Effect(BRIEF, f"tunnel {new.name} is negotiated anew")
        case SharedKey(), SharedKey():
            return Effect(NONE, "the new key counts from the next authentication on")
        case FrrConfig() as old, FrrConfig() as new:
            return _judge_router(old, new)
        case FrrConfig(), None:
            return Effect(CUT, "every BGP session ends")
        case ExabgpConfig() as old, (ExabgpConfig() | None) as new:
            return _judge_speaker(old, new)
        case Sysctl(name=name), None if name.endswith(("ip_forward", "forwarding")):
            return Effect(CUT, f"{name} goes back to what it was")
    return Effect(NONE, "in place")


def judge_plan(changes: Iterable[Change]) -> Effect:
    """The worst of all changes."""
    effects = [judge_change(change) for change in changes]
    return max(effects, key=lambda effect: _RANK[effect.traffic], default=Effect(NONE, "nothing changes"))


def same_session(old: IkeConnection, new: IkeConnection) -> bool:
    """Whether the new settings can wait for the next rekey: only times differ, so the SAs stay."""
    child = replace(
        new.child,
        rekey_time=old.child.rekey_time,
        rand_time=old.child.rand_time,
        life_time=old.child.life_time,
        dpd_action=old.child.dpd_action,
        close_action=old.child.close_action,
    )
    later = replace(
        new,
        rekey_time=old.rekey_time,
        rand_time=old.rand_time,
        over_time=old.over_time,
        dpd_delay=old.dpd_delay,
        dpd_timeout=old.dpd_timeout,
        unique=old.unique,
        child=child,
    )
    return later == old


def _judge_router(old: FrrConfig, new: FrrConfig) -> Effect:
    """Sessions of neighbours that stay as they are stay up; policy changes are taken in without a reset."""
    before, after = _sessions(old), _sessions(new)
    gone = sorted(before.keys() - after.keys())
    if gone:
        return Effect(CUT, f"BGP with {', '.join(gone)} ends")
    changed = sorted(address for address in before if before[address] != after[address])
    if changed:
        return Effect(BRIEF, f"BGP with {', '.join(changed)} starts anew")
    return Effect(NONE, "sessions stay up")


def _judge_speaker(old: ExabgpConfig, new: ExabgpConfig | None) -> Effect:
    """ExaBGP reads a changed configuration without a word to neighbours whose own lines stay."""
    before, after = _speaking(old), _speaking(new) if new is not None else {}
    gone = sorted(before.keys() - after.keys())
    if gone:
        return Effect(CUT, f"BGP with {', '.join(gone)} ends")
    changed = sorted(address for address in before if before[address] != after[address])
    if changed:
        return Effect(BRIEF, f"BGP with {', '.join(changed)} starts anew")
    return Effect(NONE, "sessions stay up")


def _speaking(config: ExabgpConfig) -> dict[str, tuple[str, ...]]:
    """Per neighbour the lines that a session is made with: all but what is announced."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in map(str.strip, config.text.splitlines()):
        words = line.split()
        if words[:1] == ["neighbor"]:
            lines = found.setdefault(words[1], [])
        elif words[:1] not in (["unicast"], ["announce"], ["description"], ["#"]):
            lines.append(line)
    return {address: tuple(dict.fromkeys(lines)) for address, lines in found.items()}


def _sessions(config: FrrConfig) -> dict[str, frozenset[str]]:
    """Per neighbour the lines that a session is made with: changing one of them resets it."""
    found: dict[str, set[str]] = {}
    for line in map(str.strip, config.text.splitlines()):
        words = line.split()
        if words[:1] == ["neighbor"] and len(words) > 2:
            lines = found.setdefault(words[1], set())
            if words[2] in ("remote-as", "local-as", "update-source", "timers", "password", "ttl-security"):
                lines.add(line)
    return {address: frozenset(lines) for address, lines in found.items()}
