"""AWS's generic download, old and new, edited and damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.model.document import ReadIke
from tests.vendors.samples import DYNAMIC, GENERIC, edited, line_of, read, the_fault
from tests.vendors.writers import generic_text

STATIC_ROUTED = replace(DYNAMIC, mode="static", asn=None, peer_asn=None, hold_time=None)


def missing(text: str) -> dict[str, str]:
    """Field -> what it is needed for."""
    return {item.field.removeprefix("connections[0]."): item.needed_for for item in read(text).missing}


def test_a_dynamic_connection() -> None:
    report = read(GENERIC)
    assert report.connections == (DYNAMIC,)
    assert (report.missing, report.faults) == ((), ())


def test_a_static_connection_owes_its_networks_and_no_asn() -> None:
    text = generic_text(STATIC_ROUTED)
    assert read(text).connections == (STATIC_ROUTED,)
    assert missing(text) == {"networks": "static, policy"}


def test_before_ikev2_no_version_was_written() -> None:
    tunnels = tuple(
        replace(tunnel, ike=replace(tunnel.ike, version=1), esp=tunnel.esp) for tunnel in STATIC_ROUTED.tunnels
    )
    assert read(generic_text(STATIC_ROUTED, old=True)).connections == (replace(STATIC_ROUTED, tunnels=tunnels),)


@pytest.mark.parametrize("name", ["Next hop", "IPSEC next hop", "IPSec Next Hop"])
def test_the_next_hop_is_the_gateways_inside_address(name: str) -> None:
    text = generic_text(STATIC_ROUTED).replace("- Next hop ", f"- {name} ")
    assert read(text).connections == (STATIC_ROUTED,)
    fault = the_fault(read(text.replace(f"{name}       : 169.254.23.5", f"{name}       : 169.254.23.9")))
    assert fault.message.startswith("contradicts line")


def test_another_neighbor_than_the_inside_address_is_a_fault() -> None:
    fault = the_fault(
        edited(GENERIC, "Neighbor IP Address     		  : 169.254.23.5", "Neighbor IP Address : 169.254.23.9")
    )
    assert fault.line == line_of(GENERIC, "Neighbor IP Address")
    assert "(Virtual Private Gateway)" in fault.message


def test_one_side_of_a_document_dynamic_and_one_static_is_a_fault() -> None:
    static = generic_text(STATIC_ROUTED)
    mixed = GENERIC[: GENERIC.index("IPSec Tunnel #2")] + static[static.index("IPSec Tunnel #2") :]
    assert (the_fault(read(mixed)).found, read(mixed).connections[0].mode) == ("static", None)


def test_a_transit_gateway_is_not_named() -> None:
    (connection,) = edited(GENERIC, ": vgw-0fa4e000000000001", ":").connections
    assert connection.cloud_gateway is None
    assert edited(GENERIC, ": vgw-0fa4e000000000001", ": tgw-0fa4e000000000001").faults == ()


def test_the_recommended_download() -> None:
    text = (
        GENERIC.replace("aes-256-cbc", "aes-256-gcm-16")
        .replace("hmac-sha2-256-128", "sha2-384")
        .replace(": sha2-256", ": SHA2-384")
        .replace("Group 14", "Group 20")
    )
    (connection,) = read(text).connections
    assert connection.tunnels[0].ike == ReadIke(2, ("aes256gcm16-prfsha384-ecp384",), 28800)
    assert connection.tunnels[0].esp.proposals == ("aes256gcm16-ecp384",)


def test_lists_of_algorithms_are_every_combination() -> None:
    text = GENERIC.replace("Group 14", "Group 14, Group 20").replace("aes-256-cbc", "aes-128-cbc, aes-256-cbc")
    assert read(text).connections[0].tunnels[0].esp.proposals == (
        "aes128-sha256-modp2048",
        "aes128-sha256-ecp384",
        "aes256-sha256-modp2048",
        "aes256-sha256-ecp384",
    )


def test_without_pfs_there_is_a_remark() -> None:
    report = edited(
        GENERIC, "Perfect Forward Secrecy  : Diffie-Hellman Group 14", "Perfect Forward Secrecy  : disabled"
    )
    assert report.connections[0].tunnels[0].esp.proposals == ("aes256-sha256",)
    assert any("no PFS group" in notice.message for notice in report.warnings)
    assert report.faults == ()


def test_half_a_proposal_is_none() -> None:
    report = edited(GENERIC, "  - Perfect Forward Secrecy  : Diffie-Hellman Group 14\n", "")
    assert report.connections[0].tunnels[0].esp.proposals == ()
    assert "connections[0].tunnels[0].esp.proposals" in {item.field for item in report.missing}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("IKE version              : IKEv2", "IKE version              : IKEv3", "IKE version"),
        ("Method    : Pre-Shared Key", "Method    : Certificate", "Authentication Method"),
        ("Encryption Algorithm     : aes-256-cbc", "Encryption Algorithm     : rot-13", "Encryption Algorithm"),
        ("Encryption Algorithm     : aes-256-cbc", "Encryption Algorithm     : 3des", "Encryption Algorithm"),
        ("Authentication Algorithm : sha2-256", "Authentication Algorithm : crc32", "Authentication Algorithm"),
        ("Diffie-Hellman           : Group 14", "Diffie-Hellman           : Group 99", "Diffie-Hellman"),
        ("Diffie-Hellman           : Group 14", "Diffie-Hellman           : none", "Diffie-Hellman"),
        ("Lifetime                 : 28800 seconds", "Lifetime                 : 86400 seconds", "Lifetime"),
        ("Lifetime                 : 28800 seconds", "Lifetime                 : soon!", "Lifetime"),
        ("Negotiation Mode : main", "Negotiation Mode : aggressive", "Phase 1 Negotiation Mode"),
        ("Protocol                 : esp", "Protocol                 : ah", "Protocol"),
        ("Mode                     : tunnel", "Mode                     : transport", "Mode"),
        ("TCP MSS Adjustment       : 1379", "TCP MSS Adjustment       : 1400", "TCP MSS Adjustment"),
        ("Tunnel interface MTU     : 1436", "Tunnel interface MTU     : 14360", "Tunnel interface MTU"),
        ("DPD Retries              : 3", "DPD Retries              : 0", "DPD Retries"),
        ("	        : 198.51.100.7\n", "	        : 198.51.100.7.1\n", "Virtual Private Gateway"),
        ("Neighbor Hold Time       : 30", "Neighbor Hold Time       : 2", "Neighbor Hold Time"),
    ],
)  # fmt: skip
def test_values_that_cannot_be(old: str, new: str, key: str) -> None:
    report = edited(GENERIC, old, new, 1)
    assert [(fault.line, fault.key) for fault in report.faults] == [(line_of(GENERIC, old.strip("\n")), key)]
    assert report.faults[0].allowed


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ("64512", "64512", "both sides have the same ASN"),
        ("7224", "64512", "a reserved ASN"),
        ("65535", "64512", "a reserved ASN"),
        ("0", "64512", "a reserved ASN"),
        ("23456", "64512", "a reserved ASN"),
        ("65000", "4294967295", "a reserved ASN"),
        ("65000", "4294967296", "outside what is possible"),
        ("-1", "64512", "outside what is possible"),
    ],
)
def test_asns_that_cannot_be(ours: str, theirs: str, message: str) -> None:
    report = read(GENERIC.replace(": 65000", f": {ours}").replace(": 64512", f": {theirs}"))
    assert {fault.message.partition(":")[0] for fault in report.faults} == {message}


def test_asns_of_four_bytes() -> None:
    (connection,) = read(GENERIC.replace(": 65000", ": 4200000000").replace(": 64512", ": 7224")).connections
    assert (connection.asn, connection.peer_asn) == (4200000000, 7224)


def test_two_asns_for_one_gateway_are_a_fault() -> None:
    fault = the_fault(edited(GENERIC, ": 64512", ": 64513", 1))
    assert "contradicts" in fault.message


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (": 203.0.113.202", ": YOUR_UPLINK_ADDRESS", "public"),
        (": Fake.key.of.tunnel_1", ": PRE-SHARED-KEY-IN-PLAIN-TEXT", "psk"),
        (": Fake.key.of.tunnel_1", ": [ hidden ]", "psk"),
        (": 65000", ": YOUR_BGP_ASN", "asn"),
        (": 198.51.100.7\n", ": <VGW ADDRESS>\n", "remote"),
    ],
)
def test_placeholders_are_missing_and_quoted(old: str, new: str, field: str) -> None:
    report = edited(GENERIC, old, new)
    assert report.faults == ()
    whys = [item.why for item in report.missing if item.field.endswith(f".{field}")]
    assert whys
    assert new[2:].strip() in whys[0]


def test_a_key_that_aws_keeps_elsewhere_is_missing() -> None:
    report = edited(GENERIC, "Fake.key.of.tunnel_2", "")
    (item,) = report.missing
    assert (item.field, "Secrets Manager" in item.why) == ("connections[0].tunnels[1].psk", True)


@pytest.mark.parametrize("key", ["Fake key with blanks", "Fäke.key.of.tunnel", "0Fake.key", "Fake.ke", "Fake.key:of"])
def test_keys_that_cannot_be_are_faults_that_do_not_show_them(key: str) -> None:
    report = edited(GENERIC, "Fake.key.of.tunnel_1", key)
    assert the_fault(report).line == line_of(GENERIC, "Fake.key.of.tunnel_1")
    assert key not in repr(report)


def test_addresses_without_their_headings() -> None:
    text = GENERIC.replace("Outside IP Addresses:", "").replace("Inside IP Addresses", "")
    assert read(text).connections == (DYNAMIC,)


def test_two_colons_and_other_bullets() -> None:
    text = GENERIC.replace("Customer Gateway 		        :", "Customer Gateway:        :").replace(
        "  - ", "\u2022 "
    )
    assert read(text.replace("\u2022 Pre-Shared", "* Pre-Shared")).connections == (DYNAMIC,)


def test_an_unknown_item_is_remarked_with_its_line() -> None:
    report = edited(GENERIC, "  - DPD Interval             : 10\n", "  - DPD Flavour              : mild\n", 1)
    assert [(notice.where, notice.message) for notice in report.warnings] == [
        (f"line {line_of(GENERIC, 'DPD Interval')}", "DPD Flavour: not known, not taken over")
    ]


def test_what_is_left_out_is_said_with_its_line() -> None:
    ignored = {item.line for item in read(GENERIC).ignored}
    assert {line_of(GENERIC, "Clear Don't Fragment"), line_of(GENERIC, "Fragmentation")} <= ignored


def test_a_section_that_stops_is_a_cut_document() -> None:
    fault = the_fault(read(GENERIC[: GENERIC.rindex("Outside IP")]))
    assert (fault.key, fault.line) == ("IPSec Tunnel #2", line_of(GENERIC, "IPSec Tunnel #2"))


def test_a_download_that_is_only_a_template_says_so_once() -> None:
    note = "NOTE: If you customized tunnel options when creating your VPN connection, you may need to modify these.\n"
    report = edited(GENERIC, "Configure the IKE SA as follows:\n", f"Configure the IKE SA as follows:\n{note}")
    assert [notice.message for notice in report.warnings] == [
        "options that were set for the connection are not in this download: compare them in the console"
    ]


@pytest.mark.parametrize("text", ["", "N/A", "-"])
def test_an_identifier_may_be_left_empty(text: str) -> None:
    report = edited(GENERIC, ": vgw-0fa4e000000000001", f": {text}")
    assert (report.faults, report.connections[0].cloud_gateway) == ((), None)


@pytest.mark.parametrize("text", ["vpn-xxxxxxxx", "<YOUR VPN ID>", "your_vpn_id"])
def test_a_hidden_identifier_is_missing_and_quoted(text: str) -> None:
    report = edited(GENERIC, f": {DYNAMIC.id}", f": {text}")
    assert report.faults == ()
    assert (report.connections[0].id, report.connections[0].name) == (None, "aws")
    assert [(item.field, text in item.why) for item in report.missing] == [("connections[0].id", True)]


def test_an_odd_identifier_is_remarked() -> None:
    report = edited(GENERIC, f": {DYNAMIC.id}", ": vpn-0fa4")
    assert (report.connections[0].id, report.faults) == ("vpn-0fa4", ())
    assert "vpn-0fa4" in report.warnings[0].message


@pytest.mark.parametrize("text", ["vgw-0fa4e000000000001", "vpn-", "vpn-0fa4/../..", "vpn-0fa4 vpn-0fa5", "10.0.0.1"])
def test_what_is_no_identifier_of_a_connection(text: str) -> None:
    fault = the_fault(edited(GENERIC, f": {DYNAMIC.id}", f": {text}"))
    assert (fault.key, fault.found) == ("Your VPN Connection ID", text)


def test_inside_addresses_of_version_6() -> None:
    text = GENERIC.replace("169.254.23.6/30", "fd00:23::2/126").replace("169.254.23.5/30", "fd00:23::1/126")
    report = read(text.replace(": 169.254.23.5", ": fd00:23::1"))
    assert report.faults == ()
    assert str(report.connections[0].tunnels[0].inside) == "fd00:23::2/126"
    assert str(report.connections[0].tunnels[0].peer_inside) == "fd00:23::1"
    (fault, *_) = read(text.replace(": 169.254.23.5", ": fd00:23::1").replace("fd00:23::", "2001:db8::")).faults
    assert "fd00::/8" in str(fault.allowed)
