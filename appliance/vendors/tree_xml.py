"""XML to the tree of :mod:`appliance.vendors.tree`, by expat, without document types and therefore without entities.

Several documents one after the other (the answers of one query) are read as if they were in one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from appliance.vendors.tree import DEEPEST, Node, Unreadable

_XML = "XML without a document type"
_MOST = 100
"""Documents one after the other."""
_ANOTHER = (
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
    expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI],
)


@dataclass(slots=True)
class _Element:
    name: str
    line: int
    key: str
    children: dict[str, list[Node]] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)


def parse_xml(file: str, text: str) -> Node:
    """The root as a mapping of one key, its name, or of several when there are several documents. Raises Unreadable."""
    root = _Element("", 1, "")
    rest, line, count = text.encode(errors="replace"), 1, 0
    while rest.strip() or not count:
        blank = len(rest) - len(rest.lstrip())
        line += rest.count(b"\n", 0, blank)
        rest = rest[blank:]
        count += 1
        read = _parse(file, rest, root, line, is_last=count == _MOST)
        line += rest.count(b"\n", 0, read)
        rest = rest[read:]
    return Node({key: _one(nodes) for key, nodes in root.children.items()}, file, 1, "")


def _parse(file: str, text: bytes, root: _Element, line: int, is_last: bool) -> int:
    """One document, which begins on ``line``; returns how many bytes it has."""
    reader = _Reader(file, root, line)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        begun = reader.parser.ErrorByteIndex
        is_whole = len(reader.open) == 1 and bool(root.children)
        if error.code in _ANOTHER and is_whole and not is_last and text[begun : begun + 1] == b"<":
            return begun
        raise Unreadable(f"not XML: {expat.ErrorString(error.code)}", error.lineno + line - 1, _XML) from None
    return len(text)


class _Reader:
    """Builds below ``root`` what the one document says that begins on ``line``."""

    def __init__(self, file: str, root: _Element, line: int) -> None:
        self.file = file
        self.before = line - 1
        self.open = [root]
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_words: object) -> None:
        message, fix = "a document type is not read: it can hide entities and files", "remove the <!DOCTYPE ...>"
        raise Unreadable(message, self._line, _XML, fix)

    @property
    def _line(self) -> int:
        return self.parser.CurrentLineNumber + self.before

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        plain, line, above = name.rpartition(":")[2], self._line, self.open[-1]
        if len(self.open) > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} levels deep", line, _XML)
        count = len(above.children.get(plain, ()))
        key = f"{above.key}.{plain}" if above.key else plain
        element = _Element(plain, line, f"{key}[{count}]" if count else key)
        for attribute, value in attributes.items():
            if not attribute.startswith("xmlns"):
                at = f"@{attribute.rpartition(':')[2]}"
                element.children[at] = [Node(value, self.file, line, f"{element.key}.{at}")]
        self.open.append(element)

    def _end(self, _name: str) -> None:
        element = self.open.pop()
        text = "".join(element.text).strip()
        if element.children and text:
            element.children["#text"] = [Node(text, self.file, element.line, element.key)]
        value = {key: _one(nodes) for key, nodes in element.children.items()} or text or None
        node = Node(value, self.file, element.line, element.key)
        self.open[-1].children.setdefault(element.name, []).append(node)

    def _text(self, text: str) -> None:
        self.open[-1].text.append(text)


def _one(nodes: list[Node]) -> Node:
    """The one node, or the list of several that have the same name."""
    if len(nodes) == 1:
        return nodes[0]
    return Node(nodes, nodes[0].file, nodes[0].line, nodes[0].key)
