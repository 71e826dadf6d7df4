"""Google Cloud's answers: what each leaves to the others, and what none of them says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.document import ImportReport, ReadConnection
from appliance.vendors import read_documents
from tests.vendors.google import writers
from tests.vendors.google.connections import FIXED, WITH_KEYS, connections

Resources = list[dict[str, Any]]


def read(*data: Any) -> ImportReport:
    """The report over answers, a document each."""
    return read_documents([(f"answer-{turn}.json", writers.as_json(each)) for turn, each in enumerate(data)])


def changed(edit: Callable[[Resources], None]) -> ImportReport:
    """The report over the fixed connection's answers after an edit."""
    found = writers.resources(FIXED)
    edit(found)
    return read(found)


@settings(max_examples=30)
@given(connections(keys=False), st.randoms(use_true_random=False))
def test_it_does_not_matter_how_answers_are_spread_over_documents(connection: ReadConnection, random: Any) -> None:
    answers = writers.resources(connection)
    apart = read(*answers)
    tunnels, others = answers[:2], answers[2:]
    random.shuffle(others)
    assert (apart.faults, apart.connections) == ((), (connection,))
    assert read(*others, *tunnels).connections == (connection,)
    assert [document.format for document in apart.documents] == ["google/gcloud"] * len(answers)


@given(connections(keys=True))
def test_turning_the_tunnels_turns_their_order_only(connection: ReadConnection) -> None:
    turned = replace(connection, tunnels=connection.tunnels[::-1])
    (found,) = read_documents([("s.json", writers.terraform_state(turned))]).connections
    assert found == turned


def test_the_key_is_missing_with_its_flag() -> None:
    report = read(writers.resources(FIXED))
    assert report.connections == (FIXED,)
    missing = [(item.field, item.hint) for item in report.missing]
    assert missing == [
        ("connections[0].tunnels[0].psk", "--psk ha-gw-1=file:PATH"),
        ("connections[0].tunnels[1].psk", "--psk ha-gw-2=file:PATH"),
    ]
    assert "never shows a key" in report.missing[0].why
    assert report.warnings == ()


def test_a_state_has_the_keys() -> None:
    report = read_documents([("terraform.tfstate", writers.terraform_state(WITH_KEYS))])
    assert (report.connections, report.missing) == ((WITH_KEYS,), ())


def test_tunnels_alone_name_the_answer_that_has_their_address() -> None:
    report = read(writers.resources(FIXED)[:2])
    whys = {item.field.rpartition(".")[2]: item.why for item in report.missing}
    assert "vpn-gateways/ha-gw, interface 1" in whys["remote"]
    assert {"remote", "inside", "psk"} <= whys.keys()
    assert any("gcloud compute vpn-gateways describe ha-gw" in notice.message for notice in report.warnings)
    assert report.faults == ()
    assert report.connections[0].mode == "bgp"


def test_a_router_alone_has_the_inside_and_the_numbers() -> None:
    report = read(writers.router(FIXED))
    (connection,) = report.connections
    assert (connection.asn, connection.peer_asn, connection.hold_time) == (65010, 64600, 60)
    assert [tunnel.inside for tunnel in connection.tunnels] == [tunnel.inside for tunnel in FIXED.tunnels]
    assert report.faults == ()


def test_a_running_session_has_the_inside_addresses_too() -> None:
    *answers, _ = writers.resources(FIXED)
    report = read(answers, writers.status(FIXED))
    (connection,) = report.connections
    assert connection.tunnels == FIXED.tunnels
    assert (connection.mode, connection.asn) == ("bgp", None)
    assert read([*answers, writers.router(FIXED)], writers.status(FIXED)).connections == (FIXED,)


def test_answers_that_contradict_each_other_are_a_fault_with_both_places() -> None:
    other = writers.status(FIXED)
    other["result"]["bgpPeerStatus"][0]["peerIpAddress"] = "169.254.10.1"
    faults = read(writers.resources(FIXED), other).faults
    assert any(fault.message.startswith("contradicts answer-0.json, line ") for fault in faults)


def test_several_connections_stay_apart() -> None:
    answers = writers.resources(FIXED)
    answers[1]["peerExternalGateway"] = "global/externalVpnGateways/dc2"
    report = read(answers)
    assert [found.id for found in report.connections] == ["ha-gw/dc1", "ha-gw/dc2"]
    assert [found.name for found in report.connections] == ["ha-gw", "ha-gw-2"]


