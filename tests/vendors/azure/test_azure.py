"""Azure's answers: connections with their gateways, in all the shapes that its tools give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.model.document import ImportReport, ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.azure import writers
from tests.vendors.azure.connections import PATH, connections

FIXED = ReadConnection(
    name="to-dc1",
    cloud="azure",
    id=f"{PATH}/connections/to-dc1",
    cloud_gateway="vnet-gw",
    customer_gateway="dc1",
    mode="bgp",
    asn=65010,
    peer_asn=65515,
    local_networks=(IPv4Network("172.16.0.0/24"),),
    tunnels=tuple(
        ReadTunnel(
            remote=IPv4Address(f"198.51.100.{number}"),
            public=IPv4Address("203.0.113.202"),
            inside=IPv4Interface("10.250.0.1/32"),
            peer_inside=IPv4Address(f"10.0.255.{3 + number}"),
            ike=ReadIke(2, ("aes256-sha384-ecp384",)),
            esp=ReadEsp(("aes256gcm16-ecp384",), 27000),
            dpd=ReadDpd(None, None, 45),
        )
        for number in (1, 2)
    ),
)
Answers = list[dict[str, Any]]


def read(*data: Any) -> ImportReport:
    """The report over answers, a document each."""
    return read_documents([(f"answer-{turn}.json", writers.as_json(each)) for turn, each in enumerate(data)])


def changed(edit: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None]) -> ImportReport:
    """The report over the fixed connection's answers (connection, gateway, local gateway) after an edit."""
    main, gateway, local = writers.resources(FIXED)
    edit(main, gateway, local)
    return read(main, gateway, local)


@settings(max_examples=30)
@given(connections())
def test_it_does_not_matter_how_answers_are_shown_and_spread(connection: ReadConnection) -> None:
    main, gateway, local = writers.resources(connection)
    apart = read(local, main, gateway)
    assert (apart.faults, apart.connections) == ((), (connection,))
    nested = {**main, "virtualNetworkGateway1": gateway, "localNetworkGateway2": local}
    assert read(nested).connections == (connection,)


def test_the_key_is_shown_apart() -> None:
    report = read(*writers.resources(FIXED))
    assert report.connections == (FIXED,)
    assert [(item.field, item.hint) for item in report.missing] == [
        ("connections[0].tunnels[0].psk", "--psk to-dc1-1=file:PATH"),
        ("connections[0].tunnels[1].psk", "--psk to-dc1-2=file:PATH"),
    ]
    assert "az network vpn-connection shared-key show" in report.missing[0].why


def test_a_connection_alone_names_the_gateway_that_has_its_address() -> None:
    report = read(writers.connection_of(FIXED))
    whys = {item.field.rpartition(".")[2]: item.why for item in report.missing}
    assert "virtualNetworkGateways/vnet-gw" in whys["remote"]
    assert {"remote", "public", "psk", "inside", "asn", "peer_asn"} <= whys.keys()
    assert any("az network vnet-gateway show -n vnet-gw" in notice.message for notice in report.warnings)
    assert report.faults == ()


def test_an_old_gateway_has_its_address_in_a_resource_of_its_own() -> None:
    main, gateway, local = writers.resources(FIXED)
    public = f"{PATH}/publicIPAddresses/ip"
    gateway["bgpSettings"] = {"asn": 65515, "bgpPeeringAddress": "10.0.255.4"}
    gateway["ipConfigurations"] = [{"id": f"{gateway['id']}/ipConfigurations/x", "publicIPAddress": {"id": public}}]
    address = {"id": public, "ipAddress": "198.51.100.1", "publicIPAllocationMethod": "Dynamic"}
    (connection,) = read(main, gateway, local, address).connections
    assert connection == replace(FIXED, tunnels=FIXED.tunnels[:1])


def test_addresses_of_169_254_share_a_network() -> None:
    apipa = replace(FIXED.tunnels[0], inside=IPv4Interface("169.254.21.2/30"), peer_inside=IPv4Address("169.254.21.1"))
    wanted = replace(FIXED, tunnels=(apipa,))
    assert read(*writers.resources(wanted)).connections == (wanted,)

    def elsewhere(_main: Any, _gateway: Any, local: Any) -> None:
        local["bgpSettings"]["bgpPeeringAddress"] = "169.254.22.2"

    report = changed(elsewhere)
    assert {tunnel.inside for tunnel in report.connections[0].tunnels} == {None}


def test_an_instance_uses_the_address_that_the_connection_names() -> None:
    def edit(main: Any, gateway: Any, local: Any) -> None:
        for turn, item in enumerate(gateway["bgpSettings"]["bgpPeeringAddresses"]):
            item["customBgpIpAddresses"] = [f"169.254.21.{4 * turn + 1}"]
        main["gatewayCustomBgpIpAddresses"] = [
            {"ipConfigurationId": f"{writers.GATEWAY}/ipConfigurations/config1", "customBgpIpAddress": "169.254.21.5"},
            {"ipConfigurationId": f"{writers.GATEWAY}/ipConfigurations/config0", "customBgpIpAddress": "169.254.21.1"},
        ]
        local["bgpSettings"]["bgpPeeringAddress"] = "169.254.21.6"

    tunnels = changed(edit).connections[0].tunnels
    assert [str(tunnel.peer_inside) for tunnel in tunnels] == ["169.254.21.1", "169.254.21.5"]
    assert [str(tunnel.inside) for tunnel in tunnels] == ["None", "169.254.21.6/30"]


