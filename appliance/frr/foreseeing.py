"""What FRR is about to be told, found out before its turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.frr.applying import policy_delay
from appliance.frr.diff import BGPD, Parts, Step, split, steps
from appliance.frr.pieces import Pieces, find_difference
from appliance.frr.tree import parse_tree
from appliance.model.resources import FrrConfig


@dataclass(frozen=True, slots=True)
class Ahead:
    """What takes FRR from what it was told to what it will be: by these steps."""

    told: FrrConfig
    config: FrrConfig
    script: Sequence[Step]
    delay: str


def look_ahead(told: FrrConfig, config: FrrConfig) -> Ahead | None:
    """None where it takes a look at all of it."""
    found = find_differing(told, config)
    return Ahead(told, config, steps(*found), policy_delay(found[1][BGPD])) if found is not None else None


def find_differing(told: FrrConfig, config: FrrConfig) -> tuple[Parts, Parts] | None:
    """Of both as much as they can differ in, where that is known."""
    if not isinstance(told.pieces, Pieces) or not isinstance(config.pieces, Pieces):
        return None
    found = find_difference(told.pieces, config.pieces)
    return (split(parse_tree(found[0])), split(parse_tree(found[1]))) if found is not None else None
