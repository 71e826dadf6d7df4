"""Several documents to one report: each read by its format, joined by connection, restricted to what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from appliance.model.document import ImportReport, ReadConnection, ReadDocument
from appliance.model.fault import Fault, Notice
from appliance.vendors.draft import Findings
from appliance.vendors.merging import merge
from appliance.vendors.recognition import Format, choose_format
from appliance.vendors.text import Document, parse_document
from appliance.vendors.values import Place


def gather(
    contents: Iterable[tuple[str, bytes | str]], formats: Mapping[str, Format], only: str | None = None
) -> ImportReport:
    """The report over all documents. ``only``: the id of the one connection that is wanted."""
    documents = [parse_document(path, content) for path, content in contents]
    choices = [(document, choose_format(document, formats)) for document in documents]
    strange = tuple(found for _, found in choices if isinstance(found, Fault))
    known = [(document, name) for document, name in choices if isinstance(name, str)]
    readings = merge(reading for document, name in known for reading in formats[name].parse(document))
    finished = [(reading.finish(reading.draft, reading.findings), reading.findings) for reading in readings]
    wanted = _distinct([pair for pair in finished if only is None or only in (pair[0].id, pair[0].name)])
    trees = {document.path for document, name in known if formats[name].is_tree}
    warnings = [notice for _, findings in wanted for notice in findings.warnings]
    return ImportReport(
        documents=tuple(ReadDocument(document.path, name) for document, name in known),
        connections=tuple(connection for connection, _ in wanted),
        missing=tuple(
            replace(item, field=f"connections[{index}].{item.field}")
            for index, (_, findings) in enumerate(wanted)
            for item in findings.missing
        ),
        warnings=tuple(_local(notice, documents) for notice in [*map(_cut, _ended_early(documents, trees)), *warnings]),
        ignored=tuple(item for _, findings in wanted for item in findings.ignored),
        faults=_in_order([*strange, *(item for _, findings in wanted for item in findings.faults)], documents),
    )


def _in_order(faults: list[Fault], documents: list[Document]) -> tuple[Fault, ...]:
    """As a reader comes across them: by document, then by line."""
    turn = {document.path: index for index, document in enumerate(documents)}
    return tuple(sorted(faults, key=lambda fault: (turn.get(fault.file or "", -1), fault.line or 0)))


def _distinct(finished: list[tuple[ReadConnection, Findings]]) -> list[tuple[ReadConnection, Findings]]:
    """Names told apart: documents without the cloud's id would all be called after the cloud."""
    taken: dict[str, int] = {}
    named = []
    for connection, findings in finished:
        count = taken[connection.name] = taken.get(connection.name, 0) + 1
        name = connection.name if count == 1 else f"{connection.name}-{count}"
        named.append((replace(connection, name=name), findings))
    return named


def _ended_early(documents: list[Document], trees: set[str]) -> list[Place]:
    """Documents of lines that end in the middle of one; a tree that does is unreadable, and said to be."""
    return [Place(doc.path, doc.cut, "") for doc in documents if doc.cut is not None and doc.path not in trees]


def _cut(place: Place) -> Notice:
    message = "the document ends without a line end, so this line may be cut short: it was not read"
    return Notice(place.where, message)


def _local(notice: Notice, documents: list[Document]) -> Notice:
    """With one document the lines suffice; its path stands once in the report."""
    if len(documents) > 1:
        return notice
    return replace(notice, where=notice.where.removeprefix(f"{documents[0].path}, "))
