"""Files of megabytes: Terraform's states are read, what is nothing of ours is dismissed, both soon."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from appliance.model.document import ImportReport
from appliance.vendors import FORMATS, read_documents
from appliance.vendors.recognition import LONGEST_LINES
from appliance.vendors.terraform import is_read
from tests.vendors.written import WRITTEN, Written

PATIENCE = 2.5
"""Seconds of processor time: half a second, and what a machine with other work adds to it."""
MEGABYTES = 8


def read_soon(text: str) -> ImportReport:
    """The report, whose making took no longer than it may."""
    content = text.encode()
    begun = time.process_time()
    report = read_documents([("document.txt", content)])
    assert time.process_time() - begun < PATIENCE
    return report


def state_around(text: str, megabytes: int) -> str:
    """The state of an account that has much more than this one's resources."""
    state = json.loads(text)
    attributes = {"arn": "arn:aws:ec2:fake", "tags": {"Name": "web"}, "volumes": [{"size": 8}], "script": "x" * 400}
    other = {"mode": "managed", "type": "aws_instance", "name": "web", "instances": [{"attributes": attributes}]}
    count = megabytes * 1_000_000 // len(json.dumps(other, indent=2))
    state["resources"] = [other] * count + state["resources"]
    return json.dumps(state, indent=2) + "\n"


def states() -> Written:
    """Terraform's raw states with a connection to AWS."""
    return WRITTEN["aws/terraform"].filter(lambda made: "resources" in json.loads(made[1]))


@settings(max_examples=2, phases=(Phase.generate,))
@given(states())
def test_a_state_of_megabytes_is_read(made: tuple[object, str]) -> None:
    connection, text = made
    report = read_soon(state_around(text, MEGABYTES))
    assert report.faults == ()
    assert report.connections == (connection,)


@settings(max_examples=5, phases=(Phase.generate,))
@given(states())
def test_lines_are_counted_past_what_is_skipped(made: tuple[object, str]) -> None:
    text = json.dumps(json.loads(made[1]), indent=2)
    far = state_around(text, 1).replace('"customer_gateway_id"', '"customer_gateway_id": 7, "customer_gateway_id"', 1)
    row = next(number for number, line in enumerate(far.split("\n"), start=1) if 'gateway_id": 7' in line)
    assert [fault.line for fault in read_soon(far).faults] == [row]


def test_every_resource_that_a_parser_asks_for_is_read() -> None:
    kinds = ["aws_vpn_connection", "aws_vpn_connection_route", "aws_customer_gateway", "aws_ec2_transit_gateway",
             "aws_vpc", "alicloud_vpn_connection", "alicloud_vpn_gateway_vpn_attachment", "google_compute_router_peer",
             "google_compute_external_vpn_gateway", "azurerm_public_ip", "azurerm_local_network_gateway",
             "oci_core_ipsec", "oci_core_ipsec_connection_tunnel_management"]  # fmt: skip
    assert all(map(is_read, kinds))
    assert not any(map(is_read, ["aws_instance", "aws_vpc_dhcp_options", "google_compute_instance"]))


STRANGE = {
    "a log": "2026-01-01 12:00:00 host kernel: eth0: link is up, 1000 Mb/s, full duplex\n",
    "all our words": "conn ipsec crypto security network vpn_connection 'psk' remote_addrs = exchange: #! &amp;\n",
    "a line": "x ",
    "JSON": '{"a": 1, "b": "cccccccccccccccccccccccccccccc"}\n',
    "YAML": "- name: x\n  size: 1\n",
    "XML": "<b>text</b>\n",
    "a table": "1,2,3,4,5,abc,def\n",
    "nothing": "\0",
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("size", [1 << 20, MEGABYTES << 20])
def test_what_is_nothing_of_ours_is_dismissed(kind: str, size: int) -> None:
    report = read_soon(STRANGE[kind] * (size // len(STRANGE[kind])))
    assert len(report.faults) == 1
    assert report.faults[0].message.startswith("no ")


def test_lines_beyond_what_a_router_has_are_refused_with_the_limit() -> None:
    text = "crypto ikev2 proposal a\n" * (LONGEST_LINES // 24 + 1)
    assert f"beyond {LONGEST_LINES >> 20} MB" in read_soon(text).faults[0].message


@pytest.mark.parametrize("name", WRITTEN)
def test_the_same_again_and_again_takes_no_longer_each_time(name: str) -> None:
    """What grows with the square of a document's length shows here."""

    @settings(max_examples=1, phases=(Phase.generate,))
    @given(st.data())
    def read_many(data: st.DataObject) -> None:
        _, text = data.draw(WRITTEN[name])
        report = read_soon(text * (300_000 // len(text)))
        assert report.connections or report.faults

    read_many()


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=20, phases=(Phase.generate,))
@given(data=st.data())
def test_the_words_of_a_format_are_in_its_documents(name: str, data: st.DataObject) -> None:
    _, text = data.draw(WRITTEN[name])
    assert any(word in text.lower() for word in FORMATS[name].words)
