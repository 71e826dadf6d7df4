"""JSON to the tree of :mod:`appliance.vendors.tree`: RFC 8259, and what people and their programs make of it.

Comments, trailing commas and single quotes (Python prints dictionaries so) are read; several values one after the other
make a list, as several answers in one file do. Strict in what could hide a mistake: a text ends on its line, and a key
that stands twice says the same twice.
"""

from __future__ import annotations

import json
import re

from appliance.vendors.terraform import is_read
from appliance.vendors.tree import DEEPEST, Node, Unreadable, contradiction

_TOKEN = re.compile(
    r"\s*(?:"
    r'("[^"\\\n]*(?:\\.[^"\\\n]*)*"|\'[^\'\\\n]*(?:\\.[^\'\\\n]*)*\')'
    r"|([{}\[\],:])"
    r"|(-?[A-Za-z0-9_.+-]+)"
    r"|(//[^\n]*|\#[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)"
    r")"
)
_STRING, _MARK, _WORD, _COMMENT, _STRANGE, _END = 1, 2, 3, 4, 5, 6
_VISIBLE = re.compile(r"\S")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_VALUES = re.compile(r"true|false|null|True|False|None|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PYTHONS = {"None": None, "null": None, "True": "true", "False": "false"}
_DECODER = json.JSONDecoder()
_JSON = "JSON (RFC 8259); comments and trailing commas may stay"


def read_json(file: str, text: str) -> Node:
    """The document; a list when several values follow each other. Raises Unreadable."""
    reader = Reader(file, text)
    found = [reader.value("", 0)]
    while reader.kind != _END:
        found.append(reader.value(f"[{len(found)}]", 0))
    return found[0] if len(found) == 1 else Node(found, file, found[0].line, "")


class Reader:
    """Goes through the tokens once; recursion is bounded by ``DEEPEST``. ``start`` is where to begin, on ``line``."""

    def __init__(self, file: str, text: str, start: int = 0, line: int = 1) -> None:
        self.file = file
        self.text = text
        self.line = line  # of the token
        self.kind = 0
        self.token = ""  # never quoted in a fault: it may be a key
        self.start = self.end = start
        self._next()

    def value(self, key: str, depth: int) -> Node:
        """The value that begins at the token, called ``key``."""
        line, kind, token = self.line, self.kind, self.token
        if kind == _STRING:
            self._next()
            return Node(_unescaped(token), self.file, line, key)
        if depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} levels deep", line, _JSON)
        if token == "{":
            return Node(self._mapping(key, depth), self.file, line, key)
        if token == "[":
            return Node(self._list(key, depth), self.file, line, key)
        if kind != _WORD or not _VALUES.fullmatch(token):
            raise self._unreadable("a value is expected here")
        self._next()
        return Node(_PYTHONS.get(token, token), self.file, line, key)

    def _unreadable(self, message: str) -> Unreadable:
        return Unreadable("the document ends in the middle" if self.kind == _END else message, self.line, _JSON)

    def _next(self) -> None:
        """The next token that is no comment; its place ends where the one before it ended when there is none."""
        self.start = at = self.end
        while True:
            match = _TOKEN.match(self.text, at)
            if match is None:
                strange = _VISIBLE.search(self.text, at)
                self.line += self.text.count("\n", at, strange.start() if strange else len(self.text))
                self.kind, self.token = (_STRANGE if strange else _END), ""
                return
            kind = self.kind = match.lastindex or 0
            begin, self.end = match.span(kind)
            if begin > at:
                self.line += self.text.count("\n", at, begin)
            if kind != _COMMENT:
                self.token = match[kind]
                return
            self.line += self.text.count("\n", begin, self.end)
            at = self.end

    def _mapping(self, key: str, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        above = f"{key}." if key else ""
        self._next()
        while not self._closes("}"):
            if self.kind != _STRING:
                raise self._unreadable("a key in quotes is expected here")
            line, name = self.line, _unescaped(self.token)
            self._next()
            if self.token != ":":
                raise self._unreadable("a colon is expected here")
            self._next()
            node = self.value(above + name, depth + 1)
            if name in found and not found[name].says(node):
                raise contradiction(found[name], line, _JSON)
            found[name] = node
            self._comma("}")
        return found

    def _list(self, key: str, depth: int) -> list[Node]:
        found: list[Node] = []
        is_of_resources = key.endswith("resources")
        self._next()
        while not self._closes("]"):
            way = f"{key}[{len(found)}]"
            skipped = self._skipped(way) if is_of_resources and self.token == "{" else None
            found.append(skipped or self.value(way, depth + 1))
            self._comma("]")
        return found

    def _skipped(self, key: str) -> Node | None:
        """Nothing, in the place of one of Terraform's resources that are none of ours, most of a state of megabytes;
        None when it is to be read: one of ours, or no plain JSON."""
        begin = self.end - 1
        try:
            value, end = _DECODER.raw_decode(self.text, begin)
        except (ValueError, RecursionError):
            return None
        kind = value.get("type")
        if not isinstance(kind, str) or is_read(kind):
            return None
        node = Node(None, self.file, self.line, key)
        self.line += self.text.count("\n", begin, end)
        self.end = end
        self._next()
        return node

    def _closes(self, mark: str) -> bool:
        closes = self.kind == _MARK and self.token == mark
        if closes:
            self._next()
        return closes

    def _comma(self, end: str) -> None:
        if self.kind == _MARK and self.token == ",":
            self._next()
        elif not (self.kind == _MARK and self.token == end):
            raise self._unreadable(f"a comma or {end} is expected here")


def _unescaped(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    text = _ESCAPE.sub(_character, token[1:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs become one character


def _character(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)
