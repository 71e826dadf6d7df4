"""A hand-made ipsec.conf with its secrets and updown line, as strongSwan, Libreswan and Openswan take it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.document import ImportReport, ReadConnection, ReadTunnel
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.device.conf_writers import BEHIND, OURS, conf_text, openswan_text
from tests.vendors.samples import GENERIC, STATIC, the_fault

CONNECTION = ReadConnection(
    name="generic",
    cloud="generic",
    networks=BEHIND,
    local_networks=OURS,
    tunnels=tuple(replace(tunnel, mtu=None) for tunnel in STATIC.tunnels),
)
TEXT = conf_text(CONNECTION)
SECRETS = "".join(f"{line}\n" for line in TEXT.split("\n") if ": PSK " in line)
CONF = "".join(f"{line}\n" for line in TEXT.split("\n") if ": PSK " not in line)


def read(*texts: str) -> ImportReport:
    """The report over the documents."""
    return read_documents([(f"file-{number}", text) for number, text in enumerate(texts, start=1)])


def first(text: str) -> ReadTunnel:
    """Tunnel 1 of a document without faults."""
    report = read(text)
    assert report.faults == ()
    return report.connections[0].tunnels[0]


def conn(*lines: str) -> str:
    """One Libreswan conn with these lines."""
    known = ("authby=secret", "left=%defaultroute", "leftid=203.0.113.202", "right=198.51.100.7", "ikev2=insist")
    return "conn gw\n" + "".join(f"\t{line}\n" for line in (*known, *lines))


def test_it_is_read_whole() -> None:
    report = read(TEXT)
    assert report.faults == ()
    assert report.connections == (CONNECTION,)
    assert [document.format for document in report.documents] == ["device/ipsec-conf"]


@pytest.mark.parametrize("documents", [(CONF, SECRETS), (SECRETS, CONF)], ids=["conf first", "secrets first"])
def test_the_secrets_may_be_a_document_of_their_own(documents: tuple[str, str]) -> None:
    assert read(*documents).connections == (CONNECTION,)


def test_secrets_may_name_the_gateway_first() -> None:
    turned = "".join(f"{' '.join([b, a, *rest])}\n" for a, b, *rest in map(str.split, SECRETS.splitlines()))
    assert read(CONF, turned).connections == (CONNECTION,)


def test_secrets_fill_the_keys_of_a_cloud_s_document_too() -> None:
    bare = GENERIC.replace("Fake.key.of.tunnel_1", "").replace("Fake.key.of.tunnel_2", "")
    report = read(bare, SECRETS)
    assert [tunnel.psk for tunnel in report.connections[0].tunnels] == [tunnel.psk for tunnel in STATIC.tunnels]
    assert [item.field for item in report.missing] == [item.field for item in read(GENERIC).missing]


def test_secrets_of_other_peers_are_left_out_with_their_line() -> None:
    report = read(CONF, SECRETS + '203.0.113.202 192.0.2.9 : PSK "Fake.key.of.another"\n: PSK "Fake.key.for.all"\n')
    assert report.connections == (CONNECTION,)
    assert [item.why for item in report.ignored if item.line in (3, 4)][-2:] == [
        "of a peer that no document here has",
        "a key for any peer: which tunnel's it is, it does not say",
    ]


def test_secrets_alone_lack_everything_else() -> None:
    report = read(SECRETS)
    assert len(report.connections) == 1
    assert [tunnel.remote for tunnel in report.connections[0].tunnels] == [tunnel.remote for tunnel in STATIC.tunnels]
    assert "connections[0].tunnels[0].inside" in {item.field for item in report.missing}


def test_an_ipsec_conf_joins_the_cloud_s_document_by_the_outside_address() -> None:
    report = read(CONF, GENERIC)
    (connection,) = report.connections
    assert (connection.cloud, connection.id, connection.asn) == ("aws", STATIC.id, 65000)


def test_own_settings_win_over_lent_ones_and_these_over_default_ones() -> None:
    lent = "conn %default\n\tikelifetime=1h\n\tlifetime=20m\n\nconn lent\n\tlifetime=30m\n\tdpddelay=7s\n\n"
    text = lent + "conn gw\n\talso=lent\n\tright=198.51.100.7\n\tdpddelay=9s\n\tkeyexchange=ikev2\n"
    tunnel = first(text)
    assert (tunnel.ike.lifetime, tunnel.esp.lifetime, tunnel.dpd.delay) == (3600, 1800, 9)


def test_a_lending_conn_may_stand_below_and_lend_itself() -> None:
    text = "conn gw\n\talso=one\n\tright=198.51.100.7\nconn one\n\talso=two\nconn two\n\tkeyexchange=ikev2\n"
    report = read(text)
    assert [tunnel.ike.version for tunnel in report.connections[0].tunnels] == [2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conn a\n\talso=b\n\tright=198.51.100.7\nconn b\n\talso=a\n\tauto=start\n", "include one another"),
        ("conn a\n\talso=b\n\tright=198.51.100.7\n\tauto=start\n", "no such conn"),
    ],
)
def test_what_cannot_be_inherited_is_a_fault(text: str, words: str) -> None:
    assert any(words in fault.message for fault in read(text).faults)


def test_a_fault_in_a_shared_setting_is_one_fault() -> None:
    fault = the_fault(read(TEXT.replace("\tauthby=psk", "\tauthby=pubkey")))
    assert fault.key == "authby"


@pytest.mark.parametrize(
    ("old", "new", "inside"),
    [
        ("-ll 169.254.23.6/30", "--link-local 169.254.23.6/30", "169.254.23.6/30"),
        ("-m 0x64", "--mark=100 --verbose", "169.254.23.6/30"),
    ],
)
def test_arguments_of_the_updown_script(old: str, new: str, inside: str) -> None:
    assert old in TEXT
    assert first(TEXT.replace(old, new)).inside == ip_interface(inside)


def test_an_unknown_argument_is_warned_of() -> None:
    assert any("--verbose" in notice.message for notice in read(TEXT.replace("-m 0x64", "--verbose")).warnings)


def test_settings_that_strongswan_has_not_are_left_out_and_said() -> None:
    line = TEXT.split("\n").index("    leftkeepalive=20s") + 1
    assert any(item.line == line and "no setting of strongSwan" in item.why for item in read(TEXT).ignored)


def test_names_are_identities_and_a_private_left_is_not_ours_outside() -> None:
    text = "conn gw\n\tleft=10.1.2.3\n\tleftid=@us.example\n\tright=198.51.100.7\n\trightid=@them.example\n"
    tunnel = first(text)
    assert (tunnel.public, tunnel.local_id, tunnel.remote_id) == (None, "@us.example", "@them.example")
    assert first("conn gw\n\tleft=10.1.2.3\n\tright=198.51.100.7\n\tauto=start\n").public is None
    assert first("conn gw\n\tleft=203.0.113.9\n\tright=198.51.100.7\n\tauto=start\n").public == ip_address(
        "203.0.113.9"
    )


@pytest.mark.parametrize(
    ("lines", "ike", "esp"),
    [
        (("ike=aes256-sha2_256;dh14", "esp=aes256-sha2_256"), "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
        (("ike=aes256-sha1;modp1024", "phase2alg=aes_gcm256-null;dh19"), "aes256-sha1-modp1024", "aes256gcm16-ecp256"),
        (("ike=aes128-sha1;modp2048", "phase2alg=aes128-sha1", "pfs=no"), "aes128-sha1-modp2048", "aes128-sha1"),
    ],
)
def test_proposals_in_libreswan_s_words(lines: tuple[str, ...], ike: str, esp: str) -> None:
    tunnel = first(conn(*lines))
    assert (tunnel.ike.version, tunnel.ike.proposals, tunnel.esp.proposals) == (2, (ike,), (esp,))


def test_libreswan_s_own_groups_are_not_guessed() -> None:
    report = read(conn("ike=aes256-sha1", "phase2alg=aes128-sha1;modp2048"))
    assert report.connections[0].tunnels[0].ike.proposals == ()
    assert any("names no group" in notice.message for notice in report.warnings)


def test_libreswan_s_interfaces_and_networks() -> None:
    lines = ("leftvti=169.254.23.6/30", "vti-interface=vti1", "mtu=1400", "rightsubnets={10.0.0.0/16 10.1.0.0/16}")
    report = read(conn(*lines))
    assert report.faults == ()
    (connection,) = report.connections
    assert (connection.tunnels[0].inside, connection.tunnels[0].mtu) == (ip_interface("169.254.23.6/30"), 1400)
    assert connection.networks == (ip_network("10.0.0.0/16"), ip_network("10.1.0.0/16"))


def test_openswan_begins_with_version_1_unless_told_otherwise() -> None:
    assert first(conn("keyexchange=ike").replace("\tikev2=insist\n", "\tauth=esp\n")).ike.version == 1
    assert first(conn("keyexchange=ike")).ike.version == 2


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("0x46616b652e6b65792e31", "Fake.key.1"),
        ("0sRmFrZS5rZXkuMQ==", "Fake.key.1"),
        ('"Fake#key \\\\{1}"', "Fake#key \\\\{1}"),
        ("'Fake key 1'  # ours", "Fake key 1"),
    ],
)
def test_keys_as_ipsec_secrets_takes_them(key: str, found: str) -> None:
    assert first(TEXT.replace('"Fake.key.of.tunnel_1"', key)).psk == Secret(found)


@pytest.mark.parametrize("key", ["0x00ff", "0sRm9", "0xFake", '"Fak"', "Fake.key.of.mine"])
def test_keys_that_cannot_be_are_faults_without_them(key: str) -> None:
    fault = the_fault(read(TEXT.replace('"Fake.key.of.tunnel_1"', key)))
    assert fault.key == "PSK"
    assert key not in repr(fault)


def test_openswan_s_download_names_no_inside_address() -> None:
    report = read(openswan_text(replace(STATIC, tunnels=CONNECTION.tunnels)))
    assert report.faults == ()
    assert [document.format for document in report.documents] == ["device/openswan"]
    assert report.connections[0].cloud == "aws"
    asked = {item.field: item.why for item in report.missing}
    assert "connections[0].tunnels[1].inside" in asked
    assert "<REMOTE NETWORK>" in asked["connections[0].networks"]


def test_conns_to_different_networks_are_different_connections() -> None:
    second = TEXT.index("conn Tunnel2")
    text = TEXT[:second] + TEXT[second:].replace("10.0.0.0/16,10.20.0.0/16", "10.99.0.0/16")
    report = read(text)
    assert report.faults == ()
    assert [(found.name, found.networks) for found in report.connections] == [
        ("generic", BEHIND),
        ("generic-2", (ip_network("10.99.0.0/16"),)),
    ]
    assert [len(found.tunnels) for found in report.connections] == [1, 1]
    assert all(found.local_networks == OURS for found in report.connections)


def test_conns_of_one_download_stay_together_whatever_networks_were_filled_in() -> None:
    text = openswan_text(replace(STATIC, tunnels=CONNECTION.tunnels))
    first_filled = text.replace("<REMOTE NETWORK>", "10.0.0.0/16", 1).replace("<LOCAL NETWORK>", "10.9.0.0/16")
    (connection,) = read(first_filled).connections
    assert (len(connection.tunnels), connection.networks) == (2, (ip_network("10.0.0.0/16"),))


SCRIPT = """#!/bin/bash
while [[ $# -gt 1 ]]; do
    case ${1} in
        -ll|--link-local) TUNNEL_LOCAL_ADDRESS="${2}"; shift ;;
    esac
    shift
done
case "${PLUTO_VERB}" in
    up-client) ip link add ${TUNNEL_NAME} type vti key ${PLUTO_MARK_OUT} ;;
esac
"""


def test_the_updown_script_may_be_given_too_and_says_nothing() -> None:
    report = read(CONF, SECRETS, SCRIPT)
    assert report.connections == (CONNECTION,)
    assert [document.format for document in report.documents][-1] == "device/updown-script"
    assert any(item.line == 1 and "updown script" in item.why for item in report.ignored)


def test_the_updown_script_alone_is_no_connection() -> None:
    assert the_fault(read(SCRIPT)).fix is not None
