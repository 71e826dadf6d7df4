"""YAML to Intent. Every fault of the text and of the rules comes in one go, each with its line and key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from appliance.intent.layout import INTENT
from appliance.intent.rules import find_all, split
from appliance.intent.shape import Either, Key, Later, ListOf, Misread, OneOf, Record, Scalar, Shape, placeholder_of
from appliance.intent.tree import Entries, Entry, Items, Node, Text, Unreadable, decode, parse_tree
from appliance.model.fault import Fault, Notice
from appliance.model.intent import Intent
from appliance.model.profile import Profile
from appliance.profiles import PROFILES

Reading = tuple[Intent | None, tuple[Fault, ...], tuple[Notice, ...]]


def read_intent(text: str | bytes, file: str | None = None, profiles: Mapping[str, Profile] = PROFILES) -> Reading:
    """The intent, or None with every fault; notices come with either. Never raises for any text."""
    try:
        tree = parse_tree(decode(text) if isinstance(text, bytes) else text)
    except Unreadable as unreadable:
        return None, (unreadable.fault(file),), ()
    reader = Reader()
    intent = reader.read(INTENT, tree, "")
    findings = tuple(finding for finding in find_all(intent, profiles) if not reader.touched(finding.keys))
    by_rule, notices = split(findings)
    faults = reader.place((*reader.faults, *by_rule), file)
    return None if faults else intent, faults, notices


def locate(text: str | bytes, file: str | None, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Faults found later about the intent of ``text``, with its file and their lines."""
    if not faults:
        return ()
    reader = Reader()
    reader.read(INTENT, parse_tree(decode(text) if isinstance(text, bytes) else text), "")
    return reader.place(faults, file)


