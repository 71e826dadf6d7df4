"""What a cloud is told over each tunnel while some of them are held back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.design.peering import compose_router
from appliance.model.intent import Announce, Intent, TunnelAnnounce
from appliance.model.peering import BEHIND, CLOSED, SHUT
from tests.design.wishes import fixed, wish_for


def meds(intent: Intent, **stances: str) -> dict[str, int | None]:
    """By tunnel, as it is told."""
    held = {name.replace("_", "-"): stance for name, stance in stances.items()}
    router = compose_router(wish_for(intent, stances=held))
    assert router is not None
    return {neighbor.tunnel: neighbor.told_med for neighbor in router.neighbors if neighbor.connection == "vpc"}


def announcing(med: int | None, *tunnels: int | None) -> Intent:
    intent = fixed()
    vpc = next(one for one in intent.connections if one.name == "vpc")
    own = tunnels or (None, None)
    changed = tuple(
        replace(tunnel, announce=TunnelAnnounce(med=one)) for tunnel, one in zip(vpc.tunnels, own, strict=True)
    )
    vpc = replace(vpc, announce=Announce(med=med), tunnels=changed)
    return replace(intent, connections=(vpc, *(one for one in intent.connections if one.name != "vpc")))


def test_all_tunnels_are_told_alike() -> None:
    assert meds(announcing(None)) == {"vpc-1": 100, "vpc-2": 100}
    assert meds(announcing(0)) == {"vpc-1": 0, "vpc-2": 0}
    assert meds(announcing(7, None, 30)) == {"vpc-1": 7, "vpc-2": 30}


@pytest.mark.parametrize("stance", [CLOSED, SHUT])
def test_while_one_is_closed_the_others_are_told_with_less_than_it_ever_was(stance: str) -> None:
    """Nothing said over a dead tunnel arrives: what brings the way back over is said on the living one."""
    assert meds(announcing(None), vpc_1=stance) == {"vpc-1": 1100, "vpc-2": 50}
    assert meds(announcing(200, 100, None), vpc_1=stance) == {"vpc-1": 1100, "vpc-2": 50}
    assert meds(announcing(20), vpc_1=stance) == {"vpc-1": 1020, "vpc-2": 0}


def test_a_standby_changes_nothing_for_the_one_that_carries() -> None:
    assert meds(announcing(None), vpc_2=BEHIND) == {"vpc-1": 100, "vpc-2": 1100}


def test_another_connection_hears_nothing_of_it() -> None:
    assert meds(announcing(None), lab_1=CLOSED) == {"vpc-1": 100, "vpc-2": 100}
