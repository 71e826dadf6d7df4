"""Several documents to one report: each read by its format, joined by connection, restricted to what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from appliance.model.document import ImportReport, ReadConnection, ReadDocument
from appliance.model.fault import Fault, Notice
from appliance.vendors.draft import Findings, Reading
from appliance.vendors.merging import merge
from appliance.vendors.recognition import LONGEST_LINES, Format, choose_format, unknown_format
from appliance.vendors.text import Document, parse_document
from appliance.vendors.tree import Node, ends_itself, read_tree
from appliance.vendors.unwrapping import cut_out, forms
from appliance.vendors.values import Place


def gather(
    contents: Iterable[tuple[str, bytes | str]], formats: Mapping[str, Format], only: str | None = None
) -> ImportReport:
    """The report over all documents. ``only``: the id of the one connection that is wanted."""
    documents = [parse_document(path, content) for path, content in contents]
    choices = [choose_form(document, formats) for document in documents]
    strange = [unknown_format(document, formats) for document, name in choices if name is None]
    known = [(document, name) for document, name in choices if name is not None]
    read, empty = _read(known, formats)
    strange += empty
    origins = {id(reading): document for document, reading in read}
    finished = [_finish(reading, origins[id(reading)]) for reading in merge(reading for _, reading in read)]
    wanted = _distinct([pair for pair in finished if _is_wanted(*pair, only)])
    trees = {document.path for document, name in known if formats[name].is_tree and ends_itself(document)}
    warnings = [notice for _, findings in wanted for notice in findings.warnings]
    return ImportReport(
        documents=tuple(ReadDocument(document.path, name) for document, name in known),
        connections=tuple(connection for connection, _ in wanted),
        missing=tuple(
            replace(item, field=f"connections[{index}].{item.field}")
            for index, (_, findings) in enumerate(wanted)
            for item in findings.missing
        ),
        warnings=tuple(_local(notice, documents) for notice in [*map(_cut, _ended_early(choices, trees)), *warnings]),
        ignored=tuple(item for _, findings in wanted for item in findings.ignored),
        faults=_in_order([*strange, *(item for _, findings in wanted for item in findings.faults)], documents),
    )


def _read(
    known: list[tuple[Document, str]], formats: Mapping[str, Format]
) -> tuple[list[tuple[Document, Reading]], list[Fault]]:
    """Each document's readings, and a fault for one that has none. Those of a format that is spread are read together,
    at the turn of the first of them."""
    read: list[tuple[Document, Reading]] = []
    empty = []
    for document, name in known:
        together = [other for other, its in known if its == name] if formats[name].is_spread else []
        if together and together[0] is not document:
            continue
        found = formats[name].parse_together(together) if together else formats[name].parse(document)
        read += ((document, reading) for reading in found)
        if not found:
            empty.append(_without(document, formats[name].title))
    return read, empty


def _finish(reading: Reading, document: Document) -> tuple[ReadConnection, Findings]:
    connection, findings = reading.finish(reading.draft, reading.findings), reading.findings
    if not (connection.tunnels or findings.faults):
        findings.faults.append(_without(document, f"{connection.name}, without tunnels"))
    return connection, findings


def _is_wanted(connection: ReadConnection, findings: Findings, only: str | None) -> bool:
    """What cannot be read may be the one that is asked for: its faults are not hidden."""
    unreadable = connection.id is None and not connection.tunnels and bool(findings.faults)
    return only is None or only in (connection.id, connection.name) or unreadable


def _without(document: Document, found: str) -> Fault:
    message = "there is no connection in it"
    return Fault(message, document.path, found=found, fix="give what the cloud says of an existing connection, whole")


def choose_form(document: Document, formats: Mapping[str, Format]) -> tuple[Document, str | None]:
    """The document as it is best read, with what was wrapped around it taken off, and its format. A tree is read as
    soon as it can be: what looks like a wrapping within it may be a value. Lines are read when no wrapping shows."""
    unreadable: tuple[Document, str] | None = None
    of_lines: tuple[Document, str] | None = None
    for form in forms(document) if len(document.source) <= LONGEST_LINES else [document]:
        name = choose_format(form, formats)
        if name is not None and not formats[name].is_tree:
            of_lines = form, name
        elif found := _readable(form, name, formats):
            return found
        elif name is not None:
            unreadable = unreadable or (form, name)
    return of_lines or unreadable or (document, None)


def _readable(document: Document, name: str | None, formats: Mapping[str, Format]) -> tuple[Document, str] | None:
    """The document, or what can be cut out of it, where it is a tree of some format."""
    if name is not None and _is_tree(document):
        return document, name
    for part in cut_out(document) if len(document.source) <= LONGEST_LINES else ():
        fitting = choose_format(part, formats)
        if fitting is not None and formats[fitting].is_tree and _is_tree(part):
            return part, fitting
    return None


def _is_tree(document: Document) -> bool:
    """Whether it has branches: as YAML any words make a text."""
    tree = read_tree(document)
    return isinstance(tree, Node) and isinstance(tree.value, dict | list)


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


def _ended_early(choices: list[tuple[Document, str | None]], trees: set[str]) -> list[Place]:
    """Documents of lines that end in the middle of one; a tree that does is unreadable, and said to be."""
    return [Place(doc.path, doc.cut, "") for doc, _ in choices if doc.cut is not None and doc.path not in trees]


def _cut(place: Place) -> Notice:
    message = "the document ends without a line end, so this line may be cut short: it was not read"
    return Notice(place.where, message)


def _local(notice: Notice, documents: list[Document]) -> Notice:
    """With one document the lines suffice; its path stands once in the report."""
    if len(documents) > 1:
        return notice
    return replace(notice, where=notice.where.removeprefix(f"{documents[0].path}, "))
