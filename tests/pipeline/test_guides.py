"""The five configurations of Alibaba Cloud's strongSwan guide: from its swanctl.conf or from an intent the same comes
out. ``--update`` writes the golden files anew."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest

from appliance.cli.rendering import FILES, render_all
from appliance.daemon.wiring import read_templates
from appliance.design.compose import compose
from appliance.design.wish import Wish
from appliance.intent.merge import Said, merge
from appliance.intent.read import read_intent
from appliance.intent.rules import check_intent
from appliance.model.intent import Intent, Uplink
from appliance.model.machine import Machine
from appliance.vendors import read_documents
from appliance.vendors.intent_of import connection_of

CASES = sorted(path for path in (Path(__file__).parent / "guides").iterdir() if path.is_dir())
ROUTER_ID = IPv4Address("192.0.2.1")
"""What a name alone gives is somebody's address."""
EGRESS = (
    Uplink("isp1", "eth0", public=ip_address("203.0.113.202")),
    Uplink("isp2", "eth1", public=ip_address("203.0.113.127")),
)


def from_document(case: Path, like: Intent) -> Intent:
    """What ``configure`` makes of the swanctl.conf, with what only an operator knows: name, networks, uplinks."""
    report = read_documents([("swanctl.conf", (case / "swanctl.conf").read_text())])
    assert report.faults == ()
    (read,) = report.connections
    said = Said(
        name="vco",
        lans=(ip_network("172.16.20.0/24"),),
        networks=(ip_network("192.168.0.0/16"),),
        uplinks=EGRESS[: len(like.uplinks)],
    )
    fresh = connection_of(read, mode=like.connections[0].mode, name="vco")
    merged = merge(None, fresh, tuple(tunnel.public for tunnel in read.tunnels), said, Machine(), "dc1")
    assert merged.missing == ()
    return merged.intent


def from_intent(case: Path) -> Intent:
    intent, faults, _ = read_intent((case / "intent.yaml").read_text())
    assert intent is not None, faults
    return intent


def rendered(intent: Intent) -> dict[str, str]:
    intent = replace(intent, site=replace(intent.site, router_id=ROUTER_ID))
    texts = render_all(compose(Wish(intent, read_templates())))
    return {FILES[name]: text for name, text in texts.items() if text}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_document_and_intent_come_out_the_same(case: Path, request: pytest.FixtureRequest) -> None:
    intent = from_intent(case)
    ours, theirs = rendered(intent), rendered(from_document(case, intent))
    if request.config.getoption("--update", default=False):
        for name, text in ours.items():
            (case / f"rendered.{name}").write_text(text)
    assert theirs == ours
    assert {path.name.removeprefix("rendered."): path.read_text() for path in case.glob("rendered.*")} == ours


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_weak_algorithms_work_and_are_named(case: Path) -> None:
    faults, notices = check_intent(from_intent(case))
    assert faults == ()
    assert any("aes256-sha256-modp2048" in notice.message for notice in notices)


def test_a_single_tunnel_is_warned_about() -> None:
    case = next(case for case in CASES if case.name == "single-tunnel")
    assert any("nothing takes over" in notice.message for notice in check_intent(from_intent(case))[1])


def test_there_are_five() -> None:
    assert len(CASES) == 5