@dataclass(slots=True)
class Reader:
    """Collects faults and where each key stands. ``broken`` keys hold a placeholder that no rule may judge."""

    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def line_of(self, key: str | None) -> int | None:
        """The line of the key, or of the nearest thing that holds it."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key or "")

    def place(self, faults: Iterable[Fault], file: str | None) -> tuple[Fault, ...]:
        """The faults with file and line, in the order of the file."""
        placed = [replace(fault, file=file, line=fault.line or self.line_of(fault.key)) for fault in faults]
        return tuple(sorted(placed, key=lambda fault: (fault.line or 0, fault.key or "")))

    def touched(self, keys: tuple[str, ...]) -> bool:
        """Whether any of the keys is or lies in what could not be read."""
        return any(_lies_in(key, bad) for key in keys for bad in self.broken)

    def read(self, shape: Shape, node: Node, path: str) -> Any:
        """The value at ``path``; a placeholder when faulty."""
        self.lines[path] = node.line
        if isinstance(shape, Either):
            shape = shape.scalar if isinstance(node, Text) else shape.other
        if isinstance(shape, Scalar):
            return self._scalar(shape, node, path)
        if isinstance(shape, ListOf):
            return self._list(shape, node, path)
        if isinstance(shape, OneOf):
            return self._one_of(shape, node, path)
        return self._record(shape, node, path)

    def refuse(self, path: str, message: str, *, found: str | None = None, allowed: str | None = None,
               fix: str | None = None) -> None:  # fmt: skip
        """Note a fault at ``path``."""
        self.broken.add(path)
        self.faults.append(Fault(message, key=path or None, found=found, allowed=allowed, fix=fix))

    def _scalar(self, shape: Scalar, node: Node, path: str) -> Any:
        if not isinstance(node, Text):
            self.refuse(path, f"{_what(node)} where one value belongs", allowed=shape.allowed)
            return shape.placeholder
        try:
            return shape.parse(node)
        except Misread as misread:
            found = None if node.kind == "null" else shorten(node.value)
            self.refuse(path, misread.message, found=found, allowed=shape.allowed, fix=misread.fix)
            return shape.placeholder

    def _list(self, shape: ListOf, node: Node, path: str) -> Any:
        if not isinstance(node, Items):
            self.refuse(path, f"{_what(node)} where a list belongs", fix="write it as [a, b]")
            return ()
        count = len(node.items)
        if count < shape.at_least or (shape.at_most is not None and count > shape.at_most):
            bounds = f"{shape.at_least}" if shape.at_most == shape.at_least else _bounds(shape)
            self.refuse(path, "the wrong number of items", found=str(count), allowed=bounds)
        return tuple(self.read(shape.item, item, f"{path}[{index}]") for index, item in enumerate(node.items))

    def _one_of(self, shape: OneOf, node: Node, path: str) -> Any:
        entries = self._entries(node, shape.keys, path, shape.secret)
        allowed = " or ".join(f"{{{key.name}: ...}}" for key in shape.keys)
        if entries is None or len(entries) != 1:
            if entries is not None:
                self.refuse(path, "exactly one key belongs here", found=", ".join(sorted(entries)), allowed=allowed)
            return placeholder_of(shape)
        (name, entry), = entries.items()  # fmt: skip
        key = next(key for key in shape.keys if key.name == name)
        return shape.build(name, self._hidden(shape.secret, key.shape, entry.value, _under(path, name)))

    def _record(self, shape: Record, node: Node, path: str) -> Any:
        entries = self._entries(node, shape.keys, path, shape.secret)
        found: dict[str, Any] = {}
        for key in shape.keys:
            entry = None if entries is None else entries.get(key.name)
            value = self._key(key, entry, path, whole=entries is not None) if entry or key.required else _ABSENT
            if value is not _ABSENT and key.field:
                found[key.field] = value
        return shape.build(**found)

    def _key(self, key: Key, entry: Entry | None, path: str, *, whole: bool) -> Any:
        """The key's value, or _ABSENT. ``whole``: the mapping itself was readable, so a missing key is a fault."""
        place = _under(path, key.name)
        if entry is None:
            if whole and place not in self.broken:
                self.refuse(place, "missing", allowed=_allowed(key.shape))
            return placeholder_of(key.shape)
        self.lines[place] = entry.key.line
        if key.nullable and isinstance(entry.value, Text) and entry.value.kind == "null":
            return _ABSENT
        return self._value(key, entry, place)

    def _value(self, key: Key, entry: Entry, place: str) -> Any:
        if key.later is None:
            value = self.read(key.shape, entry.value, place)
            return value if key.required or place not in self.broken else _ABSENT
        aside = Reader()
        value = aside.read(key.shape, entry.value, place)
        if aside.faults or value in key.later.harmless:
            self.lines |= aside.lines
            self.faults += aside.faults
            self.broken |= aside.broken
        else:
            self._not_yet(key.later, entry, place)
        return value if key.required or not aside.faults else _ABSENT

    def _not_yet(self, later: Later, entry: Entry, place: str) -> None:
        found = shorten(entry.value.value) if isinstance(entry.value, Text) else None
        allowed = ", ".join(str(value) for value in later.harmless if isinstance(value, str))
        message = f"{later.feature}: not available in this version"
        self.refuse(place, message, found=found, allowed=allowed or None, fix=later.fix)

    def _entries(self, node: Node, keys: tuple[Key, ...], path: str, secret: bool) -> dict[str, Entry] | None:
        """The mapping's entries by known key; None when it is no mapping."""
        if not isinstance(node, Entries):
            names = ", ".join(key.name for key in keys)
            found = shorten(node.value) if isinstance(node, Text) and not secret and node.kind != "null" else None
            self.refuse(path, f"{_what(node)} where a mapping belongs", found=found, allowed=f"the keys {names}")
            return None
        known: dict[str, Entry] = {}
        wanted = {key.name for key in keys}
        for entry in node.entries:
            name = entry.key.value
            if name not in wanted:
                self._unknown(entry, keys, path, secret)
            elif name in known:
                first = known[name].key.line
                fix = f"remove one; the other is on line {first}"
                self.broken.add(_under(path, name))
                self.faults.append(Fault("the key stands twice", line=entry.key.line, key=_under(path, name), fix=fix))
            else:
                known[name] = entry
        return known

    def _unknown(self, entry: Entry, keys: tuple[Key, ...], path: str, secret: bool) -> None:
        name = entry.key.value
        place = _under(path, "?" if secret else shorten(name, quote=False))
        self.lines[place] = entry.key.line
        if name == "<<":
            self.refuse(place, "merge keys are not read", fix="repeat the keys, or alias a whole value: `ike: *ike`")
            return
        names = [key.name for key in keys]
        close = get_close_matches(name.replace("_", "-").lower(), names, 1)
        self.broken |= {_under(path, meant) for meant in close}
        fix = f"did you mean {close[0]}?" if close else None
        self.refuse(place, "unknown key", allowed=", ".join(names), fix=fix)

    def _hidden(self, secret: bool, shape: Shape, node: Node, path: str) -> Any:
        """Read; below a secret, no fault shows what was found."""
        before = len(self.faults)
        value = self.read(shape, node, path)
        if secret:
            self.faults[before:] = [replace(fault, found=None, fix=None) for fault in self.faults[before:]]
        return value


_ABSENT = object()


def shorten(value: str, *, quote: bool = True) -> str:
    """What was found, on one line and not longer than people read."""
    short = value if len(value) <= 60 else value[:57] + "..."
    plain = "".join(char if char.isprintable() else "?" for char in short)
    return f'"{plain}"' if quote and (plain != plain.strip() or not plain) else plain


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _lies_in(key: str, bad: str) -> bool:
    return key == bad or key.startswith((f"{bad}.", f"{bad}[")) or not bad


def _what(node: Node) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "a mapping"
    return "nothing" if node.kind == "null" else "a single value"


def _bounds(shape: ListOf) -> str:
    return f"{shape.at_least} or more" if shape.at_most is None else f"{shape.at_least} to {shape.at_most}"


def _allowed(shape: Shape) -> str | None:
    if isinstance(shape, Scalar):
        return shape.allowed
    if isinstance(shape, Record):
        return "the keys " + ", ".join(key.name for key in shape.keys)
    return None
