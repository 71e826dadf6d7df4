"""Terraform's states and plans: what the provider leaves empty, and what other resources add."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from appliance.model.document import ImportReport
from tests.vendors.aws.test_description import CONNECTION
from tests.vendors.aws.writers import terraform_shown, terraform_state, terraform_values
from tests.vendors.samples import read, the_fault

COMPUTED = (
    "id", "customer_gateway_configuration", "tunnel1_address", "tunnel2_address", "tunnel1_vgw_inside_address",
    "tunnel1_cgw_inside_address", "tunnel1_bgp_asn", "tunnel1_bgp_holdtime",
)  # fmt: skip


def resource(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"mode": "managed", "type": kind, "name": "main", "instances": [{"attributes": values}]}


def state(values: dict[str, Any], *others: tuple[str, dict[str, Any]]) -> ImportReport:
    """The report over a raw state with one connection and other resources."""
    resources = [resource("aws_vpn_connection", values), *(resource(kind, more) for kind, more in others)]
    return read(json.dumps({"version": 4, "terraform_version": "1.9.8", "resources": resources}, indent=2) + "\n")


@pytest.mark.parametrize("write", [terraform_state, terraform_shown])
def test_both_notations_say_the_same(write: Any) -> None:
    assert read(write(CONNECTION)).connections == (CONNECTION,)


def test_several_connections_are_several() -> None:
    other = replace(CONNECTION, id="vpn-0fa4e000000000002", name="vpn-0fa4e000000000002")
    assert read(terraform_state(CONNECTION, other)).connections == (CONNECTION, other)


def test_without_the_xml_terraforms_own_attributes_tell_the_rest() -> None:
    values = terraform_values(CONNECTION) | {"customer_gateway_configuration": None}
    customer = {"id": CONNECTION.customer_gateway, "bgp_asn": "65000", "ip_address": "203.0.113.202"}
    (found,) = state(values, ("aws_customer_gateway", customer)).connections
    assert (found.asn, found.peer_asn, found.hold_time) == (65000, 64512, 30)
    assert [(t.remote, t.public, t.inside, t.peer_inside) for t in found.tunnels] == [
        (t.remote, t.public, t.inside, t.peer_inside) for t in CONNECTION.tunnels
    ]


def test_a_customer_gateway_with_another_asn_is_a_contradiction() -> None:
    customer = {"id": CONNECTION.customer_gateway, "bgp_asn": "65001", "ip_address": "203.0.113.202"}
    fault = the_fault(state(terraform_values(CONNECTION), ("aws_customer_gateway", customer)))
    assert (fault.found, "contradicts" in fault.message) == ("65001", True)


def test_another_connections_gateway_says_nothing() -> None:
    customer = {"id": "cgw-0fa4e0000000000ff", "bgp_asn": "65001", "ip_address": "203.0.113.1"}
    assert state(terraform_values(CONNECTION), ("aws_customer_gateway", customer)).connections == (CONNECTION,)


def test_the_vpc_behind_the_gateway_is_the_network_behind_the_cloud() -> None:
    report = state(
        terraform_values(CONNECTION),
        ("aws_vpn_gateway", {"id": CONNECTION.cloud_gateway, "amazon_side_asn": "64512", "vpc_id": "vpc-fake"}),
        ("aws_vpc", {"id": "vpc-fake", "cidr_block": "10.0.0.0/16"}),
        ("aws_vpc", {"id": "vpc-other", "cidr_block": "10.1.0.0/16"}),
    )
    assert [str(net) for net in report.connections[0].networks] == ["10.0.0.0/16"]


def test_static_routes_may_be_resources_of_their_own() -> None:
    static = replace(CONNECTION, mode="static", asn=None, peer_asn=None, hold_time=None)
    customer = {"id": CONNECTION.customer_gateway, "bgp_asn": "65000", "ip_address": "203.0.113.202"}
    route = {"vpn_connection_id": CONNECTION.id, "destination_cidr_block": "172.16.20.0/24"}
    (found,) = state(
        terraform_values(static), ("aws_customer_gateway", customer), ("aws_vpn_connection_route", route)
    ).connections
    assert [str(net) for net in found.local_networks] == ["172.16.20.0/24"]
    assert (found.mode, found.asn) == ("static", None)


def test_a_plan_knows_no_addresses_yet() -> None:
    values = {key: value for key, value in terraform_values(CONNECTION).items() if key not in COMPUTED}
    planned = {"address": "aws_vpn_connection.main", "type": "aws_vpn_connection", "values": values}
    plan = {"format_version": "1.2", "planned_values": {"root_module": {"resources": [planned]}}}
    report = read(json.dumps(plan) + "\n")
    assert any("has yet to be made" in notice.message for notice in report.warnings)
    assert report.connections[0].tunnels == ()


def test_a_state_without_a_connection_says_so() -> None:
    text = terraform_state(CONNECTION).replace('"instances": [', '"instances": [], "was": [')
    assert "no aws_vpn_connection" in the_fault(read(text)).message
