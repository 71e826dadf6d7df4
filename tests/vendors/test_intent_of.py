"""A document's connection as an intent: the text and the value say the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given

from appliance.intent.read import read_intent
from appliance.model.document import ImportReport, ReadConnection, ReadTunnel
from appliance.model.fault import FaultyInput
from appliance.model.intent import SecretRef
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from appliance.vendors.intent_of import connection_of, secrets_of
from appliance.vendors.intent_text import intent_text
from tests.vendors.connections import connections
from tests.vendors.writers import generic_text, strongswan_text

DYNAMIC = connections(generic=True).filter(lambda connection: connection.mode == "bgp")


@given(DYNAMIC)
def test_a_complete_document_makes_a_valid_intent(connection: ReadConnection) -> None:
    report = read_documents([("generic.txt", generic_text(connection))])
    intent, faults, _ = read_intent(intent_text(report))
    assert faults == ()
    assert intent is not None
    assert intent.site.asn == connection.asn
    assert intent.connections == (replace(connection_of(connection, mode="bgp"), asn=None),)


@given(connections(generic=False))
def test_what_is_missing_can_be_written_into_the_text(connection: ReadConnection) -> None:
    text = intent_text(read_documents([("strongswan.txt", strongswan_text(connection))]))
    whole = text.replace("  cloud: aws\n", "  cloud: aws\n  mode: bgp\n  peer-asn: 64512\n")
    intent, faults, _ = read_intent(whole.replace("{name: site}", "{name: site, asn: 65000}"))
    assert faults == ()
    assert intent is not None
    assert intent.connections == (replace(connection_of(connection, mode="bgp"), peer_asn=64512),)


def read_connection(*tunnels: ReadTunnel) -> ReadConnection:
    """A connection of these tunnels."""
    return ReadConnection(name="vpn-0000000a", cloud="aws", id="vpn-0000000a", tunnels=tunnels)


def test_names_follow_from_the_connections() -> None:
    read = read_connection(
        ReadTunnel(remote=ip_address("198.51.100.7")),
        ReadTunnel(remote=ip_address("198.51.100.8"), psk=Secret("Fake.key.2")),
    )
    made = connection_of(read, mode="static", name="vpc")
    assert [tunnel.name for tunnel in made.tunnels] == ["vpc-1", "vpc-2"]
    assert [tunnel.psk for tunnel in made.tunnels] == [None, SecretRef("file", "secrets/vpc-2.psk")]
    assert secrets_of(read, "vpc") == {"vpc-2": Secret("Fake.key.2")}
    assert (made.name, made.id, made.preference) == ("vpc", "vpn-0000000a", "ordered")


def test_our_identity_is_what_the_cloud_knows() -> None:
    by_address = ReadTunnel(remote=ip_address("198.51.100.7"), public=ip_address("203.0.113.5"))
    by_name = replace(by_address, local_id="@gw.example.net")
    tunnels = connection_of(read_connection(by_address, by_name), mode="bgp").tunnels
    assert [tunnel.local_id for tunnel in tunnels] == ["203.0.113.5", "@gw.example.net"]


def test_inside_addresses_of_version_6_have_their_own_keys() -> None:
    tunnel = ReadTunnel(
        remote=ip_address("198.51.100.7"), inside=ip_interface("fd00::2/126"), peer_inside=ip_address("fd00::1")
    )
    (made,) = connection_of(read_connection(tunnel), mode="bgp").tunnels
    assert (made.inside, made.inside6) == (None, ip_interface("fd00::2/126"))
    text = intent_text(ImportReport(connections=(read_connection(tunnel),)))
    assert "inside6: 'fd00::2/126'" in text
    assert "peer-inside6: 'fd00::1'" in text


def test_a_gateway_without_address_makes_no_connection() -> None:
    with pytest.raises(FaultyInput, match="vpc-1"):
        connection_of(read_connection(ReadTunnel()), mode="bgp", name="vpc")


def test_two_clouds_that_know_us_by_different_asns_say_so_themselves() -> None:
    tunnel = ReadTunnel(remote=ip_address("198.51.100.7"))
    one, other = (replace(read_connection(tunnel), name=name, asn=asn) for name, asn in (("a", 65001), ("b", 65002)))
    assert intent_text(ImportReport(connections=(one, other))).count("asn: 65") == 2
    assert "site: {name: site}" in intent_text(ImportReport(connections=(one, other)))


@given(DYNAMIC)
def test_keys_are_in_the_text_only_when_asked_for(connection: ReadConnection) -> None:
    report = read_documents([("generic.txt", generic_text(connection))])
    keys = [tunnel.psk.reveal() for tunnel in connection.tunnels if tunnel.psk]
    assert not any(key in intent_text(report) + intent_text(report, written=True) for key in keys)
    shown = intent_text(report, show_secrets=True)
    assert all(f"-{index}.psk: {key}\n" in shown for index, key in enumerate(keys, start=1))
