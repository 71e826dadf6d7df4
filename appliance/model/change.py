"""A step from what is to what should be, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.model.resources import Resource


@dataclass(frozen=True, slots=True)
class Change:
    """``old`` is what stands (None: nothing), ``new`` what should stand (None: remove). Never both None."""

    old: Resource | None
    new: Resource | None

    @property
    def resource(self) -> Resource:
        """The thing the change is about."""
        resource = self.new if self.new is not None else self.old
        assert resource is not None
        return resource

    @property
    def verb(self) -> str:
        """``add``, ``change`` or ``remove``."""
        if self.old is None:
            return "add"
        return "remove" if self.new is None else "change"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one change went; ``error`` is the sentence for the operator, None when it worked."""

    change: Change
    error: str | None = None
    retry: bool = False


class Door(Protocol):
    """One system that can be looked at and changed. Only doors do I/O."""

    @property
    def owns(self) -> tuple[type, ...]:
        """The resource types this door observes and applies."""

    async def observe(self) -> frozenset[Resource]:
        """What is there and carries our mark. Raises SystemFailure or SystemLacks."""

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out the changes in the order given, one outcome each. Goes on after a failed one."""
