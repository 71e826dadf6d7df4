"""Cisco IOS, ASA and FortiOS, in the syntaxes in which people have them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.document import ReadDpd
from appliance.model.secret import Secret
from tests.vendors.device.block_writers import asa_text, fortios_text, ios_text
from tests.vendors.device.reading import first, first_version, read, the_connection
from tests.vendors.samples import line_of

DYNAMIC = first_version(ReadDpd(10))
STATIC = replace(DYNAMIC, mode="static", asn=None, peer_asn=None, hold_time=None)
IOS, ASA, FORTIOS = ios_text(DYNAMIC), asa_text(STATIC), fortios_text(DYNAMIC)

IOS_XE = """hostname r1
crypto ikev2 proposal PROPOSAL-1
 encryption aes-cbc-256 aes-cbc-128
 integrity sha384 sha256
 group 20 14
!
crypto ikev2 proposal PROPOSAL-2
 encryption aes-gcm-256
 prf sha384
 group 20
!
crypto ikev2 policy POLICY-1
 proposal PROPOSAL-1
!
crypto ikev2 keyring KEYRING-1
 peer AWS-1
  address 198.51.100.7
  pre-shared-key Fake.key.of.tunnel_1
 !
 peer AWS-2
  address 198.51.100.71
  pre-shared-key local Fake.key.of.tunnel_2 remote Fake.key.of.tunnel_2
 !
!
crypto ikev2 profile IKEV2-PROFILE
 match identity remote address 198.51.100.7 255.255.255.255
 authentication remote pre-share
 authentication local pre-share
 identity local address 203.0.113.202
 keyring local KEYRING-1
 lifetime 28800
 dpd 10 3 periodic
!
crypto isakmp policy 10
 encr 3des
 authentication pre-share
 group 2
!
crypto ipsec transform-set TS esp-gcm 256
 mode tunnel
!
crypto ipsec profile IPSEC-PROFILE
 set transform-set TS
 set pfs group20
 set ikev2-profile IKEV2-PROFILE
!
interface GigabitEthernet1
 ip address 10.0.0.5 255.255.255.0
!
interface Tunnel 1
 ip address 169.254.23.6 255.255.255.252
 ip mtu 1436
 tunnel source GigabitEthernet1
 tunnel destination 198.51.100.7
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile IPSEC-PROFILE
!
interface Tunnel2
 ip address 169.254.22.74 255.255.255.252
 tunnel source GigabitEthernet1
 tunnel destination 198.51.100.71
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile IPSEC-PROFILE
!
router bgp 65000
 neighbor 10.0.0.9 remote-as 65099
 neighbor 169.254.23.5 remote-as 64512
 neighbor 169.254.23.5 timers 10 30 30
 neighbor 169.254.22.73 remote-as 64512
!
ip route 0.0.0.0 0.0.0.0 10.0.0.1
end
"""

FORTIOS_7 = """config vpn ipsec phase1-interface
    edit "aws-1"
        set interface "wan1"
        set ike-version 2
        set keylife 28800
        set peertype any
        set net-device disable
        set proposal aes256-sha256 aes256gcm-prfsha384
        set dhgrp 20 14
        set remote-gw 198.51.100.7
        set psksecret "Fake.key.of.tunnel_1"
        set dpd-retryinterval 10
    next
end
config vpn ipsec phase2-interface
    edit "aws-1-p2"
        set phase1name "aws-1"
        set proposal aes256gcm
        set dhgrp 20
        set auto-negotiate enable
        set keylifeseconds 3600
    next
end
config system interface
    edit "aws-1"
        set vdom "root"
        set ip 169.254.23.6 255.255.255.255
        set type tunnel
        set remote-ip 169.254.23.5 255.255.255.252
        set interface "wan1"
    next
    edit "wan1"
        set ip 10.0.0.5 255.255.255.0
    next
end
config router bgp
    set as 65000
    config neighbor
        edit "169.254.23.5"
            set remote-as 64512
            set holdtime-timer 30
        next
        edit "10.0.0.9"
            set remote-as 65099
        next
    end
