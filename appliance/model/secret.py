"""A value that must never be printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Secret:
    """A pre-shared key or the like: equal by value, prints as ``***`` everywhere.

    Only the door that hands the secret to the system which needs it calls :meth:`reveal`.
    """

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return "***"


def are_same(some: Mapping[str, Secret], others: Mapping[str, Secret]) -> bool:
    """Whether they are the same secrets under the same names."""
    return [*some] == [*others] and [*map(_VALUE, some.values())] == [*map(_VALUE, others.values())]


_VALUE = attrgetter("_value")


def put_in(text: str, secrets: Iterable[tuple[str, Secret]]) -> str:
    """A text with its secrets in the place of the tokens that stand for them: for the door that hands it over."""
    for token, secret in secrets:
        text = text.replace(token, secret.reveal())
    return text
