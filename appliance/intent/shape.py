"""The vocabulary in which the intent's layout is written: one table serves the reader, the writer and the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from appliance.intent.tree import Text


class Misread(Exception):
    """A scalar that is not what it should be: the message for people, and how to mend it."""

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. ``parse`` raises Misread; ``placeholder`` stands in for a faulty one so that the reading goes on."""

    allowed: str
    parse: Callable[[Text], Any]
    schema: Mapping[str, Any]
    placeholder: Any = None
    render: Callable[[Any], Any] = str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of ``at_least`` to ``at_most`` items, read into a tuple."""

    item: Shape
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys, read by calling ``build`` with the fields found."""

    build: Callable[..., Any]
    keys: tuple[Key, ...]
    one_line: bool = False  # written as {a: b}
    secret: bool = False  # nothing found in it is ever shown


@dataclass(frozen=True, slots=True)
class OneOf:
    """A mapping with exactly one of the keys (whose shapes are scalars), read by calling ``build(key, value)``."""

    build: Callable[[str, Any], Any]
    keys: tuple[Key, ...]
    split: Callable[[Any], tuple[str, Any]]  # the inverse of build
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar or something else; the kind of node found decides."""

    scalar: Scalar
    other: ListOf | OneOf


Shape = Scalar | ListOf | Record | OneOf | Either


@dataclass(frozen=True, slots=True)
class Later:
    """A key, or some values of it, whose feature does not exist yet. ``harmless`` values mean nothing new."""

    feature: str
    harmless: tuple[Any, ...] = ()
    fix: str = "leave it out"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping. ``field``: the noun's attribute when it is called differently; empty when it has none."""

    name: str
    shape: Shape
    required: bool = False
    nullable: bool = False  # `null` is the same as leaving it out
    later: Later | None = None
    attribute: str | None = None
    always: bool = False  # written even when it is what would be taken anyway
    about: str = ""

    @property
    def field(self) -> str:
        """The attribute of the noun; empty when there is none."""
        return self.name.replace("-", "_") if self.attribute is None else self.attribute


def defaults_of(build: Callable[..., Any]) -> Mapping[str, Any]:
    """Field -> default of a dataclass; empty for any other callable."""
    if not hasattr(build, "__dataclass_fields__"):
        return {}
    return {each.name: each.default for each in fields(build) if each.default is not MISSING}  # type: ignore[arg-type]


def placeholder_of(shape: Shape) -> Any:
    """A value of the right type for a place whose text was faulty."""
    if isinstance(shape, Scalar):
        return shape.placeholder
    if isinstance(shape, Either):
        return placeholder_of(shape.scalar)
    if isinstance(shape, ListOf):
        return ()
    if isinstance(shape, OneOf):
        return shape.build(shape.keys[0].name, placeholder_of(shape.keys[0].shape))
    given = defaults_of(shape.build)
    return shape.build(**{k.field: placeholder_of(k.shape) for k in shape.keys if k.field and k.field not in given})
