"""The status under BGP while the daemon holds sessions by its verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, Via
from appliance.model.health import PathVerdict
from appliance.model.resources import ROUTE_PROTOCOL
from appliance.report.evidence import Evidence
from appliance.report.status import compose_status
from appliance.report.text import describe_status
from tests.report.scenes import CARRYING, VPC_NET


def seen(*links: str, protocol: int = BGP_PROTOCOL, **verdicts: PathVerdict) -> Evidence:
    """The connection vpc alone, its prefix over these links, and what the daemon holds of its tunnels."""
    (vpc,) = (one for one in CARRYING.intent.connections if one.name == "vpc")
    route = ForwardingRoute(VPC_NET, protocol, 20, tuple(map(Via, links)))
    return replace(
        CARRYING, intent=replace(CARRYING.intent, connections=(vpc,)), routes=(route,) if links else (),
        verdicts={name.replace("_", "-"): verdict for name, verdict in verdicts.items()}, uptime=1000.0,
    )  # fmt: skip


def status(evidence: Evidence) -> dict[str, Any]:
    return compose_status(evidence, version="0", revision=1, daemon={"running": True}, warnings=())


def states(evidence: Evidence) -> list[tuple[str, str | None]]:
    return [(tunnel["state"], tunnel["why"]) for tunnel in status(evidence)["connections"][0]["tunnels"]]


def verdict(state: str, why: str | None = None, **more: Any) -> PathVerdict:
    return PathVerdict(state, more.pop("health", "up"), 900.0, why, **more)


def test_a_closed_path_is_told_with_the_daemons_reason_though_its_session_stands() -> None:
    evidence = seen("vpc-2", vpc_1=verdict("down", "no answer", health="lost"), vpc_2=verdict("carrying"))
    assert states(evidence) == [("down", "no answer"), ("carrying", None)]
    assert status(evidence)["state"] == "degraded"


def test_one_that_waits_behind_is_a_standby() -> None:
    evidence = seen("vpc-2", vpc_1=verdict("standby", "works again; may carry in 9 s"), vpc_2=verdict("carrying"))
    assert states(evidence)[0] == ("standby", "works again; may carry in 9 s")
    assert status(evidence)["state"] == "ok"


def test_without_its_session_the_session_is_the_reason() -> None:
    idle = tuple(replace(one, state="idle", last_error="Hold Timer Expired") for one in CARRYING.sessions[:1])
    evidence = replace(
        seen("vpc-2", vpc_1=verdict("down", "its BGP session is not established", health="unrouted")),
        sessions=(*idle, *CARRYING.sessions[1:]),
    )
    assert states(evidence)[0][1] == "BGP with 169.254.23.5 is idle: Hold Timer Expired"


def test_a_last_resort_carries_and_is_no_health() -> None:
    why = "no path is known to work, so this one is kept: no answer"
    evidence = seen("vpc-1", "vpc-2", vpc_1=verdict("last-resort", why), vpc_2=verdict("last-resort", why))
    assert states(evidence) == [("last-resort", why)] * 2
    assert status(evidence)["healthy"] is False


def test_a_path_that_carries_badly_is_not_all_right() -> None:
    evidence = seen("vpc-1", "vpc-2", vpc_1=verdict("carrying", "30% of the probes are lost", health="poor"),
                    vpc_2=verdict("carrying", "30% of the probes are lost", health="poor"))  # fmt: skip
    assert states(evidence)[0] == ("carrying", "30% of the probes are lost")
    assert status(evidence)["state"] == "degraded"
    assert status(evidence)["why"] == "vpc-1 is carrying: 30% of the probes are lost (and 1 more)"


def test_routes_of_ours_that_carry_while_bgp_brings_none_are_named() -> None:
    evidence = replace(seen("vpc-1", protocol=ROUTE_PROTOCOL), sessions=(), blackholes=())
    found = status(evidence)["connections"][0]
    assert found["prefixes"] == [{"prefix": str(VPC_NET), "source": "fallback", "via": ["vpc-1"]}]
    assert found["tunnels"][0]["why"] == "BGP brings no route over it: its fallback routes carry"
    assert found["state"] == "degraded"


def test_while_frr_is_gone_what_is_kept_carries() -> None:
    evidence = replace(seen("vpc-1", "vpc-2", protocol=ROUTE_PROTOCOL), silent={"frr": "FRR's bgpd does not run"})
    assert states(evidence) == [("carrying", "FRR's bgpd does not run")] * 2
    assert status(evidence)["state"] == "degraded"
    assert "FRR's bgpd does not run" in status(evidence)["why"]
    assert states(replace(evidence, routes=()))[0] == ("down", "FRR's bgpd does not run")


def test_remarks_and_penalties_are_shown() -> None:
    lost = verdict("standby", "works; another tunnel carries", flaps=(950.0, 990.0), penalty=2000.0,
                   penalty_at_time=1000.0, reuse_at=1060.0)  # fmt: skip
    text = "\n".join(
        describe_status(
            status(seen("vpc-2", vpc_1=lost, vpc_2=verdict("carrying", remark="no probe was ever answered: …")))
        )
    )
    assert "lost 2 times within the hour: penalty 2000, held back until " in text
    assert "no probe was ever answered: …" in text
