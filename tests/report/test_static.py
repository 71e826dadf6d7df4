"""The status of static routes: what the daemon holds of the tunnels, as long as the kernel agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.design.announcing import announced
from appliance.model.forwarding import ForwardingRoute, Via
from appliance.model.health import PathVerdict
from appliance.model.resources import ROUTE_PROTOCOL
from appliance.report.evidence import Evidence
from appliance.report.status import compose_status
from tests.report.scenes import CARRYING, VPC_NET, WISH


def seen(*links: str, **verdicts: PathVerdict) -> Evidence:
    """The connection vpc alone, with static routes over these links, and what the daemon holds of its tunnels."""
    (vpc,) = (one for one in CARRYING.intent.connections if one.name == "vpc")
    vpc = replace(vpc, mode="static", networks=(VPC_NET,))
    route = ForwardingRoute(VPC_NET, ROUTE_PROTOCOL, 100, tuple(map(Via, links)))
    return replace(
        CARRYING, intent=replace(CARRYING.intent, connections=(vpc,)), routes=(route,) if links else (), sessions=(),
        told={"vpc": announced(WISH, vpc)},
        verdicts={name.replace("_", "-"): verdict for name, verdict in verdicts.items()}, uptime=1000.0,
    )  # fmt: skip


def status(evidence: Evidence) -> dict[str, Any]:
    return compose_status(evidence, version="0", revision=1, daemon={"running": True}, warnings=())


def states(evidence: Evidence) -> list[tuple[str, str | None]]:
    return [(tunnel["state"], tunnel["why"]) for tunnel in status(evidence)["connections"][0]["tunnels"]]


def verdict(state: str, why: str | None = None, **more: Any) -> PathVerdict:
    return PathVerdict(state, "up", 900.0, why, **more)


def test_without_a_daemon_the_kernel_tells() -> None:
    first, second = states(seen("vpc-1"))
    assert first == ("carrying", None)
    assert second == ("standby", "vpc-1 carries, and this one takes over when that fails")


@pytest.mark.parametrize("state", ["down", "held", "drained", "standby"])
def test_what_the_daemon_holds_is_told_with_its_reason(state: str) -> None:
    found = states(seen("vpc-2", vpc_1=verdict(state, "for a reason"), vpc_2=verdict("carrying")))
    assert found == [(state, "for a reason"), ("carrying", None)]


def test_where_the_kernel_does_otherwise_the_kernel_is_right() -> None:
    found = states(seen("vpc-1", vpc_1=verdict("down", "silent"), vpc_2=verdict("carrying")))
    assert [state for state, _ in found] == ["carrying", "standby"]


def test_a_last_resort_is_no_health() -> None:
    evidence = seen("vpc-1", vpc_1=verdict("last-resort", "nothing answers"), vpc_2=verdict("down", "silent"))
    found = status(evidence)
    assert (found["state"], found["healthy"]) == ("down", False)
    assert found["connections"][0]["prefixes"][0]["via"] == ["vpc-1"]
    lost = replace(evidence, sas=())
    assert states(lost)[0] == ("last-resort", "nothing answers")


def test_flaps_and_their_price_are_told() -> None:
    flapping = verdict(
        "held", "lost twice", flaps=(100.0, 900.0), penalty=2000.0, penalty_at_time=1000.0, reuse_at=1060.0
    )
    tunnel = status(seen("vpc-2", vpc_1=flapping, vpc_2=verdict("carrying")))["connections"][0]["tunnels"][0]
    assert (tunnel["flaps_1h"], tunnel["penalty"], tunnel["reuse_at"]) == (2, 2000, "2026-01-01T12:01:00Z")


def test_nothing_is_announced_and_no_session_is_missed() -> None:
    (connection,) = status(seen("vpc-1"))["connections"]
    assert (connection["announced"], connection["speaker"]) == ([], None)
    assert [tunnel["bgp"] for tunnel in connection["tunnels"]] == [None, None]
