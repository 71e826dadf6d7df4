"""Which format a document is, told by its content alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from appliance.model.fault import Fault
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_AWS = "in the AWS console, under Download configuration, choose vendor Generic"
_RELATIVES = (
    (r"(?mi)^[!#* ]*Your VPN Connection ID", f"this is AWS's download for another device: {_AWS}"),
    (r"<vpn_connection\b|\"VpnConnections\"", f"this is AWS's description for programs: {_AWS}"),
)
"""Documents that we know and do not read, and what to give instead."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: ``title`` for people; ``example``, the command or the way through the console that gives one;
    ``module``, which has ``parse``, document to readings; ``marks``, regular expressions of which the first ``needed``
    must be found and each further one makes it likelier; ``is_tree`` for JSON, YAML and XML, whose end the notation
    tells."""

    title: str
    example: str
    module: str
    marks: tuple[str, ...]
    needed: int
    is_tree: bool = False

    def found(self, document: Document) -> tuple[bool, ...]:
        """Which marks the document has."""
        text = document.source if self.is_tree else document.text
        return tuple(re.search(mark, text) is not None for mark in self.marks)

    def parse(self, document: Document) -> Sequence[Reading]:
        """The document's connections. Only now is the parser's module imported: nobody waits for the other formats."""
        parse: Callable[[Document], Sequence[Reading]] = import_module(self.module).parse
        return parse(document)


def choose_format(document: Document, formats: Mapping[str, Format]) -> str | Fault:
    """The name of the format with the most marks among those whose needed ones are all there, or a fault that says
    what was tried and how near each came."""
    found = {name: format.found(document) for name, format in formats.items()}
    fitting = [name for name, marks in found.items() if all(marks[: formats[name].needed])]
    if fitting:
        return max(fitting, key=lambda name: sum(found[name]) / len(found[name]))
    nearest = sorted(found, key=lambda name: -sum(found[name]) / len(found[name]))
    tried = "; ".join(f"{name} has {sum(found[name])} of {len(found[name])} marks" for name in nearest)
    return Fault(
        "no format that we read" if document.lines or document.cut else "the document is empty",
        file=document.path,
        found=tried,
        allowed="; ".join(f"{name}: {formats[name].title}" for name in formats),
        fix=next((fix for mark, fix in _RELATIVES if re.search(mark, document.text)), "give one of these"),
    )
