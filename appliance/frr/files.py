"""The file that says what FRR was told: written whole, or a line more."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.frr.record import Instances, parse_record, render_record
from appliance.model.resources import FrrConfig

Mark = tuple[int, int, int]
"""Inode, time and size of a file: another one has others."""

ROOM = 4
"""What was added to a record is at most this part of it: then all of it is written anew."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file as it was when it was read or written, the daemons that it is about, and what these were told; None: it
    says nothing about them. ``whole`` is its size in bytes before anything was added; 0: not known."""

    mark: Mark
    instances: Instances
    config: FrrConfig | None
    whole: int = 0


class RecordFile:
    """While it is taken away there is none, however we end: what is in it holds again only once it is put back."""

    def __init__(self, path: Path) -> None:
        self._path, self._aside = path, path.with_suffix(".new")
        self._held: Held | None = None
        self._away: Held | None = None

    def known(self, instances: Instances) -> FrrConfig | None:
        """What these daemons were told; None where that takes reading."""
        with suppress(OSError):
            return self._held.config if self._held is not None and self._is_of(self._held, instances) else None
        return None

    def recall(self, instances: Instances) -> FrrConfig | None:
        """What these daemons were told; None where that is not known. A file that we know is not read again: the very
        object of the last time."""
        try:
            if self._held is None or not self._is_of(self._held, instances):
                mark, text = _mark_of(self._path), parse_record(self._path.read_bytes().decode(), instances)
                self._held = Held(mark, instances, FrrConfig(text) if text is not None else None)
            return self._held.config
        except (OSError, UnicodeDecodeError):
            return None

    def _is_of(self, held: Held, instances: Instances) -> bool:
        """Whether that is still all there is to know about these daemons. Raises OSError where there is no file."""
        return (held.mark, held.instances) == (_mark_of(self._path), instances)

    def know(self, config: FrrConfig) -> None:
        """This is what was found to be told already: of what it is made shows sooner what differs from another."""
        held = self._held
        if held is not None and held.config is not None and isinstance(held.config.written, str):
            self._held = replace(held, config=config) if held.config == config else held

    def take_away(self) -> None:
        """From now on nobody knows what FRR holds."""
        held, self._held, self._away = self._held, None, None
        with suppress(FileNotFoundError):
            self._path.replace(self._aside)
            self._away = held if held is not None and held.mark == _mark_of(self._aside) else None

    def put_back(self, instances: Instances, config: FrrConfig, amendment: str | None = None) -> None:
        """This is what they were told. ``amendment``: the line that makes what was taken away to it."""
        away, self._away = self._away, None
        if away is not None and amendment is not None and _has_room(away, amendment):
            with self._aside.open("ab") as file:
                file.write(amendment.encode())
            whole = away.whole
        else:
            whole = _write_privately(self._aside, render_record(instances, config.text))
        self._aside.replace(self._path)
        self._held = Held(_mark_of(self._path), instances, config, whole)


def _has_room(held: Held, amendment: str) -> bool:
    return held.mark[2] + len(amendment) <= held.whole + held.whole // ROOM


def _mark_of(path: Path) -> Mark:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _write_privately(path: Path, text: str) -> int:
    """Readable by us alone. The size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        return file.write(text.encode())
