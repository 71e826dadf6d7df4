"""Intent to YAML, in the layout's order: reading the text back gives an equal intent."""

from __future__ import annotations

from typing import Any

import yaml

from appliance.intent.layout import INTENT
from appliance.intent.shape import Either, Key, ListOf, OneOf, Record, Scalar, Shape, defaults_of
from appliance.model.intent import Intent

_WIDTH = 120


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Row(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, list items indented under their key."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


_Dumper.add_representer(_Line, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, True))
_Dumper.add_representer(_Row, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, True))


def write_intent(intent: Intent, comment: str = "") -> str:
    """The intent as text, under ``comment`` (its lines get their ``#``). Defaults are left out; nothing is checked."""
    lines = ["".join(char if char.isprintable() else " " for char in line) for line in comment.splitlines()]
    head = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    data = _plain(INTENT, intent)
    return head + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


def _plain(shape: Shape, value: Any) -> Any:
    """The value as YAML's own types."""
    if isinstance(shape, Either):
        shape = shape.scalar if value == shape.scalar.placeholder else shape.other
    if isinstance(shape, Scalar):
        return shape.render(value)
    if isinstance(shape, ListOf):
        items = [_plain(shape.item, item) for item in value]
        return items if isinstance(shape.item, Record) else _Row(items)
    if isinstance(shape, OneOf):
        name, chosen = shape.split(value)
        return _Line({name: _plain(next(key.shape for key in shape.keys if key.name == name), chosen)})
    found = {key.name: _plain(key.shape, getattr(value, key.field)) for key in _said(shape, value)}
    return _Line(found) if shape.one_line else found


def _said(shape: Record, value: Any) -> list[Key]:
    """The keys worth writing: required ones, those that differ from the default, and those always shown."""
    defaults = defaults_of(shape.build)
    keys = [key for key in shape.keys if key.field]
    return [k for k in keys if k.required or k.always or getattr(value, k.field) != defaults.get(k.field)]
