"""A document joins the intent that is there: the same connection is brought up to date, no other is touched."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.intent.merge import Merged, Said, merge
from appliance.model.fault import WrongUsage
from appliance.model.intent import Announce, Bgp, Connection, Intent, SecretRef, Tunnel, Uplink
from appliance.model.machine import DefaultRoute, Interface, Machine
from appliance.vendors import read_documents
from appliance.vendors.intent_of import connection_of
from tests.vendors.samples import GENERIC, ID, STRONGSWAN

MACHINE = Machine(
    {
        "eth0": Interface("eth0", 1500, True, (ip_interface("203.0.113.202/24"),)),
        "eth2": Interface("eth2", 1500, True, (ip_interface("172.16.20.1/24"),)),
    },
    (DefaultRoute("eth0", ip_address("203.0.113.1"), 100, 4),),
)
LAN = (ip_network("172.16.20.0/24"),)
SAID = Said(name="vpc", lans=LAN)


def document(text: str = GENERIC, name: str | None = "vpc") -> tuple[Connection, tuple]:
    """A connection as read, and our address as each of its tunnels has it."""
    (read,) = read_documents([("vpn.txt", text)]).connections
    return connection_of(read, mode="bgp", name=name), tuple(tunnel.public for tunnel in read.tunnels)


def merged(before: Intent | None = None, text: str = GENERIC, said: Said = SAID, machine: Machine = MACHINE) -> Merged:
    return merge(before, *document(text, said.name), said, machine, "dc1")


def swapped(text: str) -> str:
    """The same document with its two tunnels in the other order."""
    first, second = text.index("IPSec Tunnel #1"), text.index("IPSec Tunnel #2")
    end = text.index("Additional Notes") if "Additional Notes" in text else len(text)
    one, two = text[first:second], text[second:end]
    return text[:first] + two.replace("#2", "#1") + one.replace("#1", "#2") + text[end:]


def other_remote(text: str) -> str:
    return text.replace("198.51.100.7\n", "198.51.100.99\n")


def by_name(connection: Connection) -> dict[str, str]:
    return {tunnel.name: str(tunnel.remote) for tunnel in connection.tunnels}


def test_a_first_document_makes_the_intent() -> None:
    found = merged()
    assert found.missing == ()
    intent = found.intent
    assert (intent.site.name, intent.site.asn, intent.site.networks) == ("dc1", 65000, LAN)
    assert str(intent.site.router_id) == "172.16.20.1"
    assert intent.uplinks == (Uplink("eth0", "eth0"),)
    assert by_name(found.connection) == {"vpc-1": "198.51.100.7", "vpc-2": "198.51.100.71"}
    assert [tunnel.psk for tunnel in found.connection.tunnels] == [
        SecretRef("file", "secrets/vpc-1.psk"), SecretRef("file", "secrets/vpc-2.psk"),
    ]  # fmt: skip
    assert (found.connection.asn, found.connection.peer_asn) == (None, 64512)


def test_the_same_document_again_changes_nothing() -> None:
    first = merged().intent
    assert merged(first).intent == first
    assert merged(first, said=Said()).intent == first


def test_tunnels_that_swap_places_keep_their_names() -> None:
    first = merged().intent
    again = merged(first, swapped(GENERIC), Said())
    assert again.names == {f"{ID}-1": "vpc-2", f"{ID}-2": "vpc-1"}
    assert by_name(again.connection) == by_name(first.connections[0])


def test_a_tunnel_that_moved_takes_the_name_that_became_free() -> None:
    first = merged().intent
    moved = merged(first, swapped(other_remote(GENERIC)), Said())
    assert by_name(moved.connection) == {"vpc-2": "198.51.100.71", "vpc-1": "198.51.100.99"}


def test_two_tunnels_that_moved_keep_to_two_names() -> None:
    first = merged().intent
    text = other_remote(GENERIC).replace("198.51.100.71", "198.51.100.98")
    assert by_name(merged(first, text, Said()).connection) == {"vpc-1": "198.51.100.99", "vpc-2": "198.51.100.98"}


def test_what_the_operator_set_stays() -> None:
    first = merged().intent
    (connection,) = first.connections
    one, two = connection.tunnels
    tuned = replace(
        connection,
        tunnels=(replace(one, mtu=1400, interface="tun1", if_id=77), two),
        announce=Announce(med=50),
        bgp=Bgp("ignore", (5, 15)),
        clear_text="protected-only",
    )
    again = merged(replace(first, connections=(tuned,)), said=Said()).connection
    assert (again.announce, again.clear_text, again.bgp.med) == (Announce(med=50), "protected-only", "ignore")
    assert (again.tunnels[0].mtu, again.tunnels[0].interface, again.tunnels[0].if_id) == (1400, "tun1", 77)


def test_what_the_document_changed_is_taken() -> None:
    first = merged().intent
    text = GENERIC.replace("64512", "64515")
    assert merged(first, text, Said()).connection.peer_asn == 64515


def test_another_document_leaves_the_first_connection_alone() -> None:
    first = merged().intent
    text = GENERIC.replace(ID, "vpn-0fa4e000000000002").replace("198.51.100.", "192.0.2.").replace("65000", "65020")
    both = merged(first, text, Said(name="lab")).intent
    assert both.connections[0] == first.connections[0]
    assert [connection.name for connection in both.connections] == ["vpc", "lab"]
    assert (both.site, both.uplinks) == (first.site, first.uplinks)
    assert both.connections[1].asn == 65020


def test_another_connection_does_not_get_a_name_that_is_taken() -> None:
    first = merged().intent
    with pytest.raises(WrongUsage, match=f"vpc is another connection already .*{ID}"):
        merged(first, GENERIC.replace(ID, "vpn-0fa4e000000000002"))


def test_a_connection_without_an_id_is_known_by_its_name() -> None:
    first = merged().intent
    named = replace(first, connections=(replace(first.connections[0], id=None),))
    assert len(merged(named).intent.connections) == 1


def test_what_is_missing_names_its_flag() -> None:
    found = merged(text=STRONGSWAN, said=Said(name="vpc"), machine=Machine())
    assert {missing.field: missing.hint for missing in found.missing} == {
        "site.asn": "--asn ASN",
        "connections[0].peer-asn": "--peer-asn ASN",
        "site.networks": "--lan CIDR",
        "uplinks": "--uplink isp1=INTERFACE",
    }


def test_a_masked_key_is_asked_for_by_tunnel_and_kept_once_known() -> None:
    masked = GENERIC.replace("Fake.key.of.tunnel_2", "<redacted>")
    if read_documents([("vpn.txt", masked)]).connections[0].tunnels[1].psk is not None:
        masked = GENERIC.replace("Fake.key.of.tunnel_2", "********")
    (missing,) = merged(text=masked).missing
    assert missing.hint == "--psk vpc-2=file:PATH"
    assert merged(text=masked, said=replace(SAID, keys=frozenset({"vpc-2"}))).missing == ()
    assert merged(merged().intent, masked, Said()).missing == ()


def test_a_key_is_for_the_tunnel_that_has_its_name_here() -> None:
    first = merged().intent
    bare = replace(first.connections[0], tunnels=tuple(replace(t, psk=None) for t in first.connections[0].tunnels))
    again = swapped(GENERIC).replace("Fake.key.of.tunnel_1", "********").replace("Fake.key.of.tunnel_2", "********")
    found = merged(replace(first, connections=(bare,)), again, Said(name="vpc", keys=frozenset({"vpc-1"})))
    assert found.names == {"vpc-1": "vpc-2", "vpc-2": "vpc-1"}
    assert [missing.hint for missing in found.missing] == ["--psk vpc-2=file:PATH"]


def test_behind_nat_the_only_uplink_gets_the_documents_address() -> None:
    eth0 = Interface("eth0", 1500, True, (ip_interface("192.168.1.10/24"),))
    inside = replace(MACHINE, interfaces={**MACHINE.interfaces, "eth0": eth0})
    assert merged(machine=inside).intent.uplinks == (Uplink("eth0", "eth0", public=ip_address("203.0.113.202")),)


def test_of_several_uplinks_the_public_address_chooses() -> None:
    uplinks = (Uplink("isp1", "eth0", public=ip_address("203.0.113.202")), Uplink("isp2", "eth1"))
    found = merged(said=replace(SAID, uplinks=uplinks))
    assert {tunnel.uplink for tunnel in found.connection.tunnels} == {"isp1"}
    strangers = tuple(replace(uplink, public=None) for uplink in uplinks)
    owed = merged(said=replace(SAID, uplinks=strangers)).missing
    assert [missing.hint for missing in owed] == ["--uplink NAME=INTERFACE,public=ADDRESS"] * 2


def test_stronger_algorithms_replace_those_of_both_phases() -> None:
    found = merged(text=STRONGSWAN, said=replace(SAID, asn=65010, peer_asn=64512, strengthen=True))
    assert {(tunnel.ike.version, tunnel.dpd.timeout) for tunnel in found.connection.tunnels} == {(2, None)}
    assert {tunnel.esp.proposals for tunnel in found.connection.tunnels} == {
        ("aes256gcm16-ecp384", "aes256-sha384-ecp384")
    }


def test_said_wins_over_the_document() -> None:
    found = merged(said=replace(SAID, asn=65020, peer_asn=64999, prefer="ordered", networks=LAN))
    assert (found.intent.site.asn, found.connection.asn) == (65020, None)
    assert (found.connection.peer_asn, found.connection.prefer, found.connection.networks) == (64999, "ordered", LAN)


def test_lans_add_up() -> None:
    more = (ip_network("172.16.21.0/24"),)
    assert merged(merged().intent, said=Said(lans=more)).intent.site.networks == LAN + more


def test_tunnels_are_not_mixed_up_with_another_connections() -> None:
    shared = Tunnel("lab-1", ip_address("198.51.100.7"))
    lab = Connection("lab", "aws", "bgp", (shared,), id="vpn-0fa4e000000000009", peer_asn=64512)
    first = merged().intent
    again = merged(replace(first, connections=(lab, *first.connections)), said=Said())
    assert by_name(again.connection) == by_name(first.connections[0])
    assert lab in again.intent.connections