@pytest.mark.parametrize("name", ["vpnGateway", "vpnGatewayInterface"])
def test_a_description_that_may_be_cut_short_is_a_fault(name: str) -> None:
    def edit(answers: Resources) -> None:
        del answers[1][name]

    (fault,) = changed(edit).faults
    assert fault.message == "the tunnel names no gateway of Google Cloud"


def test_a_classic_tunnel_has_a_gateway_of_its_own() -> None:
    def edit(answers: Resources) -> None:
        for tunnel in answers[:2]:
            for name in ("vpnGateway", "vpnGatewayInterface", "peerExternalGateway", "router"):
                del tunnel[name]
            tunnel["targetVpnGateway"] = "regions/us-central1/targetVpnGateways/classic"
        del answers[2:]

    report = changed(edit)
    (connection,) = report.connections
    assert (report.faults, connection.id, connection.mode) == ((), "classic", "static")
    whys = [item.why for item in report.missing if item.field.endswith("remote")]
    assert ["vpn-tunnels/tunnel-0" in why for why in whys] == [True, False]


def test_a_tunnel_without_a_router_is_static() -> None:
    def edit(answers: Resources) -> None:
        for tunnel in answers[:2]:
            del tunnel["router"]
            tunnel |= {"localTrafficSelector": ["10.0.0.0/16"], "remoteTrafficSelector": ["172.16.0.0/24"]}
        del answers[4]

    (connection,) = changed(edit).connections
    assert connection.mode == "static"
    assert (list(map(str, connection.networks)), list(map(str, connection.local_networks))) == (
        ["10.0.0.0/16"],
        ["172.16.0.0/24"],
    )


def test_what_deserves_a_word() -> None:
    def edit(answers: Resources) -> None:
        peer = answers[4]["bgpPeers"][0]
        peer |= {"enable": "FALSE", "md5AuthenticationKeyName": "fake-key"}
        peer["bfd"]["sessionInitializationMode"] = "ACTIVE"

    report = changed(edit)
    messages = " | ".join(notice.message for notice in report.warnings)
    assert "switched off" in messages
    assert "MD5 key" in messages
    assert [item.why for item in report.ignored] == ["BFD: the appliance watches its tunnels itself"]


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("cipherSuite", "phase1", "encryption"), ["ROT13"], "not an algorithm that we know"),
        (("cipherSuite", "phase2", "pfs"), ["Group-99"], "not an algorithm that we know"),
        (("peerIp",), "203.0.113.999", "not an address"),
        (("ikeVersion",), 3, "not one of the known values"),
    ],
)
def test_a_tunnel_that_cannot_be(way: tuple[str, ...], value: Any, message: str) -> None:
    def edit(answers: Resources) -> None:
        node = answers[0]
        for step in way[:-1]:
            node = node[step]
        node[way[-1]] = value

    (fault,) = changed(edit).faults
    assert (fault.message, (fault.key or "").split(".")[-1].split("[")[0]) == (message, way[-1])


def test_a_router_that_cannot_be() -> None:
    def edit(answers: Resources) -> None:
        answers[4]["bgp"]["asn"] = 65010
        answers[4]["interfaces"][0]["ipRange"] = "169.254.10.1/29"

    messages = [fault.message for fault in changed(edit).faults]
    assert "both sides have the same ASN: with Google Cloud the session would never come up" in messages
    assert "not an inside address of Google Cloud" in messages


def test_gateways_without_tunnels_are_a_fault() -> None:
    (fault,) = read(writers.resources(FIXED)[2]).faults
    assert fault.message == "there is no tunnel in it"


def test_a_cut_document_spoils_no_other() -> None:
    text = writers.as_json(writers.router(FIXED))
    documents = [("a.json", writers.as_json(writers.resources(FIXED)[:4])), ("b.json", text[: len(text) // 2])]
    report = read_documents(documents)
    assert {fault.file for fault in report.faults} == {"b.json"}


def test_a_plan_that_has_yet_to_make_the_gateway() -> None:
    data = json.loads(writers.terraform_state(WITH_KEYS))
    for resource in data["resources"]:
        if resource["type"] == "google_compute_ha_vpn_gateway":
            del resource["instances"][0]["attributes"]["vpn_interfaces"]
    report = read(data)
    assert [item.field.rpartition(".")[2] for item in report.missing] == ["remote", "remote"]
