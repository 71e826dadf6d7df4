"""Which format a document is, told by its content alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from appliance.model.fault import Fault
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document, parse_document

_AWS = "in the AWS console, under Download configuration, choose vendor Generic"
_RELATIVES = (
    (r"\APK\x03\x04", "this is a ZIP or a Word file: give the text that is in it"),
    (r"\A%PDF-", "this is a PDF: give the text that is in it"),
    (r"(?m)^\|+ +Describe\w+ +\|+$", "this is a table: give the same command with --output json"),
    (r"(?mi)^[!#* ]*Your VPN Connection ID", f"this is AWS's download for another device: {_AWS}"),
    (r"<vpn_connection\b|\"VpnConnections\"", f"this is AWS's description for programs: {_AWS}"),
)
"""Documents that we know and do not read, and what to give instead."""
_COMPARED = 1 << 18
"""Characters of an unknown document that are compared with the formats."""
LONGEST_LINES = 2 << 20
"""Characters of a document that is no tree: a router's whole configuration has some hundred thousand."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: ``title`` for people; ``example``, the command or the way through the console that gives one;
    ``module``, which has ``parse``, document to readings; ``words``, in small letters and without blanks, of which one
    is in every document of the format: they are looked for first, for that is quick; ``marks``, regular expressions of
    which the first ``needed`` must be found and each further one makes it likelier; ``is_tree`` for JSON, YAML and XML,
    whose end the notation tells; ``is_spread`` where a cloud's answers describe a connection only together: the module
    has ``parse_together``, documents to readings."""

    title: str
    example: str
    module: str
    words: tuple[str, ...]
    marks: tuple[str, ...]
    needed: int
    is_tree: bool = False
    is_spread: bool = False

    def found(self, document: Document) -> tuple[bool, ...]:
        """Which marks the document has."""
        return tuple(self._has(mark, document) for mark in self.marks)

    def fits(self, document: Document) -> bool:
        """Whether all needed marks are there."""
        if not self.is_tree and len(document.source) > LONGEST_LINES:
            return False
        if not any(word in document.folded for word in self.words):
            return False
        return all(self._has(mark, document) for mark in self.marks[: self.needed])

    def _has(self, mark: str, document: Document) -> bool:
        return re.search(mark, document.source if self.is_tree else document.text) is not None

    def parse(self, document: Document) -> Sequence[Reading]:
        """The document's connections. Only now is the parser's module imported: nobody waits for the other formats."""
        parse: Callable[[Document], Sequence[Reading]] = import_module(self.module).parse
        return parse(document)

    def parse_together(self, documents: Sequence[Document]) -> Sequence[Reading]:
        """The connections of several documents of a format that is spread."""
        parse: Callable[[Sequence[Document]], Sequence[Reading]] = import_module(self.module).parse_together
        return parse(documents)


def choose_format(document: Document, formats: Mapping[str, Format]) -> str | None:
    """The name of the format with the most marks among those whose needed ones are all there."""
    fitting = [name for name, known in formats.items() if known.fits(document)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    return max(fitting, key=lambda name: _share(formats[name].found(document)))


def _share(found: tuple[bool, ...]) -> float:
    return sum(found) / len(found)


def unknown_format(document: Document, formats: Mapping[str, Format]) -> Fault:
    """The fault of a document that is none of them: how near it came to the nearest, and which were tried. Of a large
    one only the beginning is compared."""
    short = parse_document(document.path, document.source[:_COMPARED])
    found = {name: known.found(short) for name, known in formats.items()}
    nearest = sorted((name for name in found if any(found[name])), key=lambda name: -_share(found[name]))[:3]
    near = "; ".join(f"{name} has {sum(found[name])} of {len(found[name])} marks" for name in nearest)
    return Fault(
        _unknown(document),
        file=document.path,
        found=f"nearest: {near}" if near else "nothing of any of them",
        allowed=f"one of these, which `appliance import --help` explains: {', '.join(formats)}",
        fix=next((fix for mark, fix in _RELATIVES if re.search(mark, short.source)), "give one of these"),
    )


def _unknown(document: Document) -> str:
    if not document.source.strip():
        return "the document is empty"
    if len(document.source) > LONGEST_LINES:
        return f"no JSON and no XML that we read, and nothing else is read beyond {LONGEST_LINES >> 20} MB"
    return "no format that we read"
