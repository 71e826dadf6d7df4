"""The intent's JSON Schema (draft 2020-12), from the same layout that the reader follows."""

from __future__ import annotations

from typing import Any

from appliance.intent.layout import INTENT
from appliance.intent.shape import Either, Key, ListOf, OneOf, Scalar, Shape


def intent_schema() -> dict[str, Any]:
    """The schema. What it refuses, the reader refuses; the reader also knows lines, lengths and the clouds' rules."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "appliance intent, version 1",
        **_schema(INTENT),
    }


def _schema(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Scalar):
        return dict(shape.schema)
    if isinstance(shape, Either):
        return {"anyOf": [_schema(shape.scalar), _schema(shape.other)]}
    if isinstance(shape, ListOf):
        return _list(shape)
    if isinstance(shape, OneOf):
        return {**_object(shape.keys), "minProperties": 1, "maxProperties": 1}
    required = [key.name for key in shape.keys if key.required]
    return {**_object(shape.keys), **({"required": required} if required else {})}


def _list(shape: ListOf) -> dict[str, Any]:
    bounds = {"minItems": shape.at_least or None, "maxItems": shape.at_most}
    return {"type": "array", "items": _schema(shape.item), **{k: v for k, v in bounds.items() if v is not None}}


def _object(keys: tuple[Key, ...]) -> dict[str, Any]:
    properties = {key.name: _property(key) for key in keys}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(key: Key) -> dict[str, Any]:
    schema = _schema(key.shape)
    if key.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    later = f"{key.later.feature}: not available in this version" if key.later else ""
    described = "; ".join(part for part in (key.about, later) if part)
    return {"description": described, **schema} if described else schema
