"""YAML to the tree of :mod:`appliance.vendors.tree`. Every scalar is the text that is written; aliases are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from appliance.vendors.tree import DEEPEST, Node, Unreadable, Value, contradiction

LONGEST = 1 << 20
"""Characters; a description has some thousand, and YAML takes its time."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is, some ten times as fast
_YAML = "YAML (or JSON, or XML)"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(file: str, text: str) -> Node:
    """The document, or a list of them when several are separated by ``---``. Raises Unreadable."""
    if len(text) > LONGEST:
        raise Unreadable(f"longer than {LONGEST >> 20} MB", 1, _YAML, "ask the cloud for JSON (--format=json)")
    try:
        found = list(_Builder(file, yaml.parse(text, Loader=_LOADER)).documents())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable("not YAML", line, _YAML) from None
    except yaml.YAMLError:
        raise Unreadable("not YAML", 1, _YAML) from None
    if not found:
        raise Unreadable("there is nothing in it", 1, _YAML)
    return found[0] if len(found) == 1 else Node(found, file, found[0].line, "")


class _Builder:
    """Nodes from the parser's events: one at a time, so that what nests too deeply or refers elsewhere stops it."""

    def __init__(self, file: str, events: Iterable[yaml.Event]) -> None:
        self.file = file
        self.events = iter(events)

    def documents(self) -> Iterator[Node]:
        """Each document that holds something."""
        count = 0
        for event in self.events:
            if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent | yaml.AliasEvent):
                node = self._node(event, f"[{count}]" if count else "", 0)
                if node.value is not None:
                    count += 1
                    yield node

    def _node(self, event: yaml.Event, key: str, depth: int) -> Node:
        line = _line(event)
        if depth > DEEPEST:
            raise Unreadable(f"nested more than {DEEPEST} levels deep", line, _YAML)
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable("aliases are not read", line, _YAML, "write the value out")
        value: Value
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(key, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(key, depth)
        else:
            assert isinstance(event, yaml.ScalarEvent)
            value = None if event.implicit[0] and event.value in _NULLS else event.value
        return Node(value, self.file, line, key)

    def _mapping(self, key: str, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            name = self._name(event)
            node = self._node(next(self.events), f"{key}.{name}" if key else name, depth + 1)
            if name in found and not found[name].says(node):
                raise contradiction(found[name], node.line, _YAML)
            found[name] = node
        return found

    def _name(self, event: yaml.Event) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        raise Unreadable("a key is expected here", _line(event), _YAML)

    def _sequence(self, key: str, depth: int) -> list[Node]:
        found: list[Node] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self._node(event, f"{key}[{len(found)}]", depth + 1))
        return found


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
