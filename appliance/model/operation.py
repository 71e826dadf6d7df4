"""What an operator asked of single tunnels for a while, beside the intent: it survives a reboot, and no import or apply
changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Drain:
    """A tunnel taken out of use. Times with a time zone; ``until`` None: until the operator takes it back."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operations:
    """``drained`` is by tunnel; ``pinned`` names, by connection, the tunnel that was switched to by hand."""

    drained: Mapping[str, Drain] = field(default_factory=dict)
    pinned: Mapping[str, str] = field(default_factory=dict)

    def drained_at(self, now: datetime) -> frozenset[str]:
        """The tunnels that are drained at this time."""
        return frozenset(name for name, drain in self.drained.items() if drain.until is None or now < drain.until)

    def next_change(self, now: datetime) -> datetime | None:
        """When the next drain ends by itself."""
        ends = (drain.until for drain in self.drained.values() if drain.until is not None and drain.until > now)
        return min(ends, default=None)