def test_addresses_of_the_gateways_subnet_are_remarked_on() -> None:
    warnings = [notice.message for notice in read(*writers.resources(FIXED)).warnings]
    assert ["custom APIPA address" in message for message in warnings] == [True]


SCRIPT = """# Microsoft Corporation
# Configuration script for a Juniper SRX device and a Microsoft Azure virtual network gateway
set security ike proposal fake-ike authentication-method pre-shared-keys
set security ike proposal fake-ike authentication-algorithm sha-256
set security ike proposal fake-ike encryption-algorithm aes-256-cbc
set security ike proposal fake-ike dh-group group2
set security ike policy fake-policy mode main
set security ike policy fake-policy proposals fake-ike
set security ike policy fake-policy pre-shared-key ascii-text "Fake.key_1"
set security ike gateway fake-gateway ike-policy fake-policy
set security ike gateway fake-gateway address 198.51.100.1
set security ike gateway fake-gateway external-interface ge-0/0/0.0
set security ike gateway fake-gateway version v2-only
set security ipsec vpn fake-vpn bind-interface st0.0
set security ipsec vpn fake-vpn ike gateway fake-gateway
set interfaces st0 unit 0 family inet address 169.254.21.2/30
"""


def test_the_script_for_a_device_has_addresses_at_least() -> None:
    (connection,) = read_documents([("script.txt", SCRIPT)]).connections
    (tunnel,) = connection.tunnels
    assert (connection.cloud, str(tunnel.remote), str(tunnel.inside)) == ("azure", "198.51.100.1", "169.254.21.2/30")
    assert tunnel.psk == Secret("Fake.key_1")


def test_a_static_connection_has_no_inside() -> None:
    def edit(main: Any, _gateway: Any, _local: Any) -> None:
        main["enableBgp"] = False

    (connection,) = changed(edit).connections
    assert (connection.mode, {tunnel.inside for tunnel in connection.tunnels}) == ("static", {None})


def test_a_local_gateway_that_may_be_cut_short_is_a_fault() -> None:
    def edit(_main: Any, _gateway: Any, local: Any) -> None:
        del local["name"]

    (fault,) = changed(edit).faults
    assert fault.message == "the local network gateway has no name"


def test_our_name_is_an_identity() -> None:
    def edit(_main: Any, _gateway: Any, local: Any) -> None:
        del local["gatewayIpAddress"]
        local["fqdn"] = "dc1.example.com"

    (connection,) = changed(edit).connections
    assert (connection.tunnels[0].public, connection.tunnels[0].local_id) == (None, "dc1.example.com")


@pytest.mark.parametrize(
    ("pfs", "esp"),
    [
        ("None", "aes256gcm16"),
        ("PFSMM", "aes256gcm16-ecp384"),
        ("PFS2048", "aes256gcm16-modp2048"),
        ("PFS14", "aes256gcm16-modp2048"),
        ("ECP256", "aes256gcm16-ecp256"),
    ],
)
def test_forward_secrecy_in_azures_words(pfs: str, esp: str) -> None:
    def edit(main: Any, _gateway: Any, _local: Any) -> None:
        main["ipsecPolicies"][0]["pfsGroup"] = pfs

    report = changed(edit)
    assert (report.faults, report.connections[0].tunnels[0].esp.proposals) == ((), (esp,))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dhGroup", "DHGroup99", "not an algorithm that we know"),
        ("ipsecEncryption", "ROT13", "not an algorithm that we know"),
        ("dhGroup", "DHGroup5", "Azure does not accept modp1536"),
        ("saLifeTimeSeconds", 1, "outside what is possible"),
    ],
)
def test_a_policy_that_cannot_be(key: str, value: Any, message: str) -> None:
    def edit(main: Any, _gateway: Any, _local: Any) -> None:
        main["ipsecPolicies"][0][key] = value

    assert {fault.message for fault in changed(edit).faults} == {message}


def test_an_asn_of_azures_own_cannot_be_ours() -> None:
    def edit(_main: Any, _gateway: Any, local: Any) -> None:
        local["bgpSettings"]["asn"] = 65515

    assert "a reserved ASN" in [fault.message for fault in changed(edit).faults]


def test_what_deserves_a_word() -> None:
    def edit(main: Any, _gateway: Any, _local: Any) -> None:
        main |= {"usePolicyBasedTrafficSelectors": True, "connectionMode": "InitiatorOnly"}

    messages = " | ".join(notice.message for notice in changed(edit).warnings)
    assert "policy-based traffic selectors" in messages
    assert "never answers" in messages


def test_connections_of_another_kind_are_left_out() -> None:
    main, gateway, local = writers.resources(FIXED)
    other = {**main, "connectionType": "ExpressRoute", "id": f"{PATH}/connections/er", "name": "er"}
    report = read([main, other], gateway, local)
    assert report.connections == (FIXED,)
    assert any(item.why == "a connection that is not IPsec" for item in report.ignored)
    (fault,) = read(other, gateway).faults
    assert fault.message == "there is no IPsec connection in it"


def test_a_state_has_the_key() -> None:
    tunnels = tuple(replace(tunnel, psk=Secret("Fake.key_1")) for tunnel in FIXED.tunnels)
    wanted = replace(FIXED, tunnels=tunnels)
    report = read_documents([("terraform.tfstate", writers.terraform_state(wanted))])
    assert report.connections == (wanted,)
    assert report.missing == ()
