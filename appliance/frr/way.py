"""What FRR is told, to come from one configuration to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.frr.applying import policy_delay
from appliance.frr.diff import BGPD, Step, split, steps
from appliance.frr.pieces import Pieces, find_difference, find_shifts, find_splices
from appliance.frr.record import render_amendment
from appliance.frr.tree import parse_tree
from appliance.model.resources import FrrConfig


@dataclass(frozen=True, slots=True)
class Way:
    """What takes FRR from what it was told to what it will be: these steps; and the record of the one to that of the
    other: this line. None: it is written anew."""

    script: Sequence[Step]
    delay: str
    amendment: str | None = None


def find_way(told: FrrConfig, config: FrrConfig) -> Way | None:
    """By as much of both as they can differ in. None where it takes a look at all of it."""
    had, want = told.written, config.written
    if not isinstance(had, Pieces) or not isinstance(want, Pieces):
        return None
    shifts = find_shifts(had, want)
    found = find_difference(had, want, shifts) if shifts is not None else None
    if shifts is None or found is None:
        return None
    old, new = (split(parse_tree(text)) for text in found)
    amendment = render_amendment(find_splices(had, shifts), want.length)
    return Way(steps(old, new), policy_delay(new[BGPD]), amendment)
