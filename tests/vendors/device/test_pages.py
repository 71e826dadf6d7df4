"""RouterOS's exports old and new, and downloads that tell which pages to fill in."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from appliance.model.document import ReadDpd, ReadEsp, ReadIke
from appliance.model.secret import Secret
from tests.vendors.device.page_writers import fortigate_text, pfsense_text, pfsense_xml, routeros_text
from tests.vendors.device.reading import first, first_version, read, the_connection
from tests.vendors.samples import line_of

PFSENSE = pfsense_text(first_version(ReadDpd(10, 3)))
FORTIGATE = fortigate_text(first_version(ReadDpd()))
ROUTEROS = routeros_text(replace(first_version(ReadDpd(10, 5)), id="office"))
PFSENSE_XML = pfsense_xml(first_version(ReadDpd(10, 5)))
OLD_ROUTEROS = """/ip ipsec proposal
add auth-algorithms=sha256 enc-algorithms=aes-256-cbc,aes-128-cbc lifetime=1h name=site pfs-group=none
/ip ipsec peer
add address=198.51.100.7/32 dh-group=modp2048 dpd-interval=10s enc-algorithm=aes-256 exchange-mode=main \\
    hash-algorithm=sha256 lifetime=8h local-address=203.0.113.202 name=site secret="Fake key \\"1\\" here"
add address=198.51.100.9/32 disabled=yes secret=Fake.key.of.another
/ip ipsec policy
add dst-address=10.20.0.0/16 peer=site proposal=site sa-dst-address=198.51.100.7 tunnel=yes
"""


def test_routeros_with_profiles_and_identities() -> None:
    connection = the_connection(ROUTEROS)
    assert (connection.cloud, connection.id) == ("generic", None)
    assert [tunnel.psk for tunnel in connection.tunnels] == [
        Secret("Fake.key.of.tunnel_1"),
        Secret("Fake.key.of.tunnel_2"),
    ]
    assert connection.tunnels[0].ike == ReadIke(2, ("aes256-sha256-modp2048",), 28800)
    assert connection.tunnels[0].esp == ReadEsp(("aes256-sha256-modp2048",), 3600)


def test_routeros_before_6_44_says_all_of_it_in_the_peer() -> None:
    (tunnel,) = the_connection(OLD_ROUTEROS).tunnels
    assert (tunnel.remote, tunnel.public) == (ip_address("198.51.100.7"), ip_address("203.0.113.202"))
    assert tunnel.ike == ReadIke(1, ("aes256-sha256-modp2048",), 28800)
    assert tunnel.esp == ReadEsp(("aes256-sha256", "aes128-sha256"), 3600)
    assert tunnel.psk == Secret('Fake key "1" here')


def test_routeros_on_one_line_each_says_the_same() -> None:
    lines, path = [], ""
    for line in ROUTEROS.replace("\\\n    ", "").splitlines():
        path = line if line.startswith("/") else path
        lines += [] if line.startswith(("/", "#")) else [f"{path} {line}"]
    assert the_connection("\n".join([*lines, ""])) == the_connection(ROUTEROS)


def test_an_export_without_secrets_lacks_the_keys() -> None:
    report = read("".join(f"{line}\n" for line in ROUTEROS.splitlines() if "secret=" not in line))
    assert report.faults == ()
    assert "connections[0].tunnels[0].psk" in {item.field for item in report.missing}


def test_pfsense_names_nothing_of_the_inside() -> None:
    report = read(PFSENSE)
    assert report.faults == ()
    whys = {item.field.removeprefix("connections[0]."): item.why for item in report.missing}
    assert whys["tunnels[0].inside"] == whys["tunnels[0].public"] == whys["asn"] == "this format never names it"
    assert report.connections[0].tunnels[0].dpd == ReadDpd(10, 3, None)


def test_pfsense_as_aws_s_guide_has_it_with_words_for_addresses() -> None:
    report = read(PFSENSE.replace("198.51.100.71", "AWS_ENPOINT_2").replace("198.51.100.7", "AWS_ENPOINT_1"))
    assert report.faults == ()
    assert [tunnel.remote for tunnel in report.connections[0].tunnels] == [None, None]


def test_fortigate_s_pages_say_the_inside_without_its_length() -> None:
    tunnel = first(FORTIGATE)
    assert (tunnel.inside, tunnel.peer_inside) == (ip_interface("169.254.23.6/30"), ip_address("169.254.23.5"))
    assert (tunnel.public, tunnel.mtu, tunnel.mss) == (ip_address("203.0.113.202"), 1436, 1379)
    assert the_connection(FORTIGATE).networks == ()


def test_a_download_of_which_there_is_no_sample_is_refused_with_the_generic_one() -> None:
    text = PFSENSE.replace("Key Exchange version", "Exchange Mode").replace("Remote Gateway", "Address")
    (fault,) = read(text).faults
    assert "for another device" in str(fault.fix)
    assert "choose vendor Generic" in str(fault.fix)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (PFSENSE, "Remote Gateway: 198.51.100.7\n", "Remote Gateway: 198.51.100.777\n"),
        (PFSENSE, "Pre-Shared Key: Fake.key.of.tunnel_1", "Pre-Shared Key: Fake+key"),
        (FORTIGATE, "Keylife: 28800 seconds", "Keylife: 99999 seconds"),
        (ROUTEROS, "pfs-group=modp2048", "pfs-group=modp9999"),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_line(text: str, old: str, new: str) -> None:
    assert old in text
    faults = read(text.replace(old, new, 1)).faults
    line = line_of(text, old.strip())
    assert {line, line - 1} & {fault.line for fault in faults}
    assert "Fake" not in repr(faults)


def test_pfsense_s_own_configuration_says_the_inside_too() -> None:
    connection = the_connection(PFSENSE_XML)
    assert (connection.cloud, connection.id) == ("aws", "vpn-0fa4e000000000001")
    tunnel = connection.tunnels[0]
    assert (tunnel.inside, tunnel.peer_inside) == (ip_interface("169.254.23.6/30"), ip_address("169.254.23.5"))
    assert (tunnel.ike.proposals, tunnel.esp.proposals) == (("aes256-sha256-modp2048",), ("aes256-sha256-modp2048",))


def test_pfsense_with_policies_disabled_entries_and_any_size() -> None:
    text = PFSENSE_XML.replace("<mode>vti</mode>", "<mode>tunnel</mode>", 1).replace(
        "<ikeid>2</ikeid>", "<ikeid>2</ikeid><disabled/>"
    )
    text = text.replace("<keylen>256</keylen>", "<keylen>auto</keylen>", 1)
    (tunnel,) = the_connection(text).tunnels
    assert tunnel.inside is None
    assert tunnel.ike.proposals[0] == "aes256-sha256-modp2048"
    assert tunnel.ike.proposals[-1] == "aes128-sha256-modp2048"


def test_pfsense_with_gcm_and_without_pfs() -> None:
    text = PFSENSE_XML.replace("<name>aes</name>", "<name>aes256gcm</name>").replace("<keylen>256<", "<keylen>128<")
    text = text.replace("<iketype>ikev1", "<iketype>ikev2").replace("<pfsgroup>14<", "<pfsgroup>0<")
    tunnel = first(text)
    assert tunnel.ike.proposals == ("aes256gcm16-prfsha256-modp2048",)
    assert tunnel.esp.proposals == ("aes256gcm16",)
