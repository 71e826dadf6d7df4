"""The kernel's settings in memory, behind the same door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.resources import Resource, Sysctl
from appliance.sysctl.values import is_same, parse_value, path_of


class FakeProcsys:
    """``values`` are what the kernel has, by name; ``originals`` the record; ``writes`` counts values written."""

    owns = (Sysctl,)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})
        self.originals: dict[str, str] = {}
        self.writes = 0
        self._watched: dict[str, Sysctl] = {}

    def watch(self, resources: Iterable[Sysctl]) -> bool:
        before, self._watched = self._watched, {resource.name: resource for resource in resources}
        return before != self._watched

    async def observe(self) -> frozenset[Resource]:
        seen = (self._seen(name) for name in self._watched.keys() | self.originals.keys())
        return frozenset(sysctl for sysctl in seen if sysctl is not None)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return tuple(map(self._try, changes))

    def vanish(self, name: str) -> None:
        """The interface or module that the setting belongs to goes."""
        del self.values[name]

    def _seen(self, name: str) -> Sysctl | None:
        watched = self._watched.get(name)
        if name not in self.values:
            return Sysctl(name, "", machine_wide=True) if name in self.originals else None
        if watched is not None and is_same(watched.value, self.values[name]):
            return watched
        return Sysctl(name, self.values[name], machine_wide=watched.machine_wide if watched else True)

    def _try(self, change: Change) -> Outcome:
        try:
            self._do(change)
        except SystemFailure as failure:
            return Outcome(change, failure.message, failure.retry)
        return Outcome(change)

    def _do(self, change: Change) -> None:
        if isinstance(change.new, Sysctl):
            if change.new.machine_wide and change.new.name in self.values:
                self.originals.setdefault(change.new.name, self.values[change.new.name])
            self._write(change.new.name, change.new.value)
        elif isinstance(change.old, Sysctl) and change.old.name in self.originals:
            if change.old.name in self.values:
                self._write(change.old.name, self.originals[change.old.name])
            del self.originals[change.old.name]

    def _write(self, name: str, value: str) -> None:
        path_of(name)
        if name not in self.values:
            raise SystemFailure(f"there is no kernel setting {name}", retry=True)
        if not all(word.lstrip("-").isdecimal() for word in value.split()):
            raise SystemFailure(f"cannot set {name} to {value!r}: Invalid argument")
        self.values[name] = parse_value(value)
        self.writes += 1
