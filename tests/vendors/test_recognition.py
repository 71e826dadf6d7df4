"""A document's format is told by its content, whatever it is called and wherever it stands."""

from __future__ import annotations

import pytest

from appliance.model.fault import Fault
from appliance.vendors import FORMATS, read_documents, recognise
from appliance.vendors.text import parse_document
from tests.vendors.samples import GENERIC, STRONGSWAN, read

ONE_END_ONLY = """Amazon Web Services
Virtual Private Cloud

Your VPN Connection ID                  : vpn-0fa4e000000000001

IPSEC Tunnel #1
conn Tunnel1
	authby=secret
	auto=start
	left=%defaultroute
	leftid=203.0.113.202
	ikelifetime=8h
	phase2alg=aes128-sha1;modp1024
	ike=aes128-sha1;modp1024
	auth=esp
	keyexchange=ike
	leftsubnet=<LOCAL NETWORK>
	rightsubnet=<REMOTE NETWORK>
"""
SONICWALL = """! Amazon Web Services
! Your VPN Connection ID                  : vpn-0fa4e000000000001
! This configuration was tested on a SonicWALL TZ 600
! IPSec Tunnel !1
vpn policy tunnel-interface vpn-0fa4e000000000001-1
gateway primary 198.51.100.7
"""


@pytest.mark.parametrize(("text", "name"), [(STRONGSWAN, "aws/strongswan-text"), (GENERIC, "aws/generic-text")])
def test_each_format_is_recognised(text: str, name: str) -> None:
    assert recognise(parse_document("anything.bin", text)) == name
    assert recognise(parse_document("mail.txt", f"Hi Jo,\n\nhere it is:\n\n{text}\n-- \nAl\n")) == name


@pytest.mark.parametrize("text", [ONE_END_ONLY, SONICWALL, "", "\n\n", "Dear all,\n", "{}\n", "<page/>\n"])
def test_what_is_none_of_them_is_a_fault_that_says_what_was_tried(text: str) -> None:
    fault = recognise(parse_document("vpn.txt", text))
    assert isinstance(fault, Fault)
    assert fault.file == "vpn.txt"
    assert all(name in str(fault.allowed) for name in FORMATS)


@pytest.mark.parametrize("more", ["", "x\n" * 100_000])
def test_the_three_nearest_formats_are_named_the_nearest_first(more: str) -> None:
    fault = recognise(parse_document("vpn.txt", ONE_END_ONLY + more))
    assert isinstance(fault, Fault)
    near = str(fault.found).removeprefix("nearest: ").split("; ")
    assert near[0] == "device/openswan has 3 of 4 marks"
    assert len(near) == 3


def test_a_strange_document_does_not_hide_the_others() -> None:
    report = read_documents([("mail.txt", "Dear all,\n"), ("vpn.txt", GENERIC)])
    assert [document.path for document in report.documents] == ["vpn.txt"]
    assert [fault.file for fault in report.faults] == ["mail.txt"]
    assert report.connections == read(GENERIC).connections


def test_a_document_of_one_unfinished_line_is_not_called_empty() -> None:
    (fault,) = read("Amazon Web Services").faults
    assert "empty" not in fault.message
    assert "empty" in read("").faults[0].message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ONE_END_ONLY, "for another device"),
        (SONICWALL, "for another device"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Word file"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"-----\n|   DescribeVpnConnections   |\n+----+\n", "--output json"),
        (b"Dear all,\n", "one of these"),
    ],
)
def test_what_cannot_be_read_says_what_to_give_instead(content: bytes | str, words: str) -> None:
    (fault,) = read_documents([("vpn.txt", content)]).faults
    assert words in str(fault.fix)


def test_a_document_without_a_connection_says_so() -> None:
    (fault,) = read("<?xml version='1.0'?>\n<vpn_connection/>\n").faults
    assert "no connection" in fault.message
