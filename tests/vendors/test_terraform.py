"""Resources are found in all of Terraform's notations, and refer to each other."""

from __future__ import annotations

import json
import re
from typing import Any

from appliance.vendors.terraform import MARKS, Resource, referred, resources
from appliance.vendors.text import parse_document
from appliance.vendors.tree import Node, read_tree

GATEWAY = {"id": "cgw-0fa4e000000000001", "bgp_asn": "65000"}
FIRST = {"id": "vpn-0fa4e000000000001", "customer_gateway_id": "cgw-0fa4e000000000001"}
SECOND = {"id": "vpn-0fa4e000000000002", "customer_gateway_id": None}


def tree(data: Any) -> Node:
    """The data as a document's tree."""
    found = read_tree(parse_document("terraform.json", json.dumps(data, indent=2) + "\n"))
    assert isinstance(found, Node)
    return found


def raw(kind: str, *values: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A resource of a raw state."""
    return {"mode": "managed", "type": kind, "name": "main", "instances": [{"attributes": v} for v in values], **more}


def shown(kind: str, address: str, values: dict[str, Any]) -> dict[str, Any]:
    """A resource as ``terraform show -json`` has it."""
    return {"address": address, "mode": "managed", "type": kind, "name": "main", "values": values}


RAW = {
    "version": 4,
    "terraform_version": "1.9.8",
    "resources": [raw("aws_customer_gateway", GATEWAY), raw("aws_vpn_connection", FIRST, module="module.site")],
}
SHOWN = {
    "format_version": "1.0",
    "values": {
        "root_module": {
            "resources": [shown("aws_customer_gateway", "aws_customer_gateway.main", GATEWAY)],
            "child_modules": [
                {"child_modules": [{"resources": [shown("aws_vpn_connection", "module.a.module.b.x", FIRST)]}]},
                {"resources": [shown("aws_vpn_connection", "module.c.x", SECOND)]},
            ],
        }
    },
}


def ids(found: list[Resource]) -> list[str | None]:
    return [resource.id for resource in found]


def test_raw_states_have_instances() -> None:
    (found,) = resources(tree(RAW), "aws_vpn_connection")
    assert (found.type, found.address, found.id) == (
        "aws_vpn_connection",
        "module.site.aws_vpn_connection.main",
        FIRST["id"],
    )


def test_counted_instances_are_told_apart_by_their_index() -> None:
    instances = [{"index_key": 0, "attributes": FIRST}, {"index_key": "b", "attributes": SECOND}]
    found = resources(tree({"resources": [raw("aws_vpn_connection", instances=instances)]}), "aws_vpn_connection")
    assert [each.address for each in found] == ["aws_vpn_connection.main[0]", 'aws_vpn_connection.main["b"]']


def test_shown_states_have_modules_within_modules() -> None:
    found = resources(tree(SHOWN), "aws_vpn_connection")
    assert ids(found) == [FIRST["id"], SECOND["id"]]
    assert found[0].address == "module.a.module.b.x"


def test_plans_have_planned_values() -> None:
    plan = {"format_version": "1.2", "planned_values": SHOWN["values"], "prior_state": SHOWN}
    assert ids(resources(tree(plan), "aws_vpn_connection")) == [FIRST["id"], SECOND["id"]]


def test_what_is_being_replaced_is_not_there() -> None:
    instances = [{"attributes": FIRST}, {"deposed": "0badc0de", "attributes": SECOND}]
    assert ids(resources(tree({"resources": [raw("vpn_x", instances=instances)]}), "vpn_x")) == [FIRST["id"]]


def test_a_data_source_that_looks_up_a_resource_is_not_a_second_one() -> None:
    state = {"resources": [raw("aws_customer_gateway", GATEWAY), raw("aws_customer_gateway", GATEWAY, mode="data")]}
    (found,) = resources(tree(state), "aws_customer_gateway")
    assert found.address == "aws_customer_gateway.main"


def test_values_know_their_lines() -> None:
    root = tree(RAW)
    (found,) = resources(root, "aws_vpn_connection")
    node = found.values.find("id")
    assert node is not None
    line = json.dumps(RAW, indent=2).split("\n")[node.line - 1]
    assert FIRST["id"] in line


def test_resources_refer_to_each_other() -> None:
    root = tree(RAW)
    gateways = resources(root, "aws_customer_gateway")
    (connection,) = resources(root, "aws_vpn_connection")
    assert referred(gateways, connection.values.find("customer_gateway_id")) is gateways[0]
    assert referred(gateways, connection.values.find("nothing")) is None
    assert referred(gateways, connection.values.find("id")) is None


def test_its_marks_are_in_all_of_its_notations() -> None:
    for data in (RAW, SHOWN):
        assert all(re.search(mark, json.dumps(data)) for mark in MARKS)
        assert all(re.search(mark, json.dumps(data, separators=(",", ":"))) for mark in MARKS)


def test_odd_shapes_have_no_resources() -> None:
    odd: list[Any] = [{"resources": "none"}, {"resources": [{"instances": {"attributes": 3}}]}, {"values": []}, []]
    for data in odd:
        assert resources(tree(data), "vpn_x") == []
