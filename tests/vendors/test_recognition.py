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
! This configuration was tested on a SonicWALL TZ 600 running OS 6.2.5.1-26n
! IPSec Tunnel !1
vpn policy tunnel-interface vpn-0fa4e000000000001-1
gateway primary 198.51.100.7
"""


@pytest.mark.parametrize(("text", "name"), [(STRONGSWAN, "aws/strongswan-text"), (GENERIC, "aws/generic-text")])
def test_each_format_is_recognised(text: str, name: str) -> None:
    assert recognise(parse_document("anything.bin", text)) == name
    assert recognise(parse_document("mail.txt", f"Hi Jo,\n\nhere it is:\n\n{text}\n-- \nAl\n")) == name


XML = "<?xml version='1.0'?>\n<vpn_connection/>\n"


@pytest.mark.parametrize("text", [ONE_END_ONLY, SONICWALL, XML, "", "\n\n", "Dear all,\n", "{}\n"])
def test_what_is_none_of_them_is_a_fault_that_says_what_was_tried(text: str) -> None:
    fault = recognise(parse_document("vpn.txt", text))
    assert isinstance(fault, Fault)
    assert fault.file == "vpn.txt"
    assert fault.found is not None
    assert all(name in fault.found for name in FORMATS)
    assert all(known.title in str(fault.allowed) for known in FORMATS.values())


def test_the_nearest_format_comes_first() -> None:
    fault = recognise(parse_document("vpn.txt", ONE_END_ONLY))
    assert isinstance(fault, Fault)
    assert "device/openswan has 3 of 4 marks; " in str(fault.found)


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
    ("text", "words"),
    [
        (ONE_END_ONLY, "for another device"),
        (SONICWALL, "for another device"),
        (XML, "for programs"),
        ("Dear all,\n", "one of these"),
    ],
)
def test_documents_that_we_know_and_do_not_read(text: str, words: str) -> None:
    assert words in str(read(text).faults[0].fix)
