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
    start = document.source.lstrip()[:1]
    try:
        if start == "<":
            return read_xml(document.path, document.source)
        return read_json(document.path, document.source) if start in ("{", "[") else _yaml(document)
    except Unreadable as error:
        return Place(document.path, error.line, "").fault(error.message, allowed=error.allowed, fix=error.fix)


class Unreadable(Exception):
    """Not the notation it seemed to be: what is wrong, on which line."""

    def __init__(self, message: str, line: int, allowed: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.allowed = allowed
        self.fix = fix or "give the document whole, as the cloud wrote it: it may be cut short"


def _yaml(document: Document) -> Node:
    from appliance.vendors.tree_yaml import read_yaml  # costs more than all else, and few documents are YAML

    return read_yaml(document.path, document.source)


_TOKEN = re.compile(
    r"(?P<blank>\s+|//[^\n]*|#[^\n]*|/\*.*?\*/)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<mark>[{}\[\],:])"
    r"|(?P<word>-?[A-Za-z0-9_.+-]+)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = re.compile(r"true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_JSON = "JSON (RFC 8259); comments and trailing commas may stay"


def read_json(file: str, text: str) -> Node:
    """JSON to a tree. Raises Unreadable."""
    return _Json(file, text).read()


class _Json:
    """One pass over the tokens; recursion is bounded by ``DEEPEST``."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.at = 0
        self.line = 1
        self.kind = self.token = ""
        self._next()

    def read(self) -> Node:
        node = self._value("", 0)
        if self.kind:
            raise self._unreadable("something stands after the end of the document")
        return node

    def _unreadable(self, message: str) -> Unreadable:
        return Unreadable(message if self.kind else "the document ends in the middle", self.line, _JSON)

    def _next(self) -> None:
        """The next token that is not blank; kind ``""`` at the end. Tokens are never quoted: one may be a key."""
        while True:
            self.line += self.token.count("\n")
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                self.kind, self.token = ("strange", "") if self.at < len(self.text) else ("", "")
                return
            self.at, self.kind, self.token = match.end(), str(match.lastgroup), match[0]
            if self.kind != "blank":
                return

    def _value(self, key: str, depth: int) -> Node:
        line = self.line
        if depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} levels deep", line, _JSON)
        if self.token == "{" and self.kind == "mark":
            return Node(self._mapping(key, depth), self.file, line, key)
        if self.token == "[" and self.kind == "mark":
            return Node(self._list(key, depth), self.file, line, key)
        return Node(self._scalar(), self.file, line, key)

    def _scalar(self) -> str | None:
        token, kind = self.token, self.kind
        if kind == "string":
            self._next()
            return _unescaped(token)
        if kind == "word" and _WORDS.fullmatch(token):
            self._next()
            return None if token == "null" else token
        raise self._unreadable("a value is expected here")

    def _mapping(self, key: str, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self._next()
        while not self._closes("}"):
            if self.kind != "string":
                raise self._unreadable("a key in quotes is expected here")
            name = _unescaped(self.token)
            self._next()
            if self.token != ":":
                raise self._unreadable("a colon is expected here")
            self._next()
            found[name] = self._value(f"{key}.{name}" if key else name, depth + 1)
            self._comma("}")
        return found

    def _list(self, key: str, depth: int) -> list[Node]:
        found: list[Node] = []
        self._next()
        while not self._closes("]"):
            found.append(self._value(f"{key}[{len(found)}]", depth + 1))
            self._comma("]")
        return found

    def _closes(self, mark: str) -> bool:
        closes = self.kind == "mark" and self.token == mark
        if closes:
            self._next()
        return closes

    def _comma(self, end: str) -> None:
        if self.kind == "mark" and self.token == ",":
            self._next()
        elif not (self.kind == "mark" and self.token == end):
            raise self._unreadable(f"a comma or {end} is expected here")


def _unescaped(token: str) -> str:
    return _ESCAPE.sub(_character, token[1:-1]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)


def read_xml(file: str, text: str) -> Node:
    """XML to a tree: elements by name (repeated ones as a list), attributes as ``@name``, the text of an element that
    has attributes too as ``#text``; namespaces are dropped. Raises Unreadable, for any document type too."""
    from appliance.vendors.tree_xml import parse_xml

    return parse_xml(file, text)
