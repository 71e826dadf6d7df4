"""YAML with places: values that know their line, and a reader that collects every fault instead of stopping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from appliance.model.fault import Fault, FaultyInput, Notice


@dataclass(frozen=True, slots=True)
class Place:
    """A YAML value and where it stands: ``value`` is a scalar, a list of places or a mapping of key to place."""

    value: Any
    line: int
    key: str

    @property
    def kind(self) -> str:
        """What it is, in a reader's words."""
        names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
        return names.get(type(self.value), "a number")


@dataclass(slots=True)
class Findings:
    """What reading a file has turned up so far. A fault does not stop the reading: all are told in one go."""

    file: str
    faults: list[Fault] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def fault(self, place: Place, message: str, allowed: str | None = None, fix: str | None = None) -> None:
        found = place.value if isinstance(place.value, str | int | float | bool) else None
        shown = None if found is None else str(found)[:80]
        self.faults.append(Fault(message, self.file, place.line, place.key, shown, allowed, fix))

    def notice(self, place: Place, message: str) -> None:
        self.notices.append(Notice(f"{self.file}:{place.line}", message))

    def mapping(self, place: Place) -> Mapping[str, Place]:
        if isinstance(place.value, dict):
            return place.value
        if place.value is not None:
            self._once(place, f"{place.key} is {place.kind}", "a mapping")
        return {}

    def items(self, place: Place) -> Sequence[Place]:
        if isinstance(place.value, list):
            return place.value
        self._once(place, f"{place.key} is {place.kind}", "a list")
        return ()

    def _once(self, place: Place, message: str, allowed: str) -> None:
        """A place may be looked into more than once; its shape is wrong only once."""
        if not any(fault.key == place.key and fault.message == message for fault in self.faults):
            self.fault(place, message, allowed)

    def text(self, place: Place) -> str:
        if isinstance(place.value, str) and place.value.isprintable():
            return place.value
        self.fault(place, f"{place.key} is not one line of text", allowed="text")
        return ""

    def whole(self, place: Place, least: int = 0, most: int = 2**31) -> int:
        if type(place.value) is int and least <= place.value <= most:
            return place.value
        self.fault(place, f"{place.key} is not a whole number in range", allowed=f"{least} to {most}")
        return least

    def known(self, place: Place, keys: Sequence[str]) -> None:
        """Every key of this mapping that is none of ``keys`` is a fault."""
        for name, entry in self.mapping(place).items():
            if name not in keys:
                self.fault(Place(None, entry.line, entry.key), f"unknown key {name!r}", allowed=", ".join(sorted(keys)))


def parse_places(text: str, file: str) -> Place:
    """The document as places. Raises FaultyInput when it is not YAML, or holds a key twice."""
    findings = Findings(file)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        place = _place(node, "the document", loader, findings) if node else Place(None, 1, "the document")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.faults.append(Fault(f"not YAML: {error.problem}", file, mark.line + 1 if mark else None))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        findings.faults.append(Fault(f"not YAML: {str(error).splitlines()[0]}", file))
    if findings.faults:
        raise FaultyInput(f"{file} cannot be read", faults=tuple(findings.faults))
    return place


def _place(node: yaml.Node, key: str, loader: yaml.SafeLoader, findings: Findings) -> Place:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Place([_place(item, f"{key}[{i}]", loader, findings) for i, item in enumerate(node.value)], line, key)
    if not isinstance(node, yaml.MappingNode):
        return Place(loader.construct_object(node), line, key)
    own = {id(name) for name, _value in node.value}
    loader.flatten_mapping(node)
    entries: dict[str, Place] = {}
    seen: set[str] = set()
    prefix = "" if key == "the document" else f"{key}."
    for name, value in node.value:
        word = str(name.value)
        place = _place(value, prefix + word, loader, findings)
        place = Place(place.value, name.start_mark.line + 1, place.key)
        if word in seen and id(name) in own:
            findings.fault(Place(None, place.line, place.key), f"the key {word!r} stands twice")
        if id(name) in own:
            seen.add(word)
        entries[word] = place
    return Place(entries, line, key)
