"""Alibaba Cloud's descriptions and downloads: what either side says about a connection is the same."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.document import ImportReport, ReadConnection, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.alibaba import writers
from tests.vendors.alibaba.connections import connections, downloaded


def tunnel(number: int, key: str) -> ReadTunnel:
    """A tunnel; the cloud has the first host of its /30."""
    remote = f"198.51.100.{number}"
    return ReadTunnel(
        remote=ip_address(remote),
        public=ip_address("203.0.113.202"),
        local_id="203.0.113.202",
        remote_id=remote,
        role="master" if number == 1 else "slave",
        nat_t=True,
        inside=ip_interface(f"169.254.{number}0.2/30"),
        peer_inside=ip_address(f"169.254.{number}0.1"),
        psk=Secret(key),
        ike=ReadIke(2, ("aes256-sha256-modp2048",), 86400),
        esp=ReadEsp(("aes256-sha256-modp2048",), 86400),
    )


DUAL = ReadConnection(
    name="vco-bp1fake00000000000001",
    cloud="alibaba",
    id="vco-bp1fake00000000000001",
    cloud_gateway="vpn-bp1fake00000000000001",
    customer_gateway="cgw-bp1fake00000000000001",
    mode="bgp",
    asn=65530,
    peer_asn=45104,
    tunnels=(tunnel(1, "0xFAKE'key#{1}"), tunnel(2, 'Fake."key"\\2;')),
)
SINGLE = replace(DUAL, tunnels=(replace(DUAL.tunnels[0], role=None),))


def read(data: Any) -> ImportReport:
    """The report over one answer of the API."""
    return read_documents([("answer.json", data if isinstance(data, str) else writers.as_json(data))])


def changed(connection: ReadConnection, **values: Any) -> dict[str, Any]:
    """Its description with other values at the top."""
    return writers.described(connection) | values


@given(connections(), st.data())
def test_the_cloud_and_the_customer_say_the_same(connection: ReadConnection, data: st.DataObject) -> None:
    by_cloud = read(data.draw(st.sampled_from([writers.described_json, writers.described_xml]))(connection))
    by_customer = read(data.draw(st.sampled_from([writers.download_json, writers.download_xml]))(connection))
    assert (by_cloud.faults, by_customer.faults) == ((), ())
    assert by_cloud.connections == (connection,)
    assert by_customer.connections == (downloaded(connection),)


@settings(max_examples=30)
@given(connections(), st.booleans())
def test_both_together_are_one_connection(connection: ReadConnection, turned: bool) -> None:
    documents = [("a", writers.described_json(connection)), ("b", writers.download_xml(connection))]
    report = read_documents(documents[::-1] if turned else documents)
    assert (report.faults, report.connections) == ((), (connection,))


@given(connections(tunnels=2))
def test_turning_the_tunnels_turns_their_order_only(connection: ReadConnection) -> None:
    turned = replace(connection, tunnels=connection.tunnels[::-1])
    assert read(writers.described(turned)).connections == (turned,)


@pytest.mark.parametrize(
    ("key", "kept"),
    [("0xFAKE'key#{1}", True), ('Fake."key"\\2;', True), ("0sRmFrZQ==", True), ("Fake key 1", False), ("", None)],
)
def test_keys_of_any_sign_are_taken_as_they_are(key: str, kept: bool | None) -> None:
    data = writers.described(SINGLE)
    data["IkeConfig"]["Psk"] = key
    report = read(data)
    found = report.connections[0].tunnels[0].psk
    assert found == (Secret(key) if kept else None)
    assert [fault.key for fault in report.faults] == (["IkeConfig.Psk"] if kept is False else [])
    assert ["psk" in item.field for item in report.missing] == ([True] if kept is None else [])
    assert key == "" or key not in str(report.faults)


def test_a_key_that_a_publisher_masked_is_missing_and_not_shown() -> None:
    data = writers.described(SINGLE)
    data["IkeConfig"]["Psk"] = "pgwFAKE7d1i8i****"
    report = read(data)
    (missing,) = report.missing
    assert (report.faults, missing.field) == ((), "connections[0].tunnels[0].psk")
    assert "pgwFAKE" not in str(report.missing)


@pytest.mark.parametrize(("text", "asn"), [("1.1092", 66628), ("66628", 66628), ("65530", 65530), ("0.65530", 65530)])
def test_as_numbers_may_have_a_dot(text: str, asn: int) -> None:
    data = writers.described(SINGLE)
    data["VpnBgpConfig"]["PeerAsn"] = text
    assert read(data).connections[0].asn == asn


@pytest.mark.parametrize("text", ["1.65536", "65536.1", "1.2.3", "4294967296", "-1"])
def test_what_is_no_as_number_is_a_fault(text: str) -> None:
    data = writers.described(SINGLE)
    data["VpnBgpConfig"]["PeerAsn"] = text
    (fault,) = read(data).faults
    assert (fault.key, fault.found) == ("VpnBgpConfig.PeerAsn", text)


def test_without_45104_the_download_does_not_tell_who_speaks() -> None:
    report = read(writers.download_json(replace(DUAL, peer_asn=64600)))
    (connection,) = report.connections
    assert (connection.mode, connection.asn, connection.peer_asn) == ("bgp", None, None)
    assert {found.inside for found in connection.tunnels} == {None}
    assert "whose LocalAsn" in report.warnings[0].message
    both = read_documents(
        [
            ("described.json", writers.described_json(replace(DUAL, peer_asn=64600))),
            ("downloaded.json", writers.download_json(replace(DUAL, peer_asn=64600))),
        ]
    )
    assert both.connections == (replace(DUAL, peer_asn=64600),)
    assert (both.faults, both.missing) == ((), ())


def test_an_old_answer_names_the_gateway_by_its_identity_only() -> None:
    data = writers.described(SINGLE)
    del data["InternetIp"]
    assert read(data).connections == (SINGLE,)


def test_an_identity_that_is_a_name_leaves_our_address_open() -> None:
    data = writers.described(SINGLE)
    data["IkeConfig"]["RemoteId"] = "dc1.example.com"
    report = read(data)
    (found,) = report.connections[0].tunnels
    assert (found.local_id, found.public) == ("dc1.example.com", None)
    assert [item.field for item in report.missing] == ["connections[0].tunnels[0].public"]


def test_a_published_answer_has_letters_for_digits() -> None:
    text = writers.as_json(changed(SINGLE)).replace("203.0.113.202", "139.xx.xx.167").replace("198.51.100", "116.XX.XX")
    report = read(text)
    whys = {item.field.rpartition(".")[2]: item.why for item in report.missing}
    assert "139.xx.xx.167" in whys["public"]
    assert "116.XX.XX.1" in whys["remote"]
    assert report.faults == ()


def test_where_only_the_clouds_inside_address_is_named_ours_is_the_other() -> None:
    data = writers.described(SINGLE)
    del data["VpnBgpConfig"]["PeerBgpIp"]
    assert read(data).connections == (SINGLE,)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("PeerBgpIp", "169.254.11.2", "not an address of the tunnel's network"),
        ("LocalBgpIp", "169.254.10.5", "not an address of the tunnel's network"),
        ("TunnelCidr", "169.254.10.0/29", "not an inside address of Alibaba Cloud"),
        ("TunnelCidr", "169.254.10", "not an address with its length"),
        ("PeerAsn", "45104", "a reserved ASN"),
    ],
)
def test_bgp_that_cannot_be(key: str, value: str, message: str) -> None:
    data = writers.described(SINGLE)
    data["VpnBgpConfig"][key] = value
    assert message in [fault.message for fault in read(data).faults]


def test_a_network_that_the_cloud_reserves() -> None:
    data = writers.described(SINGLE)
    data["VpnBgpConfig"] |= {"TunnelCidr": "169.254.6.0/30", "LocalBgpIp": "169.254.6.1", "PeerBgpIp": "169.254.6.2"}
    (fault,) = read(data).faults
    assert fault.message == "a network that Alibaba Cloud reserves"


def test_what_the_gateway_cannot_do() -> None:
    data = writers.described(SINGLE)
    data["IkeConfig"] |= {"IkeEncAlg": "sm4"}
    data["IpsecConfig"] |= {"IpsecPfs": "group20"}
    messages = [fault.message for fault in read(data).faults]
    assert messages == ["not an algorithm that we know", "Alibaba Cloud does not accept ecp384"]


def test_what_deserves_a_word() -> None:
    data = changed(SINGLE, EnableDpd=False, VcoHealthCheck={"Enable": "true", "Dip": "10.0.0.1"})
    data["IkeConfig"] |= {"IkeVersion": "ikev1", "IkeMode": "aggressive"}
    data["VpnBgpConfig"]["AuthKey"] = "FakeMd5Key"
    report = read(data)
    messages = " | ".join(notice.message for notice in report.warnings)
    assert all(word in messages for word in ("aggressive mode", "MD5 key", "EnableDpd", "one tunnel only", "IKEv1"))
    assert "FakeMd5Key" not in str(report)
    assert [item.why for item in report.ignored if "health check" in item.why] != []


def test_protected_data_flows_are_networks_and_remarked_on() -> None:
    report = read(changed(DUAL, LocalSubnet="10.0.0.0/16, 10.1.0.0/16", RemoteSubnet="172.16.0.0/24"))
    (connection,) = report.connections
    assert connection.networks == (IPv4Network("10.0.0.0/16"), IPv4Network("10.1.0.0/16"))
    assert connection.local_networks == (IPv4Network("172.16.0.0/24"),)
    assert "protected data flows" in report.warnings[0].message


def test_two_customer_gateways_are_no_contradiction() -> None:
    data = writers.described(DUAL)
    data["TunnelOptionsSpecification"]["TunnelOptions"][1]["CustomerGatewayId"] = "cgw-bp1fake00000000000002"
    report = read(data)
    assert (report.faults, report.connections[0].customer_gateway) == ((), None)


CUSTOMER = {
    "CustomerGatewayId": DUAL.customer_gateway,
    "IpAddress": "203.0.113.9",
    "Asn": "65530",
    "Name": "dc1",
    "CreateTime": 1492747187000,
}


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_customer_gateways_answer_has_our_address(wrapped: bool) -> None:
    described = writers.described(DUAL)
    for each in described["TunnelOptionsSpecification"]["TunnelOptions"]:
        each["TunnelIkeConfig"]["RemoteId"] = "dc1.example.com"
    answer = {"CustomerGateways": {"CustomerGateway": [CUSTOMER]}, "TotalCount": 1} if wrapped else CUSTOMER
    for documents in ([described, answer], [answer, described]):
        report = read_documents([(f"{turn}.json", writers.as_json(each)) for turn, each in enumerate(documents)])
        (connection,) = report.connections
        assert report.faults == ()
        assert {str(tunnel.public) for tunnel in connection.tunnels} == {"203.0.113.9"}
        assert {tunnel.local_id for tunnel in connection.tunnels} == {"dc1.example.com"}


def test_the_customer_gateway_says_that_bgp_has_a_key() -> None:
    customer = CUSTOMER | {"AuthKey": "FakeMd5Key", "Asn": "65531"}
    report = read_documents(
        [
            ("a.json", writers.described_json(DUAL)),
            ("b.xml", writers.as_xml(customer, "DescribeCustomerGatewayResponse")),
        ]
    )
    assert any("MD5 key" in notice.message for notice in report.warnings)
    assert "FakeMd5Key" not in str(report)
    assert any("contradicts" in fault.message and fault.found == "65531" for fault in report.faults)


def test_a_customer_gateway_alone_is_no_connection() -> None:
    (fault,) = read(CUSTOMER).faults
    assert fault.message == "there is no connection in it"


def test_several_connections_one_of_them_deleted() -> None:
    other = replace(
        SINGLE,
        id="vco-bp1fake00000000000002",
        name="vco-bp1fake00000000000002",
        tunnels=(replace(tunnel(2, "Fake.key_3"), role=None),),
    )
    data = writers.several(DUAL, other, SINGLE)
    data["VpnConnections"]["VpnConnection"][2] |= {"State": "deleted", "VpnConnectionId": "vco-bp1fake00000000000003"}
    report = read(data)
    assert report.connections == (DUAL, other)
    assert any("deleted" in item.why for item in report.ignored)
    chosen = read_documents([("answer.json", writers.as_json(data))], other.id)
    assert chosen.connections == (other,)
    data["VpnConnections"]["VpnConnection"] = data["VpnConnections"]["VpnConnection"][2:]
    (fault,) = read(data).faults
    assert fault.message == "all its connections are deleted"


def test_a_cut_answer_is_a_fault() -> None:
    text = writers.as_json(writers.described(DUAL))
    report = read(text[: len(text) // 2])
    assert [found.tunnels for found in report.connections] == [()]
    (fault,) = report.faults
    assert "cut short" in str(fault.fix)


def test_a_state_knows_our_address_though_the_identity_is_a_name() -> None:
    text = writers.terraform_state(SINGLE).replace('"remote_id": "203.0.113.202"', '"remote_id": "dc1.example.com"')
    (found,) = read(text).connections
    assert (found.tunnels[0].public, found.tunnels[0].local_id) == (ip_address("203.0.113.202"), "dc1.example.com")


def test_a_single_tunnels_gateway_is_referred_to() -> None:
    data = json.loads(writers.terraform_state(SINGLE))
    values = data["resources"][0]["instances"][0]["attributes"]
    del values["internet_ip"], values["ike_config"][0]["local_id"]
    gateway = {"id": values["vpn_gateway_id"], "internet_ip": "198.51.100.1"}
    data["resources"].append({"type": "alicloud_vpn_gateway", "name": "g", "instances": [{"attributes": gateway}]})
    (found,) = read(data).connections
    assert found.tunnels[0].remote == ip_address("198.51.100.1")


def test_what_has_yet_to_be_made_says_so() -> None:
    data = json.loads(writers.terraform_shown(SINGLE))
    data["planned_values"] = data.pop("values")
    values = data["planned_values"]["root_module"]["resources"][0]["values"]
    for key in ("id", "internet_ip", "vpn_gateway_id"):
        del values[key]
    report = read(data)
    assert any("has yet to be made" in notice.message for notice in report.warnings)


def test_a_state_without_a_connection_is_a_fault() -> None:
    data = json.loads(writers.terraform_state(SINGLE))
    data["resources"][0]["instances"] = []
    (fault,) = read(data).faults
    assert fault.message == "no VPN connection in it"
