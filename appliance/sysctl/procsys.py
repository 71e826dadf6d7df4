"""The door to the kernel's settings: files below /proc/sys, and a record of what the machine-wide ones were."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.resources import Resource, Sysctl
from appliance.sysctl.values import Originals, is_same, parse_record, parse_value, path_of, render_record


class Procsys:
    """Kernel settings. A machine-wide one is recorded before our first change of it, and restored when it is removed.

    Nothing marks a setting as ours, so :meth:`watch` says which ones to look at; those in the record are always seen.
    ``record_file`` outlives the process but describes this boot's values, so it may stay over a reboot: a setting then
    returns to what it was when we first touched it.
    """

    owns = (Sysctl,)

    def __init__(self, record_file: Path, root: Path = Path("/proc/sys")) -> None:
        self._record_file = record_file
        self._root = root
        self._watched: dict[str, Sysctl] = {}

    def watch(self, resources: Iterable[Sysctl]) -> bool:
        """Look at these from now on, and at no others but the recorded ones. Whether that are others than before."""
        before, self._watched = self._watched, {resource.name: resource for resource in resources}
        return before != self._watched

    async def observe(self) -> frozenset[Resource]:
        """The watched settings that exist and the recorded ones, with their values of now."""
        return await asyncio.to_thread(self._observe)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write or restore in the order given, one outcome each; go on past a failed one."""
        return await asyncio.to_thread(lambda: [self._try(change) for change in changes])

    def _observe(self) -> frozenset[Resource]:
        originals = self._read_record()
        found: set[Resource] = set()
        for name in self._watched.keys() | originals.keys():
            value = self._read(name)
            if value is not None:
                found.add(self._seen(name, value, name in originals))
            elif name in originals:
                found.add(Sysctl(name, "", machine_wide=True))  # its module is gone: only the record is left
        return frozenset(found)

    def _seen(self, name: str, value: str, recorded: bool) -> Sysctl:
        """The watched resource itself when the value is the same, however it is spelt."""
        watched = self._watched.get(name)
        if watched is None:
            return Sysctl(name, value, machine_wide=recorded)
        return watched if is_same(watched.value, value) else Sysctl(name, value, watched.machine_wide)

    def _try(self, change: Change) -> Outcome:
        try:
            if isinstance(change.new, Sysctl):
                self._set(change.new)
            elif isinstance(change.old, Sysctl):
                self._restore(change.old)
        except SystemFailure as failure:
            return Outcome(change, failure.message, failure.retry)
        return Outcome(change)

    def _set(self, wanted: Sysctl) -> None:
        """The record goes first: a process killed between the two leaves a record too many, never one too few."""
        if wanted.machine_wide:
            self._remember(wanted.name)
        self._write(wanted.name, wanted.value)

    def _restore(self, resource: Sysctl) -> None:
        originals = dict(self._read_record())
        original = originals.pop(resource.name, None)
        if original is None:
            return  # an interface's own setting goes with the interface
        if self._read(resource.name) is not None:
            self._write(resource.name, original)
        self._write_record(originals)

    def _remember(self, name: str) -> None:
        originals = self._read_record()
        value = self._read(name)
        if name not in originals and value is not None:
            self._write_record({**originals, name: value})

    def _read(self, name: str) -> str | None:
        try:
            return parse_value((self._root / path_of(name)).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as failure:
            raise SystemFailure(f"cannot read the kernel setting {name}: {failure.strerror}") from failure

    def _write(self, name: str, value: str) -> None:
        try:
            with (self._root / path_of(name)).open("r+") as file:
                file.write(value + "\n")
        except PermissionError as failure:
            raise SystemLacks(f"changing the kernel setting {name} is not permitted", hint="run as root") from failure
        except (FileNotFoundError, NotADirectoryError) as failure:
            raise SystemFailure(f"there is no kernel setting {name}", retry=True) from failure
        except OSError as failure:
            raise SystemFailure(f"cannot set {name} to {value!r}: {failure.strerror}") from failure

    def _read_record(self) -> Originals:
        try:
            return parse_record(self._record_file.read_text(), str(self._record_file))
        except FileNotFoundError:
            return {}
        except PermissionError as failure:
            raise SystemLacks(f"reading {self._record_file} is not permitted", hint="run as root") from failure
        except (OSError, UnicodeDecodeError) as failure:
            raise SystemFailure(f"cannot read {self._record_file}: {failure}") from failure

    def _write_record(self, originals: Originals) -> None:
        """In one step: the old record or the new one, on disk before any setting changes."""
        draft = self._record_file.with_name(self._record_file.name + ".new")
        try:
            self._record_file.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(render_record(originals))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._record_file)
        except OSError as failure:
            raise SystemFailure(f"cannot write {self._record_file}: {failure.strerror}") from failure
