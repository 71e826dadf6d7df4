"""What is wrapped around a document is taken off; what is left stays on its line; no part is taken for the whole."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from appliance.model.document import ImportReport
from appliance.vendors import read_documents
from tests.vendors.manglings import each_line, framed, in_mail, page
from tests.vendors.samples import GENERIC, read

FAULTY = GENERIC.replace("169.254.23.6/30", "169.254.23.7/30")
XML = """<?xml version="1.0" encoding="UTF-8"?>
<vpn_connection id="vpn-0fa4e000000000001">
  <ipsec_tunnel>
    <customer_gateway>
      <tunnel_outside_address><ip_address>203.0.113.300</ip_address></tunnel_outside_address>
    </customer_gateway>
  </ipsec_tunnel>
</vpn_connection>
"""


def line_of(report: ImportReport) -> int | None:
    """Where the first fault is."""
    return report.faults[0].line


@pytest.mark.parametrize(
    ("wrap", "further"),
    [
        (lambda text: each_line(text, "> "), 0),
        (framed, 1),
        (page, 4),
        (in_mail, 4),
        (lambda text: in_mail(each_line(text, ">> ")), 4),
    ],
    ids=["quoted", "boxed", "page", "mail", "quoted in a mail"],
)
@pytest.mark.parametrize("text", [FAULTY, XML], ids=["lines", "tree"])
def test_faults_name_the_line_of_the_document_as_given(wrap: Callable[[str], str], further: int, text: str) -> None:
    plain, wrapped = line_of(read(text)), line_of(read(wrap(text)))
    assert plain
    assert wrapped == plain + further


def test_a_part_of_a_cut_document_is_not_taken_for_it() -> None:
    described = {"VpnConnections": [{"VpnConnectionId": "vpn-0fa4e001", "CustomerGatewayConfiguration": XML}]}
    whole = json.dumps(described, indent=1)
    for end in range(10, len(whole) - 1, 7):
        assert read(whole[:end]).faults
        assert read(in_mail(whole[:end])).faults


def test_a_document_without_its_beginning_is_a_fault() -> None:
    assert read(XML[60:]).faults


def test_contradictions_between_documents_are_faults_that_name_both() -> None:
    report = read_documents([("a.txt", GENERIC), ("b.txt", GENERIC.replace(": 65000", ": 65001"))])
    (fault, *_) = report.faults
    assert fault.file == "b.txt"
    assert "a.txt" in fault.message
