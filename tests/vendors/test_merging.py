"""Several documents about one connection."""

from __future__ import annotations

from dataclasses import replace

from appliance.model.document import ImportReport
from appliance.vendors import read_documents
from tests.vendors.samples import DYNAMIC, GENERIC, ID, STRONGSWAN


def both(strongswan: str = STRONGSWAN, generic: str = GENERIC) -> ImportReport:
    """The strongSwan download, then the generic one."""
    return read_documents([("strongswan.txt", strongswan), ("generic.txt", generic)])


def test_what_one_leaves_open_the_other_fills() -> None:
    report = both()
    (connection,) = report.connections
    assert (connection.asn, connection.peer_asn, connection.mode, connection.hold_time) == (65000, 64512, "bgp", 30)
    assert [document.format for document in report.documents] == ["aws/strongswan-text", "aws/generic-text"]
    assert (report.missing, report.faults) == ((), ())
    dpd = connection.tunnels[0].dpd
    assert (dpd.delay, dpd.retries, dpd.timeout) == (10, 3, 30)


def test_where_templates_differ_the_first_counts_and_it_is_said() -> None:
    report = both()
    assert [tunnel.mtu for tunnel in report.connections[0].tunnels] == [1419, 1419]
    notices = [notice for notice in report.warnings if "Tunnel interface MTU" in notice.message]
    assert len(notices) == 2
    assert notices[0].where.startswith("generic.txt, line ")
    assert "strongswan.txt, line " in notices[0].message


def test_a_fact_that_differs_is_a_fault_with_both_places() -> None:
    report = both(generic=GENERIC.replace("Fake.key.of.tunnel_2", "Fake.key.of.another"))
    (fault,) = report.faults
    assert fault.file == "generic.txt"
    assert fault.message.startswith("contradicts strongswan.txt, line ")
    assert "Fake" not in repr(report)


def test_words_in_one_are_filled_by_the_other() -> None:
    hidden = STRONGSWAN.replace("203.0.113.202", "our_public_ip").replace("198.51.100.71", "aws_ip_2")
    hidden = hidden.replace("198.51.100.7", "aws_ip_1").replace("Fake.key.of.tunnel_", "password")
    report = both(hidden)
    assert [tunnel.remote for tunnel in report.connections[0].tunnels] == [t.remote for t in DYNAMIC.tunnels]
    assert [tunnel.psk for tunnel in report.connections[0].tunnels] == [t.psk for t in DYNAMIC.tunnels]
    assert (report.missing, report.faults) == ((), ())


def test_the_order_of_tunnels_does_not_matter() -> None:
    first, second = GENERIC.index("IPSec Tunnel #1"), GENERIC.index("IPSec Tunnel #2")
    end = GENERIC.index("  Additional Notes")
    swapped = GENERIC[:first] + GENERIC[second:end] + GENERIC[first:second] + GENERIC[end:]
    assert both(generic=swapped).connections == both().connections


def test_a_tunnel_that_only_one_has_is_added() -> None:
    text = STRONGSWAN[: STRONGSWAN.index("IPSEC Tunnel #2")]
    report = both(text[: text.rindex("\n", 0, -1) + 1])
    assert len(report.connections[0].tunnels) == 2
    assert not any("one tunnel" in notice.message for notice in report.warnings)


def test_the_same_document_twice_is_one() -> None:
    report = read_documents([("a.txt", GENERIC), ("b.txt", GENERIC)])
    assert report.connections == (DYNAMIC,)
    assert report.faults == ()


def test_connections_with_different_ids_stay_apart_and_one_can_be_chosen() -> None:
    other = GENERIC.replace(ID, "vpn-0000000b").replace("Fake.key.of.tunnel_2", "")
    documents = [("a.txt", GENERIC), ("b.txt", other)]
    assert [found.name for found in read_documents(documents).connections] == [ID, "vpn-0000000b"]
    assert read_documents(documents).missing[0].field == "connections[1].tunnels[1].psk"
    chosen = read_documents(documents, "vpn-0000000b")
    assert [found.name for found in chosen.connections] == ["vpn-0000000b"]
    assert chosen.missing[0].field == "connections[0].tunnels[1].psk"
    assert read_documents(documents, "vpn-none").connections == ()


def test_documents_without_an_id_get_names_of_their_own() -> None:
    header = f"Your VPN Connection ID                  : {ID}\n"
    assert header in GENERIC
    one = GENERIC.replace(header, "")
    other = one.replace("198.51.100.", "192.0.2.").replace("169.254.2", "169.254.3")
    report = read_documents([("a.txt", one), ("b.txt", other)])
    assert [found.name for found in report.connections] == ["aws", "aws-2"]
    assert report.connections[0] == replace(DYNAMIC, name="aws", id=None)
    assert [item.hint for item in report.missing] == ["--name NAME", "--name NAME"]


def test_what_neither_says_is_not_blamed_on_the_format_of_one() -> None:
    lines = [line for line in GENERIC.split("\n") if "Gateway ASN" not in line]
    whys = {item.field: item.why for item in both(generic="\n".join(lines)).missing}
    assert whys == dict.fromkeys(("connections[0].asn", "connections[0].peer_asn"), "the document does not say it")
