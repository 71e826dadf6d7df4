"""Clouds' documents to connections: which formats there are, which one a document is, and what it says.

A new format is one file with ``MARKS`` and ``parse``, and one line in ``PARSERS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from appliance.model.document import ImportReport
from appliance.model.fault import Fault
from appliance.vendors import aws_generic, aws_strongswan
from appliance.vendors.gathering import gather
from appliance.vendors.recognition import Parser, choose_format
from appliance.vendors.text import Document

__all__ = ["PARSERS", "read_documents", "recognise"]

PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        "aws/strongswan-text": Parser(
            "AWS, vendor Strongswan",
            aws_strongswan.MARKS,
            aws_strongswan.NEEDED,
            aws_strongswan.parse,
        ),
        "aws/generic-text": Parser(
            "AWS, vendor Generic, platform Generic, software Vendor Agnostic",
            aws_generic.MARKS,
            aws_generic.NEEDED,
            aws_generic.parse,
        ),
    }
)
"""Format -> how it is recognised and read."""


def recognise(document: Document) -> str | Fault:
    """The format of the document, by its content alone, or a fault that says what was tried and how near it came."""
    return choose_format(document, PARSERS)


def read_documents(documents: Iterable[tuple[str, bytes | str]], only: str | None = None) -> ImportReport:
    """Everything the documents (path and content each) say, leave open and get wrong, in one report.

    ``only``: the id of the one connection that is wanted. Several documents about one connection complement each other.
    """
    return gather(documents, PARSERS, only)
