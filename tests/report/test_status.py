"""The status: for programs by its keys, for people as recorded, and how evidence becomes a state."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from appliance.model.session import LearnedPath
from appliance.report.evidence import Evidence
from appliance.report.judging import TunnelState, judge_connection, judge_tunnel, judge_whole
from appliance.report.status import compose_status
from appliance.report.text import describe_status
from tests.report.scenes import CARRYING, LAB_NET, LINKS, SCENES, VPC_NET, route, sa, session, without

GOLDEN = Path(__file__).parent / "golden"
KEYS = {
    "": "at site version revision state healthy why daemon confirm_until drift warnings connections",
    "connection": "name id cloud mode speaker state redundant announced tunnels prefixes",
    "tunnel": "name uplink interface if_id local remote public mtu state why admin since flaps_1h penalty reuse_at "
    "next_retry ike child sa bgp bgp_detail probe rx_bytes tx_bytes remark",
    "sa": "ike_version ike_proposal esp_proposal spi_in spi_out nat_t rekey_in_s",
    "bgp_detail": "peer_asn since received accepted advertised last_error",
    "probe": "state armed loss rtt_ms targets",
    "prefix": "prefix source via",
}
"""Every key that programs may rely on, in order."""


def status_of(seen: Evidence) -> dict[str, Any]:
    return compose_status(seen, version="0.1.0", revision=3, daemon={"running": True, "since": "x"}, warnings=())


def tunnels_of(seen: Evidence) -> dict[str, dict[str, Any]]:
    return {tunnel["name"]: tunnel for one in status_of(seen)["connections"] for tunnel in one["tunnels"]}


@pytest.mark.parametrize("scene", SCENES)
def test_the_text_for_people(scene: str, update: bool) -> None:
    text = "\n".join(describe_status(status_of(SCENES[scene]))) + "\n"
    path = GOLDEN / f"{scene}.txt"
    if update:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path}: differs; or --update"


@pytest.mark.parametrize("scene", SCENES)
def test_programs_find_every_key(scene: str) -> None:
    status = json.loads(json.dumps(status_of(SCENES[scene])))
    assert list(status) == KEYS[""].split()
    for connection in status["connections"]:
        assert list(connection) == KEYS["connection"].split()
        assert len(connection["tunnels"]) == 2
        for tunnel in connection["tunnels"]:
            assert list(tunnel) == KEYS["tunnel"].split()
            for part in ("sa", "bgp_detail", "probe"):
                assert tunnel[part] is None or list(tunnel[part]) == KEYS[part].split()
            assert (tunnel["why"] is None) == (tunnel["state"] == "carrying")
        for prefix in connection["prefixes"]:
            assert list(prefix) == KEYS["prefix"].split()


@pytest.mark.parametrize(
    ("scene", "state", "states"),
    [
        ("carrying", "ok", ["ok", "ok"]),
        ("standby", "ok", ["ok", "ok"]),
        ("degraded", "degraded", ["degraded", "ok"]),
        ("one-down", "degraded", ["down", "ok"]),
        ("taken-down", "degraded", ["ok", "down"]),
        ("down", "down", ["down", "down"]),
        ("charon-silent", "down", ["down", "down"]),
    ],
)
def test_states(scene: str, state: str, states: list[str]) -> None:
    status = status_of(SCENES[scene])
    assert (status["state"], status["healthy"]) == (state, state == "ok")
    assert (status["why"] is None) == status["healthy"]
    assert [connection["state"] for connection in status["connections"]] == states


def judged(**changed: object) -> TunnelState:
    """The state of vpc-1, seen like this."""
    seen = replace(CARRYING, **changed)  # type: ignore[arg-type]
    return judge_tunnel(seen, seen.intent.connections[0], seen.intent.connections[0].tunnels[0])


def only(**changed: object) -> dict[str, object]:
    return {"sas": (sa("vpc-1", **changed),)}


def spoken(**changed: object) -> dict[str, object]:
    return {"sessions": (session("169.254.23.5", **changed),), "routes": ()}


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        ({}, "carrying", None),
        ({"silent": {"kernel": "no permission"}}, "unknown", "no permission"),
        ({"silent": {"frr": "bgpd does not run"}}, "down", "bgpd does not run"),
        ({"sas": ()}, "down", "there is no IKE SA with 198.51.100.7"),
        (only(ike_state="connecting", child_state=None), "down", "IKE with 198.51.100.7 is connecting"),
        (only(child_state=None), "down", "IKE is up, but no child SA is installed with 198.51.100.7"),
        (only(child_state="rekeying"), "carrying", None),
        ({"sessions": ()}, "down", "FRR has no BGP session with 169.254.23.5"),
        (spoken(state="active"), "down", "BGP with 169.254.23.5 is active"),
        (spoken(state="idle", last_error="Bad Peer AS"), "down", "BGP with 169.254.23.5 is idle: Bad Peer AS"),
        (spoken(), "standby", "the cloud prefers the other path"),
        (spoken(accepted=0, received=2), "down", "all 2 prefixes from 169.254.23.5 were filtered"),
        (spoken(accepted=0, received=0), "down", "the cloud announces no prefix over 169.254.23.5"),
    ],
)
def test_the_lowest_layer_that_is_not_up_gives_the_reason(seen: dict[str, object], state: str, why: str | None) -> None:
    assert judged(**seen) == TunnelState(state, why)


def test_a_rekey_in_progress_is_no_fall() -> None:
    """IKEv1 hands the child to the new IKE_SA before that is established."""
    for moment in ({"ike_state": "connecting"}, {"ike_state": "rekeying"}, {"child_state": "rekeying"}):
        assert judged(**only(**moment)).state == "carrying"
        tunnel = tunnels_of(replace(CARRYING, sas=(sa("vpc-1", **moment),)))["vpc-1"]
        assert (tunnel["ike"], tunnel["child"]) == ("established", "installed")
    assert judged(**only(ike_state="rekeying", child_state=None)).why.startswith("IKE is up, but")


def test_accepted_prefixes_that_go_nowhere_are_no_standby() -> None:
    path = LearnedPath(VPC_NET, ip_address("169.254.23.5"), ip_address("169.254.23.5"))
    assert judged(paths=(path,), routes=(route(VPC_NET, "vpc-2"),)).state == "standby"
    lost = judged(paths=(path,), routes=(route(LAB_NET, "lab-1"),))
    assert (lost.state, "no route of the kernel" in str(lost.why)) == ("down", True)


def test_of_two_sas_the_one_that_carries_counts() -> None:
    dead = sa("vpc-1", ike_id=9, ike_state="connecting", child=None, child_state=None)
    assert judged(sas=(dead, sa("vpc-1"))).state == judged(sas=(sa("vpc-1"), dead)).state == "carrying"


def test_of_two_families_the_worse_session_counts() -> None:
    connection = CARRYING.intent.connections[0]
    both = replace(connection.tunnels[0], peer_inside6=ip_address("fd00::1"))
    seen = replace(CARRYING, sessions=(session("169.254.23.5"), session("fd00::1", state="active")))
    assert judge_tunnel(seen, connection, both).state == "down"


def test_a_route_of_somebody_else_carries_nothing_of_ours() -> None:
    static = replace(route(VPC_NET, "vpc-1"), protocol=4)
    assert judged(routes=(static,)).state == "standby"


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (("carrying", "carrying"), "ok"),
        (("carrying", "standby"), "ok"),
        (("carrying", "down"), "degraded"),
        (("standby", "standby"), "ok"),
        (("standby", "down"), "degraded"),
        (("down", "down"), "down"),
        (("carrying", "unknown"), "unknown"),
        (("carrying",), "ok"),
    ],
)
def test_a_connection_is_what_its_tunnels_are(states: tuple[str, ...], verdict: str) -> None:
    assert judge_connection([TunnelState(state) for state in states]) == verdict


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ((), "unknown"),
        (("ok", "ok"), "ok"),
        (("ok", "degraded"), "degraded"),
        (("ok", "down"), "degraded"),
        (("down", "down"), "down"),
        (("ok", "unknown"), "unknown"),
    ],
)
def test_the_whole_is_what_its_connections_are(states: tuple[str, ...], verdict: str) -> None:
    assert judge_whole(states) == verdict


def test_prefixes_tell_where_they_go() -> None:
    (vpc, lab) = status_of(without(CARRYING, "vpc-1", "vpc-2", "lab-2"))["connections"]
    assert vpc["prefixes"] == [{"prefix": "10.0.0.0/16", "source": "blackhole", "via": []}]
    assert lab["prefixes"] == [
        {"prefix": "10.9.0.0/16", "source": "blackhole", "via": []},
        {"prefix": "10.9.4.0/24", "source": "bgp", "via": ["lab-1"]},
    ]


def test_what_is_not_there_is_null_and_not_invented() -> None:
    tunnel = tunnels_of(without(CARRYING, "vpc-2"))["vpc-2"]
    assert (tunnel["sa"], tunnel["since"], tunnel["ike"], tunnel["child"]) == (None, None, "down", "down")
    assert tunnel["bgp_detail"]["since"] is None
    taken = tunnels_of(SCENES["taken-down"])["lab-1"]
    assert (taken["interface"], taken["if_id"], taken["admin"]) == (None, None, "down")


def test_figures_are_the_kernels() -> None:
    tunnel = tunnels_of(CARRYING)["vpc-1"]
    assert (tunnel["rx_bytes"], tunnel["tx_bytes"]) == (3_600_000, 512)
    assert (tunnel["mtu"], tunnel["if_id"]) == (LINKS["vpc-1"].mtu, LINKS["vpc-1"].if_id)
    assert tunnel["since"] == "2026-01-01T11:51:00Z"
