"""Which format a document is, told by its content alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
class Parser:
    """One format: ``title`` for people; ``marks``, regular expressions of which the first ``needed`` must be found and
    each further one makes it likelier; ``parse``, text to connections."""

    title: str
    marks: tuple[str, ...]
    needed: int
    parse: Callable[[Document], Sequence[Reading]]

    def found(self, text: str) -> tuple[bool, ...]:
        """Which marks the text has."""
        return tuple(re.search(mark, text) is not None for mark in self.marks)


def choose_format(document: Document, parsers: Mapping[str, Parser]) -> str | Fault:
    """The name of the format with the most marks among those whose needed ones are all there, or a fault that says
    what was tried and how near each came."""
    found = {name: parser.found(document.text) for name, parser in parsers.items()}
    fitting = [name for name, marks in found.items() if all(marks[: parsers[name].needed])]
    if fitting:
        return max(fitting, key=lambda name: sum(found[name]) / len(found[name]))
    nearest = sorted(found, key=lambda name: -sum(found[name]) / len(found[name]))
    tried = "; ".join(f"{name} has {sum(found[name])} of {len(found[name])} marks" for name in nearest)
    return Fault(
        "no format that we read" if document.lines or document.cut else "the document is empty",
        file=document.path,
        found=tried,
        allowed="; ".join(f"{name}: {parsers[name].title}" for name in parsers),
        fix=next((fix for mark, fix in _RELATIVES if re.search(mark, document.text)), "give one of these"),
    )
