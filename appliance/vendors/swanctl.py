"""strongSwan's notation of nested sections (strongswan.conf(5), swanctl.conf(5)) to the tree that all formats read.

``include`` lines are passed over, ``name : other.section { }`` takes over what the other section says. Text around the
sections, as a page or a mail has it, is none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.model.fault import Fault
from appliance.vendors.text import Document
from appliance.vendors.tree import DEEPEST, Node
from appliance.vendors.values import Place

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*"
_SECTION = re.compile(rf"({_NAME})(?: ?: ?({_NAME}(?: ?, ?{_NAME})*))? ?\{{ ?")
_SETTING = re.compile(rf'({_NAME}) ?= ?((?:"(?:[^"\\]|\\.)*"|[^"#{{}}])*)(?:#.*)?')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_ALLOWED = "sections of settings: name { key = value }"
_SHORTEST = 64  # characters of a line that a mail program may have broken
_TOP = frozenset({"connections", "secrets", "pools", "authorities", "charon", "charon-systemd", "swanctl"})


class _Broken(Exception):
    """Not the notation: what is wrong, on which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def read_swanctl(document: Document) -> Node | Fault:
    """The document's sections as mappings and its settings as texts, or a fault with its line. Nothing of a document
    that ends inside a section is read: it may be cut short. No fault quotes a setting, which may be a key."""
    try:
        return _Reader(document.path).read(document)
    except _Broken as error:
        fix = "give the whole file: it may be cut short, or a bracket or a quote is missing"
        return Place(document.path, error.line, "").fault(error.message, allowed=_ALLOWED, fix=fix)


class _Reader:
    """One pass over the lines, with the sections that are open."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: dict[str, Node] = {}
        self.open: list[tuple[str, dict[str, Node]]] = []
        self.line = 1

    def read(self, document: Document) -> Node:
        for number, text in _joined(document):
            self.line = number
            self._read_line(text)
        if self.open:
            raise _Broken(f"section {self.open[-1][0]} is never closed", self.line)
        return Node(self.root, self.file, 1, "")

    def _read_line(self, text: str) -> None:
        while text and not text.startswith("#"):
            if (match := _SECTION.match(text)) and (self.open or match[1] in _TOP):
                self._begin(match[1], match[2])
            elif self.open and text.startswith("}"):
                self.open.pop()
                text = text[1:].lstrip()
                continue
            elif self.open and (match := _SETTING.match(text)):
                self._say(match[1], match[2])
            elif not self.open or re.match(r"include\b", text):
                return
            else:
                raise _Broken("neither a section nor a setting", self.line)
            text = text[match.end() :].lstrip()

    def _key(self, name: str) -> str:
        return f"{self.open[-1][0]}.{name}" if self.open else name

    def _begin(self, name: str, references: str | None) -> None:
        if len(self.open) >= DEEPEST:
            raise _Broken(f"nested more than {DEEPEST} levels deep", self.line)
        into = self.open[-1][1] if self.open else self.root
        known = into.get(name)
        inside = dict(known.value) if known and isinstance(known.value, dict) else {}
        for reference in re.split(r" ?, ?", references or ""):
            inside = self._section(reference) | inside
        key = self._key(name)
        into[name] = Node(inside, self.file, self.line, key)
        self.open.append((key, inside))

    def _section(self, reference: str) -> dict[str, Node]:
        if not reference:
            return {}
        found = Node(self.root, self.file, 1, "").find(*reference.split("."))
        if found is None or not isinstance(found.value, dict):
            raise _Broken(f"refers to a section that is not there before it: {reference}", self.line)
        return dict(found.value)

    def _say(self, name: str, text: str) -> None:
        self.open[-1][1][name] = Node(_unquoted(text.strip()), self.file, self.line, self._key(name))


def _unquoted(text: str) -> str:
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1])


def _joined(document: Document) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; a setting that a mail program broke is one line again. The last line counts
    although nothing ends it: the brackets tell whether the document is whole."""
    lines = [(line.number, line.text) for line in document.lines]
    if document.cut is not None:
        lines.append((document.cut, document.source.rsplit("\n", 1)[-1].strip()))
    waiting: tuple[int, str] | None = None
    for number, text in lines:
        if waiting and text and _goes_on(waiting[1], text):
            waiting = (waiting[0], f"{waiting[1]} {text}")
            continue
        if waiting:
            yield waiting
        waiting = (number, text)
    if waiting:
        yield waiting


def _goes_on(text: str, further: str) -> bool:
    """Whether the further line is the rest of this one: the first word of it would not have fitted."""
    if re.match(rf"[#}}]|{_NAME} ?[={{:]", further):
        return False
    return len(text) + len(further.split()[0]) >= _SHORTEST and bool(re.match(rf"#|{_NAME} ?=", text))
