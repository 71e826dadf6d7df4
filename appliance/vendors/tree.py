"""JSON, YAML and XML to one kind of tree whose every node knows its line, so that faults can name it.

Read leniently where people edit by hand (comments, trailing commas), strictly where a document could do harm: XML with
a document type is refused whole (entities, external files), YAML with aliases too, and nothing nests deeper than
``DEEPEST``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from appliance.model.fault import Fault
from appliance.vendors.text import Document
from appliance.vendors.values import Place

DEEPEST = 64
"""Levels of nesting; Terraform's states have some ten."""

_START = re.compile(r"^\s*(?!#|//)(\S)", re.MULTILINE)

Value = str | None | dict[str, "Node"] | list["Node"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A mapping, a list, a text (numbers and ``true`` as they are written) or None (``null``, an empty element).
    ``key`` is the way from the root (``VpnConnections[0].Options``), ``file`` and ``line`` where it begins."""

    value: Value
    file: str
    line: int
    key: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.file, self.line, self.key)

    @property
    def text(self) -> str | None:
        """The text without blanks around it; None for anything else, and for an empty one."""
        return (self.value.strip() or None) if isinstance(self.value, str) else None

    def find(self, *way: str | int) -> Node | None:
        """The node down this way: keys of mappings, indexes of lists; None when there is none or only ``null``."""
        node: Node | None = self
        for step in way:
            value = node.value if node else None
            if isinstance(value, dict) and isinstance(step, str):
                node = value.get(step)
            elif isinstance(value, list) and isinstance(step, int):
                node = value[step] if -len(value) <= step < len(value) else None
            else:
                return None
        return None if node is None or node.value is None else node

    def items(self, *way: str | int) -> list[Node]:
        """What the list down this way holds. A single thing is a list of one: XML cannot tell the two apart."""
        node = self.find(*way)
        if node is None:
            return []
        return node.value if isinstance(node.value, list) else [node]

    def keys(self) -> list[str]:
        """The keys of a mapping; none for anything else."""
        return list(self.value) if isinstance(self.value, dict) else []

    def says(self, other: Node) -> bool:
        """Whether both are the same text, or both nothing."""
        return not isinstance(self.value, dict | list) and self.value == other.value

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the document's order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            if isinstance(node.value, dict):
                waiting += reversed(node.value.values())
            elif isinstance(node.value, list):
                waiting += reversed(node.value)


@lru_cache(maxsize=8)
def read_tree(document: Document) -> Node | Fault:
    """The document's tree, by its first character JSON, XML or else YAML; a fault with its line when it is none."""
    try:
        if not ends_itself(document):
            return _yaml(document)
        return read_xml(document.path, document.source) if _start(document) == "<" else _json(document)
    except Unreadable as error:
        return Place(document.path, error.line, "").fault(error.message, allowed=error.allowed, fix=error.fix)


def ends_itself(document: Document) -> bool:
    """Whether its notation tells where it ends. YAML does not: of a last line without a line end nothing is taken."""
    return _start(document) in ("<", "{", "[", "/")


def _start(document: Document) -> str:
    """The first character beside comments."""
    found = _START.search(document.source)
    return found[1] if found else document.source.lstrip()[:1]


class Unreadable(Exception):
    """Not the notation it seemed to be: what is wrong, on which line."""

    def __init__(self, message: str, line: int, allowed: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.allowed = allowed
        self.fix = fix or "give the document whole, as the cloud wrote it: it may be cut short"


def contradiction(first: Node, line: int, allowed: str) -> Unreadable:
    """A key that stands twice in one mapping and says two things."""
    message = f"says something else than the same key on line {first.line}"
    return Unreadable(message, line, allowed, "find out which one is right and remove the other")


def _json(document: Document) -> Node:
    from appliance.vendors.tree_json import read_json

    return read_json(document.path, document.source)


def _yaml(document: Document) -> Node:
    from appliance.vendors.tree_yaml import read_yaml  # costs more than all else, and few documents are YAML

    whole = document.source if document.cut is None else document.source.rpartition("\n")[0]
    return read_yaml(document.path, whole)


def read_xml(file: str, text: str) -> Node:
    """XML to a tree: elements by name (repeated ones as a list), attributes as ``@name``, the text of an element that
    has attributes too as ``#text``; namespaces are dropped. Raises Unreadable, for any document type too."""
    from appliance.vendors.tree_xml import parse_xml

    return parse_xml(file, text)
