"""VyOS, Junos and PAN-OS, in the syntaxes and shapes in which people have them."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from appliance.model.document import ReadDpd, ReadEsp, ReadIke
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.device.reading import first, first_version, read, the_connection
from tests.vendors.device.set_writers import junos_text, panos_text, vyatta_text
from tests.vendors.samples import line_of

VYATTA = vyatta_text(first_version(ReadDpd(15, None, 30)))
JUNOS = junos_text(first_version(ReadDpd()))
PANOS = panos_text(first_version(ReadDpd(10, 3)))

VYOS_1_4 = """set interfaces vti vti0 address '169.254.23.6/30'
set interfaces vti vti0 ip adjust-mss '1379'
set interfaces vti vti0 mtu '1436'
set protocols bgp neighbor 169.254.23.5 address-family ipv4-unicast soft-reconfiguration inbound
set protocols bgp neighbor 169.254.23.5 remote-as '64512'
set protocols bgp neighbor 169.254.23.5 timers holdtime '30'
set protocols bgp neighbor 192.168.1.9 remote-as '65099'
set protocols bgp system-as '65000'
set vpn ipsec authentication psk OFFICE id '203.0.113.202'
set vpn ipsec authentication psk OFFICE id '198.51.100.7'
set vpn ipsec authentication psk OFFICE secret 'Fake.key.of.tunnel_1'
set vpn ipsec esp-group AWS lifetime '3600'
set vpn ipsec esp-group AWS mode 'tunnel'
set vpn ipsec esp-group AWS pfs 'enable'
set vpn ipsec esp-group AWS proposal 1 encryption 'aes256gcm128'
set vpn ipsec esp-group AWS proposal 1 hash 'sha256'
set vpn ipsec ike-group AWS close-action 'none'
set vpn ipsec ike-group AWS dead-peer-detection action 'restart'
set vpn ipsec ike-group AWS dead-peer-detection interval '15'
set vpn ipsec ike-group AWS key-exchange 'ikev2'
set vpn ipsec ike-group AWS lifetime '28800'
set vpn ipsec ike-group AWS proposal 1 dh-group '20'
set vpn ipsec ike-group AWS proposal 1 encryption 'aes256'
set vpn ipsec ike-group AWS proposal 1 hash 'sha384'
set vpn ipsec ike-group AWS proposal 2 dh-group '14'
set vpn ipsec ike-group AWS proposal 2 encryption 'aes256'
set vpn ipsec ike-group AWS proposal 2 hash 'sha256'
set vpn ipsec interface 'eth0'
set vpn ipsec site-to-site peer OFFICE authentication local-id '203.0.113.202'
set vpn ipsec site-to-site peer OFFICE authentication mode 'pre-shared-secret'
set vpn ipsec site-to-site peer OFFICE authentication remote-id '198.51.100.7'
set vpn ipsec site-to-site peer OFFICE ike-group 'AWS'
set vpn ipsec site-to-site peer OFFICE local-address '10.0.2.15'
set vpn ipsec site-to-site peer OFFICE remote-address '198.51.100.7'
set vpn ipsec site-to-site peer OFFICE vti bind 'vti0'
set vpn ipsec site-to-site peer OFFICE vti esp-group 'AWS'
"""


def braced(text: str, end: str = "") -> str:
    """``set`` lines as sections in brackets, each statement in its own."""
    made = []
    for line in text.splitlines():
        if line.startswith("set "):
            *outer, key, value = line[4:].split()
            made += [f"{'    ' * depth}{word} {{" for depth, word in enumerate(outer)]
            made += [f"{'    ' * len(outer)}{key} {value}{end}", *("}" for _ in outer)]
    return "\n".join(made) + "\n"


def test_vyos_1_4_with_names_keys_apart_and_groups_of_ike() -> None:
    connection = the_connection(VYOS_1_4)
    assert (connection.cloud, connection.mode, connection.asn, connection.peer_asn) == ("aws", "bgp", 65000, 64512)
    (tunnel,) = connection.tunnels
    assert (tunnel.remote, tunnel.public) == (ip_address("198.51.100.7"), ip_address("203.0.113.202"))
    assert tunnel.psk == Secret("Fake.key.of.tunnel_1")
    assert tunnel.ike == ReadIke(2, ("aes256-sha384-ecp384", "aes256-sha256-modp2048"), 28800)
    assert tunnel.esp == ReadEsp(("aes256gcm16-ecp384", "aes256gcm16-modp2048"), 3600)
    assert (tunnel.inside, tunnel.peer_inside) == (ip_interface("169.254.23.6/30"), ip_address("169.254.23.5"))
    assert (tunnel.mtu, tunnel.mss) == (1436, 1379)


@pytest.mark.parametrize("text", [VYATTA, VYOS_1_4], ids=["1.1", "1.4"])
def test_config_boot_says_the_same(text: str) -> None:
    header = "".join(f"{line}\n" for line in text.splitlines() if "Your " in line)
    assert the_connection(header + braced(text)) == the_connection(text)


def test_a_session_of_the_shell_is_read() -> None:
    shown = "".join(f"vyos@vyos# {line}\n[edit]\n" for line in VYOS_1_4.splitlines())
    assert the_connection(shown) == the_connection(VYOS_1_4)


def test_with_an_id_in_names_only_the_connection_has_it() -> None:
    text = VYOS_1_4.replace("OFFICE", "vpn-0fa4e000000000001-1")
    assert the_connection(text).id == "vpn-0fa4e000000000001"


def test_without_a_cloud_it_is_any_gateway() -> None:
    connection = the_connection(VYOS_1_4.replace("AWS", "SITE"))
    assert (connection.cloud, connection.id) == ("generic", None)


def test_what_is_chosen_is_left_out_and_what_is_strange_is_warned_of() -> None:
    report = read(VYOS_1_4.replace("interface 'eth0'", "flex-vpn 'on'"))
    assert any("vpn ipsec ...: not known" in notice.message for notice in report.warnings)
    assert any(item.line == line_of(VYOS_1_4, "close-action") for item in report.ignored)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("lifetime '28800'", "lifetime '288000'", "vpn ipsec ike-group AWS lifetime"),
        ("dh-group '20'", "dh-group '99'", "vpn ipsec ike-group AWS proposal 1 dh-group"),
        ("secret 'Fake.key.of.tunnel_1'", "secret 'Fake.key", "vpn ipsec authentication psk OFFICE secret"),
        (
            "remote-address '198.51.100.7'",
            "remote-address '198.51.100.777'",
            "vpn ipsec site-to-site peer OFFICE remote-address",
        ),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_line(old: str, new: str, key: str) -> None:
    assert old in VYOS_1_4
    faults = [fault for fault in read(VYOS_1_4.replace(old, new)).faults if fault.line == line_of(VYOS_1_4, old)]
    assert [fault.key for fault in faults] == [key]
    assert "Fake" not in repr(faults)


def test_junos_in_brackets_says_the_same() -> None:
    header = "".join(f"{line}\n" for line in JUNOS.splitlines() if "Your " in line)
    assert the_connection(header + braced(JUNOS, ";")) == the_connection(JUNOS)


def test_junos_names_its_version_and_watches_in_its_own_words() -> None:
    gateway = "set security ike gateway gw-vpn-0fa4e000000000001-1"
    text = JUNOS.replace(f"{gateway} no-nat-traversal\n", f"{gateway} version v2-only\n").replace(
        f"{gateway} dead-peer-detection\n",
        f"{gateway} dead-peer-detection interval 10\n{gateway} dead-peer-detection threshold 3\n",
    )
    assert first(text).ike.version == 2
    assert first(text).dpd == ReadDpd(10, 3, None)


def test_junos_without_a_group_has_no_pfs() -> None:
    lines = [line for line in JUNOS.splitlines() if "perfect-forward-secrecy" not in line]
    assert first("\n".join([*lines, ""])).esp.proposals == ("aes256-sha256",)


def test_junos_units_are_interfaces() -> None:
    assert first(JUNOS.replace("interfaces st0.1", "interfaces st0 unit 1")).inside == first(JUNOS).inside


def test_a_gateway_without_its_vpn_is_a_tunnel_that_lacks_the_rest() -> None:
    report = read("\n".join(line for line in JUNOS.splitlines() if " ipsec vpn " not in line) + "\n")
    assert [tunnel.remote for tunnel in report.connections[0].tunnels] == [
        tunnel.remote for tunnel in the_connection(JUNOS).tunnels
    ]
    assert report.connections[0].tunnels[0].esp.proposals == ()


def test_panos_as_whole_set_lines_says_the_same() -> None:
    lines, above = [], ""
    for line in map(str.strip, PANOS.splitlines()):
        if line.startswith("edit "):
            above += line.removeprefix("edit ") + " "
        elif line == "top":
            above = ""
        lines.append(f"set {above}{line[4:]}" if line.startswith("set ") else line if line.startswith("!") else "")
    text = "\n".join(lines).replace("interface tunnel ip", "interface tunnel units tunnel.1 ip", 1)
    text = text.replace("interface tunnel ip", "interface tunnel units tunnel.2 ip")
    assert the_connection(text + "\n").tunnels[1].inside == the_connection(PANOS).tunnels[1].inside


def test_panos_says_version_2_itself() -> None:
    text = PANOS.replace("set protocol ikev1 dpd", "set protocol version ikev2-preferred\n  set protocol ikev2 dpd")
    assert first(text.replace("protocol ikev1", "protocol ikev2")).ike.version == 2


def test_two_connections_on_one_device_are_two() -> None:
    lines = "".join(f"{line}\n" for line in JUNOS.splitlines() if not line.startswith("#"))
    other = lines.replace("vpn-0fa4e000000000001", "vpn-0fa4e000000000002").replace("198.51.100.", "192.0.2.")
    other = other.replace("st0.1", "st0.3").replace("st0.2", "st0.4").replace("169.254.2", "169.254.3")
    report = read(lines + other)
    assert report.faults == ()
    assert [(found.id, len(found.tunnels), found.mode) for found in report.connections] == [
        ("vpn-0fa4e000000000001", 2, "bgp"),
        ("vpn-0fa4e000000000002", 2, "bgp"),
    ]
    only = read_documents([("srx.txt", lines + other)], "vpn-0fa4e000000000002")
    assert [found.id for found in only.connections] == ["vpn-0fa4e000000000002"]


@pytest.mark.parametrize(
    ("text", "key"),
    [(JUNOS, '"$9$Fake/encrypted.1"; ## SECRET-DATA'), (PANOS, "-AQ==Fake/encrypted=")],
    ids=["junos", "panos"],
)
def test_a_key_that_the_device_has_encrypted_is_missing(text: str, key: str) -> None:
    report = read(text.replace("Fake.key.of.tunnel_1", key))
    assert report.faults == ()
    (why,) = (item.why for item in report.missing if item.field == "connections[0].tunnels[0].psk")
    assert "encrypted by the device" in why
    assert "Fake/" not in repr(report)


def test_a_key_with_the_signs_of_a_prompt_is_a_key() -> None:
    text = VYOS_1_4.replace("AWS", "SITE").replace("Fake.key.of.tunnel_1", "Fake@key# set of$ 1")
    assert first(text).psk == Secret("Fake@key# set of$ 1")


@pytest.mark.parametrize("name", ["10.0.2.15", "office.example"])
def test_an_identity_that_is_no_public_address_is_a_name(name: str) -> None:
    tunnel = first(VYOS_1_4.replace("authentication local-id '203.0.113.202'", f"authentication local-id '{name}'"))
    assert (tunnel.public, tunnel.local_id) == (None, name)
