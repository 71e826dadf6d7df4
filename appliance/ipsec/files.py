"""How the record of what charon holds is written: whole, or a line more."""

from __future__ import annotations

import os
from pathlib import Path

from appliance.model.fault import ApplianceError

Mark = tuple[int, int, int]
"""Inode, time and size of a file: another one has others."""


def mark_of(path: Path) -> Mark | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def add_line(path: Path, line: str) -> None:
    """One more line, all of it or, where we are killed, a part without an end."""
    try:
        with path.open("ab", buffering=0) as file:
            file.write(line.encode())
    except OSError as error:
        raise ApplianceError(f"cannot write {path}: {error.strerror}", code="system") from None


def write_privately(path: Path, text: str) -> None:
    """Replace the file at once and readable by its owner only: a reader sees the old text or the new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        raise ApplianceError(f"cannot write {path}: {error.strerror}", code="system") from None
