"""Several documents to one report: each read by its format, numbered through, restricted to what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from appliance.model.document import ImportReport, ReadDocument
from appliance.model.fault import Fault, Notice
from appliance.vendors.draft import Reading
from appliance.vendors.recognition import Parser, choose_format
from appliance.vendors.text import Document, parse_document


def gather(
    contents: Iterable[tuple[str, bytes | str]], parsers: Mapping[str, Parser], only: str | None = None
) -> ImportReport:
    """The report over all documents. ``only``: the id of the one connection that is wanted."""
    documents = [parse_document(path, content) for path, content in contents]
    formats = [(document, choose_format(document, parsers)) for document in documents]
    strange = tuple(found for _, found in formats if isinstance(found, Fault))
    known = [(document, name) for document, name in formats if isinstance(name, str)]
    readings = [reading for document, name in known for reading in _read(document, parsers[name], len(documents) > 1)]
    wanted = [reading for reading in readings if _is_wanted(reading, only)]
    connections = [reading.connection for reading in wanted if reading.connection is not None]
    return ImportReport(
        documents=tuple(ReadDocument(document.path, name) for document, name in known),
        connections=tuple(connections),
        missing=tuple(
            replace(item, field=f"connections[{index}].{item.field}")
            for index, reading in enumerate(wanted)
            for item in reading.findings.missing
        ),
        warnings=tuple(item for reading in wanted for item in reading.findings.warnings),
        ignored=tuple(item for reading in wanted for item in reading.findings.ignored),
        faults=strange + tuple(item for reading in wanted for item in reading.findings.faults),
    )


def _read(document: Document, parser: Parser, several: bool) -> list[Reading]:
    readings = list(parser.parse(document))
    if several:
        for reading in readings:
            reading.findings.warnings = [
                Notice(f"{document.path}, {notice.where}", notice.message) for notice in reading.findings.warnings
            ]
    return readings


def _is_wanted(reading: Reading, only: str | None) -> bool:
    return only is None or reading.connection is None or only in (reading.connection.id, reading.connection.name)
