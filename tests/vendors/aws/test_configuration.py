"""The CustomerGatewayConfiguration alone: addresses, keys and ASNs, and algorithms that are a template's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from appliance.model.document import ImportReport
from tests.vendors.aws.described import with_ipv6
from tests.vendors.aws.test_description import CONNECTION
from tests.vendors.aws.writers import configuration_xml
from tests.vendors.samples import read, the_fault

SAID = replace(CONNECTION, tunnels=tuple(replace(t, ike=replace(t.ike, version=None)) for t in CONNECTION.tunnels))
TEXT = configuration_xml(SAID)


def edited(old: str, new: str, count: int = 1) -> ImportReport:
    """The report after an edit that must find its place."""
    assert old in TEXT
    return read(TEXT.replace(old, new, count))


def test_it_says_what_it_says_and_not_the_ike_version() -> None:
    report = read(TEXT)
    assert report.connections == (SAID,)
    assert [item.field for item in report.missing] == [f"connections[0].tunnels[{n}].ike.version" for n in (0, 1)]
    assert "template" in report.warnings[0].message


def test_a_transit_gateway_has_no_identifier_here() -> None:
    (found,) = edited(f"<vpn_gateway_id>{SAID.cloud_gateway}</vpn_gateway_id>", "<vpn_gateway_id/>").connections
    assert found == replace(SAID, cloud_gateway=None)


def test_ipv6_inside_has_elements_of_its_own() -> None:
    six = replace(SAID, tunnels=tuple(with_ipv6(tunnel, number) for number, tunnel in enumerate(SAID.tunnels)))
    assert "tunnel_inside_ipv6_address" in configuration_xml(six)
    assert read(configuration_xml(six)).connections == (six,)


def test_ipv6_outside_is_an_address_like_any_other() -> None:
    (found,) = edited("198.51.100.7<", "2001:db8::7<").connections
    assert str(found.tunnels[0].remote) == "2001:db8::7"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("<mode>main</mode>", "<mode>aggressive</mode>", "not what we read"),
        ("group2", "group99", "not an algorithm"),
        ("169.254.23.6", "169.254.23.7", "not our host"),
        ("<lifetime>28800<", "<lifetime>28801<", "outside what is possible"),
        ("203.0.113.202", "203.0.113.999", "not an address"),
        ("Fake.key.of.tunnel_1", "short", "not a pre-shared key"),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_line(old: str, new: str, what: str) -> None:
    fault = the_fault(edited(old, new))
    assert what in fault.message
    assert fault.line == TEXT[: TEXT.index(old)].count("\n") + 1


def test_masked_keys_are_missing() -> None:
    report = edited("Fake.key.of.tunnel_1", "********")
    assert any("placeholder" in item.why and item.field.endswith("psk") for item in report.missing)


def test_an_element_that_is_new_to_us_is_named() -> None:
    report = edited("<mode>main</mode>", "<mode>main</mode><post_quantum>on</post_quantum>")
    assert any("post_quantum" in notice.message for notice in report.warnings)


def test_entities_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>\n<vpn_connection'
    assert "document type" in the_fault(edited("<vpn_connection", bomb)).message


@pytest.mark.parametrize("escaped", [True, False])
def test_terraforms_outputs_hold_it_as_a_text(escaped: bool) -> None:
    """``terraform output -json``, which writes ``<`` as ``\\u003c``."""
    output = {"config": {"sensitive": True, "type": "string", "value": TEXT}}
    text = json.dumps(output | {"name": {"sensitive": False, "type": "string", "value": "dc1"}}, indent=2) + "\n"
    report = read(text.replace("<", "\\u003c").replace(">", "\\u003e") if escaped else text)
    assert report.faults == ()
    assert report.connections == (SAID,)
    assert report.documents[0].format == "aws/xml"
