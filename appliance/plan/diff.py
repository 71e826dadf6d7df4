"""Desired against observed: the changes, in the order in which they are safe."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.model.change import Change
from appliance.model.resources import Resource
from appliance.plan.order import in_order


def make_plan(desired: Iterable[Resource], observed: Iterable[Resource]) -> tuple[Change, ...]:
    """What has to change, in order. Empty when nothing does."""
    want, have = ({resource.key: resource for resource in side} for side in (desired, observed))
    pairs = ((have.get(key), want.get(key)) for key in want.keys() | have.keys())
    return in_order([Change(old, new) for old, new in pairs if old != new])
