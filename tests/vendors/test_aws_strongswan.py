"""AWS's strongSwan download, edited in the ways in which people edit it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from appliance.model.document import ReadTunnel
from appliance.model.secret import Secret
from tests.vendors.samples import STATIC, STRONGSWAN, edited, line_of, read, the_fault


def first(text: str) -> ReadTunnel:
    """Tunnel 1 of a document without faults."""
    report = read(text)
    assert report.faults == ()
    return report.connections[0].tunnels[0]


def missing(text: str) -> dict[str, str]:
    """Field -> why."""
    return {item.field.removeprefix("connections[0]."): item.why for item in read(text).missing}


def test_it_is_read_whole() -> None:
    assert read(STRONGSWAN).connections == (STATIC,)


def test_the_inside_addresses_stand_in_a_comment() -> None:
    lines = [line for line in STRONGSWAN.split("\n") if "ip addr add" not in line]
    assert first("\n".join(lines)).inside == STATIC.tunnels[0].inside
    assert "#leftupdown" in "\n".join(lines)


def test_without_the_comment_the_commands_say_them() -> None:
    lines = [line for line in STRONGSWAN.split("\n") if "leftupdown" not in line]
    assert first("\n".join(lines)).peer_inside == STATIC.tunnels[0].peer_inside


def test_a_comment_that_contradicts_the_commands_is_a_fault_with_both_places() -> None:
    report = edited(STRONGSWAN, "-ll 169.254.23.6/30", "-ll 169.254.23.10/30")
    updown = line_of(STRONGSWAN, "-ll 169.254.23.6/30")
    fault = the_fault(report)
    assert fault.message == f"contradicts line {updown} (leftupdown -ll)"
    assert (fault.line, fault.found) == (line_of(STRONGSWAN, "ip addr add 169.254.23.6/30"), "169.254.23.6/30")
    assert report.connections[0].tunnels[0].inside is None


def test_a_secret_for_another_gateway_is_a_fault() -> None:
    fault = the_fault(edited(STRONGSWAN, "198.51.100.71 : PSK", "198.51.100.72 : PSK"))
    assert fault.line == line_of(STRONGSWAN, "198.51.100.71 : PSK")
    assert "contradicts" in fault.message
    assert "Fake" not in repr(fault)


def test_secrets_gathered_at_the_end_find_their_tunnels() -> None:
    secrets = [line for line in STRONGSWAN.split("\n") if " : PSK " in line]
    others = [line for line in STRONGSWAN.split("\n") if " : PSK " not in line]
    report = read("\n".join([*others, *reversed(secrets), ""]))
    assert report.connections == (STATIC,)


@pytest.mark.parametrize(
    "line",
    ['198.51.100.7 203.0.113.202 : PSK "Fake.key"', '203.0.113.202 198.51.100.7: PSK "Fake.key"',
     "203.0.113.202 198.51.100.7 : PSK 'Fake.key'", '%any 198.51.100.7 : PSK "Fake.key" # ours', ': PSK "Fake.key"'],
)  # fmt: skip
def test_secrets_as_strongswan_takes_them(line: str) -> None:
    text = STRONGSWAN.replace('203.0.113.202 198.51.100.7 : PSK "Fake.key.of.tunnel_1"', line)
    assert first(text).psk == Secret("Fake.key")


@pytest.mark.parametrize("key", ['"Fake.key', "Fake.key", '"Fake+key"', '"Fake.ke"', "0sRmFrZQ=="])
def test_keys_that_cannot_be_are_faults_that_do_not_show_them(key: str) -> None:
    report = edited(STRONGSWAN, '"Fake.key.of.tunnel_1"', key)
    fault = the_fault(report)
    assert (fault.line, fault.key) == (line_of(STRONGSWAN, "Fake.key.of.tunnel_1"), "PSK")
    assert key.strip('"') not in repr(report)


@pytest.mark.parametrize("key", ['"password"', '"<PRE-SHARED KEY>"', "<key>", '"xxxxxxxxxxxx"'])
def test_a_word_in_place_of_a_key_is_missing_and_quoted(key: str) -> None:
    report = edited(STRONGSWAN, '"Fake.key.of.tunnel_1"', key)
    assert report.faults == ()
    assert report.connections[0].tunnels[0].psk is None
    (why,) = (item.why for item in report.missing if item.field == "connections[0].tunnels[0].psk")
    assert key.strip('"') in why


def test_no_secret_line_is_a_missing_key_with_its_option() -> None:
    report = edited(STRONGSWAN, '203.0.113.202 198.51.100.7 : PSK "Fake.key.of.tunnel_1"\n', "")
    (item,) = (item for item in report.missing if item.field.endswith("psk"))
    assert item.hint == f"--psk {STATIC.name}-1=file:PATH"


def test_networks_that_someone_filled_in() -> None:
    text = STRONGSWAN.replace("-r <VPC CIDR>", "-r 10.0.0.0/16,10.1.0.0/16").replace(
        "<VPC CIDR> dev", "10.0.0.0/16 dev"
    )
    report = read(text)
    assert report.connections[0].networks == (ip_network("10.0.0.0/16"), ip_network("10.1.0.0/16"))
    assert "connections[0].networks" not in {item.field for item in report.missing}


def test_narrow_selectors_are_networks() -> None:
    text = STRONGSWAN.replace("leftsubnet=0.0.0.0/0", "leftsubnet=172.16.0.0/16").replace(
        "rightsubnet=0.0.0.0/0", "rightsubnet=10.0.0.0/16"
    )
    (connection,) = read(text).connections
    assert connection.local_networks == (ip_network("172.16.0.0/16"),)
    assert connection.networks == (ip_network("10.0.0.0/16"),)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("\tright=198.51.100.7\n", "\tright=198.51.100.700\n", "right"),
        ("\tleftid=203.0.113.202\n", "\tleftid=203.0.113\n", "leftid"),
        ("\ttype=tunnel\n", "\ttype=transport\n", "type"),
        ("\tleftauth=psk\n", "\tleftauth=pubkey\n", "leftauth"),
        ("\tkeyexchange=ikev2\n", "\tkeyexchange=ikev3\n", "keyexchange"),
        ("\tike=aes256-sha256-modp2048\n", "\tike=aes256-sha256\n", "ike"),
        ("\tike=aes256-sha256-modp2048\n", "\tike=3des-sha1-modp1024\n", "ike"),
        ("\tesp=aes256-sha256-modp2048\n", "\tesp=aes128-sha1;modp1024\n", "esp"),
        ("\tikelifetime=8h\n", "\tikelifetime=9h\n", "ikelifetime"),
        ("\tlifetime=1h\n", "\tlifetime=14m\n", "lifetime"),
        ("\tdpddelay=10s\n", "\tdpddelay=0s\n", "dpddelay"),
        ("\trightsubnet=0.0.0.0/0\n", "\trightsubnet=10.0.0.1/8\n", "rightsubnet"),
        ("\tmark=100\n", "\tmarc=100\n", "marc"),
        ("up mtu 1419", "up mtu 9001", "ip link set mtu"),
    ],
)
def test_values_that_cannot_be(old: str, new: str, key: str) -> None:
    report = edited(STRONGSWAN, old, new, 1)
    faults = [fault for fault in report.faults if fault.key == key]
    assert [fault.line for fault in faults] == [line_of(STRONGSWAN, old.strip())]
    assert faults[0].file == "vpn.txt"
    assert faults[0].allowed


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("169.254.23.6/30", "169.254.23.5/30"), None),
        (("169.254.23.5/30", "169.254.23.6/30"), "169.254.23.6 for us"),
        (("169.254.23.7/30", "169.254.23.5/30"), "169.254.23.6 for us"),
        (("169.254.23.6/29", "169.254.23.5/29"), "a /30"),
        (("169.254.169.254/30", "169.254.169.253/30"), "169.254.169.252/30"),
        (("10.0.0.2/30", "10.0.0.1/30"), "169.254.0.0/16"),
    ],
)
def test_inside_addresses_are_the_hosts_of_a_network_that_aws_gives_out(
    pair: tuple[str, str], said: str | None
) -> None:
    text = STRONGSWAN.replace("169.254.23.6/30", "OURS").replace("169.254.23.5/30", "THEIRS")
    faults = read(text.replace("OURS", pair[0]).replace("THEIRS", pair[1])).faults
    assert (faults == ()) == (said is None)
    assert said is None or said in str(faults[0].allowed)


def test_a_gateway_at_our_own_address_is_a_fault() -> None:
    report = read(STRONGSWAN.replace("198.51.100.71", "203.0.113.202"))
    assert the_fault(report).message == "the gateway's outside address is our own"


@pytest.mark.parametrize("address", ["127.0.0.1", "224.0.0.5", "0.0.0.0", "255.255.255.255", "169.254.1.1"])
def test_addresses_that_are_never_outside(address: str) -> None:
    faults = read(STRONGSWAN.replace("198.51.100.71", address)).faults
    assert [fault.message for fault in faults] == ["cannot be an outside address"]


def test_two_tunnels_to_one_gateway_are_a_fault() -> None:
    report = read(STRONGSWAN.replace("198.51.100.71", "198.51.100.7"))
    assert any("same outside address" in fault.message for fault in report.faults)


def test_two_tunnels_with_one_inside_network_are_a_fault() -> None:
    text = STRONGSWAN.replace("169.254.22.74", "169.254.23.6").replace("169.254.22.73", "169.254.23.5")
    assert "same inside network" in the_fault(read(text)).message


def test_ten_faults_are_ten() -> None:
    text = STRONGSWAN
    for old, new in (
        ("right=", "right=999."), ("leftauth=psk", "leftauth=x"), ("ike=aes", "ike=yes"),
        ("ikelifetime=8h", "ikelifetime=1s"), ("lifetime=1h", "lifetime=1y"),
    ):  # fmt: skip
        text = text.replace(f"\t{old}", f"\t{new}")
    assert len(read(text).faults) == 10


def test_a_name_is_an_identity_and_no_address() -> None:
    tunnel = first(STRONGSWAN.replace("leftid=203.0.113.202", "leftid=@gw.example.net"))
    assert tunnel.local_id == "@gw.example.net"
    assert tunnel.public == ip_address("203.0.113.202")  # the secrets say it


def test_forced_encapsulation_is_nat_traversal() -> None:
    assert first(STRONGSWAN.replace("\tauto=start", "\tforceencaps=yes")).nat_t is True
    assert first(STRONGSWAN).nat_t is None


def test_unknown_version_word_of_strongswan_starts_as_two() -> None:
    assert first(STRONGSWAN.replace("keyexchange=ikev2", "keyexchange=ike")).ike.version == 2


def test_a_comment_behind_a_setting_is_none_of_its_value() -> None:
    assert first(STRONGSWAN.replace("ikelifetime=8h", "ikelifetime = 480m  # ours")).ike.lifetime == 28800


def test_a_conn_without_right_is_a_cut_document() -> None:
    text = STRONGSWAN[: STRONGSWAN.index("conn Tunnel2") + len("conn Tunnel2\n\tauto=start\n")]
    fault = the_fault(read(text))
    assert (fault.line, fault.key) == (line_of(STRONGSWAN, "conn Tunnel2"), "conn Tunnel2")
    assert "cut short" in str(fault.fix)


def test_one_tunnel_works_and_is_remarked() -> None:
    text = STRONGSWAN[: STRONGSWAN.index("IPSEC Tunnel #2")]
    report = read(text[: text.rindex("\n", 0, -1) + 1])
    assert len(report.connections[0].tunnels) == 1
    assert "one tunnel only: no redundancy; the document announces two" in report.warnings[0].message
    assert report.faults == ()


def test_shared_settings_hold_where_a_conn_has_none_of_its_own() -> None:
    text = STRONGSWAN.replace("\tikelifetime=8h\n", "", 1)
    assert first(text).ike.lifetime is None
    assert (
        first(text.replace("conn Tunnel1\n", "conn %default\n\tikelifetime=1h\n\nconn Tunnel1\n")).ike.lifetime == 3600
    )
    assert first(STRONGSWAN + "\nconn %default\n\tikelifetime=1h\n").ike.lifetime == 28800


def test_what_is_left_out_is_said_with_its_line() -> None:
    ignored = {item.line: item.why for item in read(STRONGSWAN).ignored}
    for words, why in (
        ("#leftupdown", "an updown script: the appliance does this itself"),
        ("mark=100", "a mark"),
        ("sudo iptables -t mangle -A FORWARD", "iptables"),
        ("net.ipv4.conf.<PHYSICAL", "a sysctl"),
        ("sudo ip link add", "a VTI"),
        ("pre-up ip link add", "a VTI"),
        ("#!/bin/bash", "a script"),
        ("dpdaction", "restarts"),
    ):
        assert why in ignored[line_of(STRONGSWAN, words)]


def test_what_it_never_names() -> None:
    whys = missing(STRONGSWAN)
    assert whys["asn"] == whys["peer_asn"] == "this format never names it"
    assert "<VPC CIDR>" in whys["networks"]


def test_two_addresses_of_ours_are_remarked() -> None:
    text = STRONGSWAN.replace("203.0.113.202", "203.0.113.203", 1).replace(
        "203.0.113.202 198.51.100.7 ", "203.0.113.203 198.51.100.7 "
    )
    assert any("203.0.113.203 and 203.0.113.202" in notice.message for notice in read(text).warnings)


def test_settings_of_another_conn_are_refused_rather_than_left_out() -> None:
    fault = the_fault(edited(STRONGSWAN, "\tauto=start", "\talso=shared", 1))
    assert (fault.key, fault.line) == ("also", line_of(STRONGSWAN, "auto=start"))
