"""Clouds' documents to connections: which formats there are, which one a document is, and what it says.

A new format is one file with ``parse`` in its cloud's folder, and one entry in that folder's ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from appliance.model.document import ImportReport
from appliance.model.fault import Fault
from appliance.vendors import alibaba, aws, azure, device, google, oracle
from appliance.vendors.gathering import choose_form, gather
from appliance.vendors.recognition import Format, unknown_format
from appliance.vendors.text import Document

__all__ = ["FORMATS", "read_documents", "recognise"]

FORMATS: Mapping[str, Format] = MappingProxyType(
    {**aws.FORMATS, **alibaba.FORMATS, **google.FORMATS, **azure.FORMATS, **oracle.FORMATS, **device.FORMATS}
)
"""Name -> how a format is recognised, had and read. The parsers themselves are imported when they are needed."""


def recognise(document: Document) -> str | Fault:
    """The format of the document, by its content alone, or a fault that says what was tried and how near it came."""
    form, name = choose_form(document, FORMATS)
    return name or unknown_format(form, FORMATS)


def read_documents(documents: Iterable[tuple[str, bytes | str]], only: str | None = None) -> ImportReport:
    """Everything the documents (path and content each) say, leave open and get wrong, in one report.

    ``only``: the id of the one connection that is wanted. Several documents about one connection complement each other.
    """
    return gather(documents, FORMATS, only)