end
"""


def test_ios_xe_with_version_2_and_several_proposals() -> None:
    connection = the_connection(IOS_XE)
    assert (connection.mode, connection.asn, connection.peer_asn, connection.hold_time) == ("bgp", 65000, 64512, 30)
    one, two = connection.tunnels
    assert (one.remote, one.public) == (ip_address("198.51.100.7"), ip_address("203.0.113.202"))
    assert (one.psk, two.psk) == (Secret("Fake.key.of.tunnel_1"), Secret("Fake.key.of.tunnel_2"))
    assert (one.ike.version, one.ike.lifetime, one.dpd.delay) == (2, 28800, 10)
    assert one.ike.proposals[0] == "aes256-sha384-ecp384"
    assert one.ike.proposals[-1] == "aes256gcm16-prfsha384-ecp384"
    assert len(one.ike.proposals) == 9
    assert one.esp.proposals == ("aes256gcm16-ecp384",)
    assert (one.inside, one.peer_inside) == (ip_interface("169.254.23.6/30"), ip_address("169.254.23.5"))
    assert (one.mtu, two.mtu) == (1436, None)


def test_the_device_s_own_blocks_are_none_of_ours() -> None:
    report = read(IOS_XE)
    assert not any("hostname" in notice.message or "GigabitEthernet1" in notice.message for notice in report.warnings)


@pytest.mark.parametrize("blank", ["  ", ""])
def test_blocks_are_told_by_words_not_by_blanks(blank: str) -> None:
    text = "".join(f"{blank}{line.strip()}\n" if line[:1] == " " else f"{line}\n" for line in IOS.splitlines())
    assert the_connection(text) == the_connection(IOS)


def test_policies_of_each_section_are_that_tunnel_s() -> None:
    text = IOS.replace(
        "crypto isakmp policy 201\n  encryption aes 256", "crypto isakmp policy 201\n  encryption aes 128"
    )
    one, two = the_connection(text).tunnels
    assert (one.ike.proposals, two.ike.proposals) == (("aes256-sha256-modp2048",), ("aes128-sha256-modp2048",))


def test_policies_without_sections_are_every_tunnel_s() -> None:
    text = "".join(f"{line}\n" for line in IOS.splitlines() if not line.startswith("!"))
    text = text.replace("policy 201\n  encryption aes 256", "policy 201\n  encryption aes 128")
    assert {tunnel.ike.proposals for tunnel in the_connection(text).tunnels} == {
        ("aes256-sha256-modp2048", "aes128-sha256-modp2048")
    }


def test_lifetimes_that_differ_between_policies_are_nobody_s() -> None:
    text = "".join(f"{line}\n" for line in IOS.splitlines() if not line.startswith("!"))
    first_policy, rest = text.split("lifetime 28800", 1)
    assert first(f"{first_policy}lifetime 14400{rest}").ike.lifetime is None
    assert first(text).ike.lifetime == 28800


def test_static_routes_into_the_tunnels_are_networks() -> None:
    connection = the_connection(ios_text(STATIC))
    assert (connection.mode, connection.networks) == ("static", (ip_network("10.20.0.0/16"),))
    assert connection.tunnels[0].peer_inside == DYNAMIC.tunnels[0].peer_inside


def test_a_profile_without_a_group_has_no_pfs() -> None:
    assert first(IOS.replace("  set pfs group14\n", "")).esp.proposals == ("aes256-sha256",)


@pytest.mark.parametrize("key", ["key 6 Fake.key.of.tunnel_1", "key <PSK>"])
def test_a_key_that_the_device_encrypted_or_someone_removed_is_missing(key: str) -> None:
    report = read(IOS.replace("key Fake.key.of.tunnel_1", key))
    assert report.faults == ()
    assert report.connections[0].tunnels[0].psk is None
    assert "connections[0].tunnels[0].psk" in {item.field for item in report.missing}
    assert "Fake" not in str(report.warnings)


def test_asa_with_one_crypto_map_for_both_peers() -> None:
    report = read(ASA)
    assert report.faults == ()
    (connection,) = report.connections
    assert [tunnel.remote for tunnel in connection.tunnels] == [tunnel.remote for tunnel in DYNAMIC.tunnels]
    assert [tunnel.psk for tunnel in connection.tunnels] == [tunnel.psk for tunnel in DYNAMIC.tunnels]
    assert {tunnel.esp for tunnel in connection.tunnels} == {DYNAMIC.tunnels[0].esp}
    assert "connections[0].tunnels[0].inside" in {item.field for item in report.missing}


def test_asa_as_aws_s_guide_has_it_with_words_for_addresses() -> None:
    text = ASA.replace("198.51.100.71", "<AWS_ENDPOINT_2>").replace("198.51.100.7", "<AWS_ENDPOINT_1>")
    report = read(text.replace("Fake.key.of.tunnel_1", "password_here"))
    assert report.faults == ()
    assert len(report.connections[0].tunnels) == 2
    assert all(tunnel.remote is None for tunnel in report.connections[0].tunnels)


def test_asa_with_tunnel_interfaces_and_version_2() -> None:
    text = """crypto ikev2 policy 200
 encryption aes-256
 integrity sha256
 group 14
 prf sha256
 lifetime seconds 28800
