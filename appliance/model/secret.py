"""A value that must never be printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


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


class Secrets(Mapping[str, Secret]):
    """Secrets by their names, each made one when somebody asks for it: of a thousand that is done for a few."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        if not {*map(type, values.values())} <= {str}:
            raise TypeError("a secret is a text")
        self._values = values

    def __getitem__(self, name: str) -> Secret:
        return Secret(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({len(self)})"


def are_same(some: Mapping[str, Secret], others: Mapping[str, Secret]) -> bool:
    """Whether they are the same secrets under the same names."""
    return some is others or ([*some] == [*others] and _values(some) == _values(others))


def _values(secrets: Mapping[str, Secret]) -> list[str]:
    """To be compared, in a quicker way than one by one."""
    if isinstance(secrets, Secrets):
        return [*secrets._values.values()]
    return [secret._value for secret in secrets.values()]


def put_in(text: str, secrets: Iterable[tuple[str, Secret]]) -> str:
    """A text with its secrets in the place of the tokens that stand for them: for the door that hands it over."""
    for token, secret in secrets:
        text = text.replace(token, secret.reveal())
    return text
