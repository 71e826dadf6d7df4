"""YAML text as a tree that knows its lines. Of YAML only what cannot be misread: no tags, no merge keys, no bombs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import yaml
from yaml.resolver import Resolver

from appliance.model.fault import Fault

MOST_CHARACTERS = 1_048_576
MOST_NODES = 100_000
DEEPEST = 20

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster, where it is built in
_TAG_PREFIX = "tag:yaml.org,2002:"
_STRANGE_SPACE = re.compile("[\u00a0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as written. ``kind`` is what YAML 1.1 takes it for: ``str``, ``int``, ``bool``, ``null``, ..."""

    value: str
    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Text
    value: Node


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping in the order written; keys may repeat here, which the reader of it must refuse."""

    entries: tuple[Entry, ...]
    line: int


Node = Text | Items | Entries


class Unreadable(Exception):
    """The text is no YAML that we take; carries the one fault."""

    def __init__(self, message: str, line: int | None, fix: str | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.fix = message, line, fix

    def fault(self, file: str | None) -> Fault:
        """The same as a fault of ``file``."""
        return Fault(self.message, file=file, line=self.line, fix=self.fix)


def decode(data: bytes) -> str:
    """The text of a file. Raises Unreadable with the line that is no UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is UTF-16", None, "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable("not UTF-8", line, "save the file as UTF-8") from None


def parse_tree(text: str) -> Node:
    """The document's tree. Raises Unreadable; its message never quotes the text, which may hold a secret."""
    text = text.removeprefix("\ufeff")
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"{len(text)} characters are no intent", None, f"at most {MOST_CHARACTERS} are read")
    _refuse_strange_characters(text)
    try:
        return _Builder().build(yaml.parse(text, Loader=_PARSER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(f"not YAML: {_plain_problem(error)}", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError):
        raise Unreadable("not YAML", None) from None


def count_nodes(node: Node) -> int:
    """How many values there are, repeated ones included."""
    if isinstance(node, Items):
        return 1 + sum(map(count_nodes, node.items))
    if isinstance(node, Entries):
        return 1 + sum(1 + count_nodes(entry.value) for entry in node.entries)
    return 1


def _plain_problem(error: yaml.MarkedYAMLError) -> str:
    """What the parser says without what it quotes."""
    words = " ".join(part for part in (error.context, error.problem) if part)
    return re.sub(r"\s+", " ", re.sub(r"(['\"])(.*?)\1", _unquote, words, flags=re.DOTALL))


def _unquote(quoted: re.Match[str]) -> str:
    """Punctuation may be shown, words not."""
    return "something" if re.search(r"\w", quoted[2]) else quoted[0]


def _refuse_strange_characters(text: str) -> None:
    """Characters that look like a space or like nothing, and tabs that indent: right in comments only."""
    if not (_CONTROL.search(text) or _STRANGE_SPACE.search(text) or "\t" in text or "\r" in text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if _CONTROL.search(line.rstrip("\r")) or "\r" in line[:-1]:
            raise Unreadable("a control character", number, "remove it")
        if _STRANGE_SPACE.search(_COMMENT.sub("", line)):
            raise Unreadable("a non-breaking or invisible space", number, "type a plain space instead")
        if "\t" in line[: len(line) - len(line.lstrip())] and line.strip():
            raise Unreadable("a tab indents this line", number, "indent by spaces")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet. ``size`` counts nodes, aliases as all that they repeat."""

    line: int
    mapping: bool
    anchor: str | None
    children: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


class _Builder:
    """Builds the tree from the parser's events, without recursion: a deep document cannot exhaust the stack."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._root: Node | None = None
        self._count = 0

    def build(self, events: Iterator[yaml.Event]) -> Node:
        """The root node of the one document."""
        for event in events:
            self._take(event)
        if self._root is None:
            raise Unreadable("the file is empty", None, "`appliance schema --example aws-bgp` prints one to start from")
        return self._root

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise Unreadable("a second document", line, "one file holds one intent: remove what follows `---`")
        if isinstance(event, yaml.AliasEvent):
            self._repeat(event.anchor, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event.tag, line)
            self._add(Text(event.value, self._kind(event), line), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event.tag, line)
            self._open.append(_Open(line, isinstance(event, yaml.MappingStartEvent), event.anchor))
            if len(self._open) > DEEPEST:
                raise Unreadable(f"nested deeper than {DEEPEST} levels", line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _close(self) -> None:
        done = self._open.pop()
        if done.mapping:
            self._add(Entries(tuple(_entries(done.children)), done.line), done.anchor, done.size, done.height)
        else:
            self._add(Items(tuple(done.children), done.line), done.anchor, done.size, done.height)

    def _add(self, node: Node, anchor: str | None, size: int = 1, height: int = 0, repeated: int = 1) -> None:
        """Give the node to whatever is open; ``repeated`` is how many nodes this makes more in all."""
        self._count += repeated
        if self._count > MOST_NODES:
            raise Unreadable(f"more than {MOST_NODES} values, repeated ones included", node.line)
        if anchor is not None:
            self._anchors[anchor] = (node, size, height)
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        top.children.append(node)
        top.size += size
        top.height = max(top.height, height + 1)

    def _repeat(self, anchor: str | None, line: int) -> None:
        if anchor is None or anchor not in self._anchors:
            raise Unreadable("an alias (*) to an anchor (&) that does not stand before it", line)
        node, size, height = self._anchors[anchor]
        if len(self._open) + height > DEEPEST:
            raise Unreadable(f"nested deeper than {DEEPEST} levels", line)
        self._add(node, None, size, height, repeated=size)

    def _refuse_tag(self, tag: str | None, line: int) -> None:
        if tag is not None:
            raise Unreadable("a tag (!)", line, "write the plain value")

    def _kind(self, event: yaml.ScalarEvent) -> str:
        """What YAML 1.1 makes of a plain scalar; one in quotes is a string."""
        return _kind_of(event.value) if event.implicit[0] else "str"


_RESOLVER = Resolver()


@lru_cache(maxsize=1024)
def _kind_of(value: str) -> str:
    """Of a plain scalar: the same few words and numbers stand in every tunnel."""
    tag = str(_RESOLVER.resolve(yaml.ScalarNode, value, (True, False)))  # type: ignore[no-untyped-call]
    return tag.removeprefix(_TAG_PREFIX)


def _entries(children: list[Node]) -> Iterator[Entry]:
    for key, value in zip(children[::2], children[1::2], strict=True):
        if not isinstance(key, Text):
            raise Unreadable("a list or mapping as a key", key.line)
        yield Entry(key, value)
