"""Oracle Cloud's answers: a connection, its tunnels, and keys that are shown apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.document import ImportReport, ReadConnection
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.oracle import writers
from tests.vendors.oracle.connections import FIXED, WITH_KEYS, connections

Tunnels = list[dict[str, Any]]


def read(*data: Any) -> ImportReport:
    """The report over answers, a document each."""
    return read_documents([(f"answer-{turn}.json", writers.as_json(each)) for turn, each in enumerate(data)])


def changed(edit: Callable[[dict[str, Any], Tunnels], None]) -> ImportReport:
    """The report over the fixed connection's answers (with the API's names) after an edit."""
    connection, tunnels = writers.connection_of(FIXED), writers.tunnels_of(FIXED)
    edit(connection, tunnels)
    return read(writers.cli(connection), writers.cli(tunnels))


@settings(max_examples=30)
@given(connections(keys=False))
def test_it_does_not_matter_how_answers_are_spread(connection: ReadConnection) -> None:
    tunnels = writers.tunnels_of(connection)
    apart = read(*map(writers.cli, [tunnels[0], writers.connection_of(connection), tunnels[1]]))
    assert (apart.faults, apart.connections) == ((), (connection,))
    twice = read(writers.cli(writers.connection_of(connection)), *map(writers.cli, [tunnels, tunnels[1], tunnels[0]]))
    assert (twice.faults, twice.connections) == ((), (connection,))


@given(connections(keys=True))
def test_turning_the_tunnels_turns_their_order_only(connection: ReadConnection) -> None:
    turned = replace(connection, tunnels=connection.tunnels[::-1])
    assert read_documents([("s.json", writers.terraform_state(turned))]).connections == (turned,)


def test_keys_are_missing_unless_their_answer_is_there() -> None:
    answers = [writers.cli(writers.connection_of(FIXED)), writers.cli(writers.tunnels_of(FIXED))]
    report = read(*answers)
    assert report.connections == (FIXED,)
    assert [(item.field, item.hint) for item in report.missing] == [
        ("connections[0].tunnels[0].psk", "--psk to-dc1-1=file:PATH"),
        ("connections[0].tunnels[1].psk", "--psk to-dc1-2=file:PATH"),
    ]
    assert "oci network ip-sec-psk get" in report.missing[0].why
    keys = [{"ipAddress": f"198.51.100.{number}", "sharedSecret": f"Fake key {number - 1}"} for number in (1, 2)]
    config = writers.cli({"id": FIXED.id, "tunnels": keys})
    assert read(*answers, config).connections == (WITH_KEYS,)


def test_tunnels_alone_are_a_connection_without_a_name() -> None:
    report = read(writers.cli(writers.tunnels_of(FIXED)))
    wanted = replace(FIXED, id=None, name="oci", cloud_gateway=None, customer_gateway=None)
    assert (report.faults, report.connections) == ((), (wanted,))
    assert report.missing[0].field == "connections[0].id"


def test_a_connection_alone_is_a_fault_that_says_what_to_give() -> None:
    (fault,) = read(writers.cli(writers.connection_of(FIXED))).faults
    assert (fault.message, "ip-sec-tunnel list" in str(fault.fix)) == ("there is no tunnel in it", True)


def test_several_connections_are_told_apart_by_their_documents() -> None:
    other = json.loads(writers.as_json(writers.tunnels_of(FIXED)).replace("198.51.100.", "192.0.2."))
    more = {**writers.connection_of(FIXED), "id": "ocid1.ipsecconnection.oc1.phx.fake2", "displayName": "to-dc2"}
    one = {"connection": writers.connection_of(FIXED), "tunnels": writers.tunnels_of(FIXED)}
    report = read(one, {"connection": more, "tunnels": other})
    assert [found.name for found in report.connections] == ["to-dc1", "to-dc2"]
    assert report.connections[0] == FIXED


def test_what_is_terminated_is_left_out() -> None:
    def edit(_connection: Any, tunnels: Tunnels) -> None:
        gone = json.loads(json.dumps(tunnels[0]).replace("198.51.100.1", "192.0.2.1"))
        tunnels.append({**gone, "lifecycleState": "TERMINATED"})

    report = changed(edit)
    assert report.connections == (FIXED,)
    assert any(item.why == "it is terminated" for item in report.ignored)


def test_a_static_connection_has_our_networks() -> None:
    def edit(connection: Any, tunnels: Tunnels) -> None:
        connection["staticRoutes"] = ["172.16.0.0/24"]
        for tunnel in tunnels:
            tunnel["routing"] = "STATIC"

    (connection,) = changed(edit).connections
    assert (connection.mode, connection.local_networks) == ("static", (IPv4Network("172.16.0.0/24"),))
    assert (connection.asn, connection.tunnels[0].inside) == (None, ip_interface("10.0.0.3/31"))


def test_a_policy_based_tunnel_has_its_selectors() -> None:
    def edit(_connection: Any, tunnels: Tunnels) -> None:
        for tunnel in tunnels:
            tunnel["routing"] = "POLICY"
            domain = {"cpeTrafficSelector": ["172.16.1.0/24"], "oracleTrafficSelector": ["10.1.0.0/16"]}
            tunnel["encryptionDomainConfig"] = domain

    report = changed(edit)
    (connection,) = report.connections
    assert connection.networks == (IPv4Network("10.1.0.0/16"),)
    assert any("policy-based routing" in notice.message for notice in report.warnings)


def test_ipv6_inside() -> None:
    def edit(_connection: Any, tunnels: Tunnels) -> None:
        for turn, tunnel in enumerate(tunnels):
            tunnel["bgpSessionInfo"] |= {
                "customerInterfaceIp": None,
                "oracleInterfaceIp": None,
                "customerInterfaceIpv6": f"2001:db8:{turn}::2/64",
                "oracleInterfaceIpv6": f"2001:db8:{turn}::1/64",
            }

    report = changed(edit)
    assert report.faults == ()
    (first, _) = report.connections[0].tunnels
    assert (first.inside, first.peer_inside) == (ip_interface("2001:db8:0::2/64"), ip_address("2001:db8::1"))


def test_our_name_behind_nat_is_an_identity() -> None:
    def edit(connection: Any, _tunnels: Tunnels) -> None:
        connection["cpeLocalIdentifier"] = "dc1.example.com"

    assert {tunnel.local_id for tunnel in changed(edit).connections[0].tunnels} == {"dc1.example.com"}


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("phaseOneDetails", "customDhGroup"), "GROUP99", "not an algorithm that we know"),
        (("phaseTwoDetails", "customEncryptionAlgorithm"), "ROT13", "not an algorithm that we know"),
        (("phaseOneDetails", "customDhGroup"), "GROUP21", "Oracle Cloud does not accept ecp521"),
        (("bgpSessionInfo", "customerInterfaceIp"), "10.0.0.3/29", "not an inside address of Oracle Cloud"),
        (("bgpSessionInfo", "customerInterfaceIp"), "10.0.0.2/31", "both ends have the same inside address"),
        (("bgpSessionInfo", "customerInterfaceIp"), "10.0.0.3", "not an address with its length"),
        (("vpnIp",), "198.51.100.300", "not an address"),
        (("vpnIp",), "198.51.100.2", "contradicts line"),
    ],
)
def test_a_tunnel_that_cannot_be(way: tuple[str, ...], value: str, message: str) -> None:
    def edit(_connection: Any, tunnels: Tunnels) -> None:
        node = tunnels[0]
        for step in way[:-1]:
            node = node[step]
        node[way[-1]] = value

    assert any(message in fault.message for fault in changed(edit).faults)


def test_a_state_with_a_tunnel_managed_and_looked_up() -> None:
    data = json.loads(writers.terraform_state(WITH_KEYS))
    managed = data["resources"][1]["instances"][0]["attributes"]
    looked_up = data["resources"][2]["instances"][0]["attributes"]["ip_sec_connection_tunnels"]
    looked_up.insert(0, {key: value for key, value in managed.items() if key not in ("shared_secret", "ipsec_id")})
    (connection,) = read(data).connections
    assert connection == WITH_KEYS
    assert connection.tunnels[1].psk == Secret("Fake key 1")
