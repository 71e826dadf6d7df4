"""Desired against observed: the changes, in the order in which they are safe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from zlib import crc32

from appliance.model.change import Change
from appliance.model.resources import Resource, XfrmLink
from appliance.plan.order import in_order


def make_plan(desired: Iterable[Resource], observed: Iterable[Resource]) -> tuple[Change, ...]:
    """What has to change, in order. Empty when nothing does."""
    wanted, standing = frozenset(desired), frozenset(observed)
    return plan_difference(wanted - standing, standing - wanted)


def plan_difference(come: Iterable[Resource], gone: Iterable[Resource]) -> tuple[Change, ...]:
    """The same by what is wanted and does not stand, and what stands and is not wanted."""
    want, have = ({one.key: one for one in side} for side in (come, gone))
    pairs = ((have.get(key), want.get(key)) for key in want.keys() | have.keys())
    return _aside(in_order([Change(old, new) for old, new in pairs if old != new]))


def _aside(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Links that trade their if_ids step aside first: Linux lets no two have the same, not even for a moment."""
    wanted = {change.new.if_id for change in changes if isinstance(change.new, XfrmLink)}
    steps: dict[str, tuple[Change, Change]] = {}
    for change in changes:
        match change.old, change.new:
            case XfrmLink() as old, XfrmLink() as new if old.if_id != new.if_id and old.if_id in wanted:
                between = replace(old, if_id=_ASIDE + crc32(old.name.encode()) % 0x7FFF_FFFF)
                steps[new.key] = (Change(old, between), Change(between, new))
    first = next((at for at, change in enumerate(changes) if isinstance(change.new, XfrmLink)), 0)
    rest = (steps[change.resource.key][1] if change.resource.key in steps else change for change in changes[first:])
    return (*changes[:first], *(step for step, _ in steps.values()), *rest)


_ASIDE = 0x8000_0000
"""From here on no if_id follows from a name."""