crypto ipsec ikev2 ipsec-proposal P
 protocol esp encryption aes-256
 protocol esp integrity sha-256
crypto ipsec profile AWS
 set ikev2 ipsec-proposal P
 set pfs group14
 set security-association lifetime seconds 3600
interface Tunnel1
 nameif AWS-1
 ip address 169.254.23.6 255.255.255.252
 tunnel source interface outside
 tunnel destination 198.51.100.7
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile AWS
tunnel-group 198.51.100.7 type ipsec-l2l
tunnel-group 198.51.100.7 ipsec-attributes
 ikev2 remote-authentication pre-shared-key Fake.key.of.tunnel_1
 ikev2 local-authentication pre-shared-key Fake.key.of.tunnel_1
"""
    tunnel = first(text)
    assert tunnel.ike.version == 2
    assert (tunnel.ike.proposals, tunnel.esp.proposals) == (("aes256-sha256-modp2048",), ("aes256-sha256-modp2048",))
    assert (tunnel.ike.lifetime, tunnel.esp.lifetime) == (28800, 3600)
    assert tunnel.psk == Secret("Fake.key.of.tunnel_1")


def test_fortios_7_with_lists_of_proposals_and_groups() -> None:
    connection = the_connection(FORTIOS_7)
    assert (connection.mode, connection.asn, connection.peer_asn, connection.hold_time) == ("bgp", 65000, 64512, 30)
    (tunnel,) = connection.tunnels
    assert tunnel.ike.version == 2
    assert tunnel.ike.proposals == (
        "aes256-sha256-ecp384",
        "aes256-sha256-modp2048",
        "aes256gcm16-prfsha384-ecp384",
        "aes256gcm16-prfsha384-modp2048",
    )
    assert tunnel.esp.proposals == ("aes256gcm16-ecp384",)
    assert (tunnel.inside, tunnel.peer_inside) == (ip_interface("169.254.23.6/30"), ip_address("169.254.23.5"))


def test_fortios_without_pfs() -> None:
    assert first(FORTIOS_7.replace("        set dhgrp 20\n", "        set pfs disable\n")).esp.proposals == (
        "aes256gcm16",
    )


def test_fortios_whose_key_is_encrypted_lacks_it() -> None:
    report = read(FORTIOS_7.replace('"Fake.key.of.tunnel_1"', "ENC Fake/key=="))
    assert report.faults == ()
    assert "connections[0].tunnels[0].psk" in {item.field for item in report.missing}
    assert "Fake" not in str(report.warnings)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (IOS, "  lifetime 28800\n", "  lifetime 86400\n"),
        (IOS, "ip address 169.254.23.6 255.255.255.252", "ip address 169.254.23.6 255.255.255.999"),
        (IOS, "esp-aes 256 esp-sha256-hmac", "esp-3des esp-sha256-hmac"),
        (FORTIOS, "set remote-gw 198.51.100.7\n", "set remote-gw 198.51.100.700\n"),
        (FORTIOS, "set proposal aes256-sha256\n", "set proposal aes256-sha999\n"),
        (FORTIOS, "set psksecret Fake.key.of.tunnel_1", "set psksecret Fake+key"),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_line(text: str, old: str, new: str) -> None:
    assert old in text
    faults = read(text.replace(old, new, 1)).faults
    assert line_of(text, old.strip()) in {fault.line for fault in faults}
    assert "Fake" not in repr(faults)


@pytest.mark.parametrize(
    "line", [";", '"', "set", "set ;", "edit", "config", "exit", "next", "end", "interface", "crypto "]
)
@pytest.mark.parametrize("text", [IOS, ASA, FORTIOS], ids=["ios", "asa", "fortios"])
def test_a_line_with_nothing_in_it_breaks_nothing(text: str, line: str) -> None:
    lines = text.splitlines()
    for at in range(0, len(lines), 23):
        assert read("\n".join([*lines[:at], line, *lines[at:], ""])).documents
