"""How our files are written: whole or not at all, and on the disk before anybody goes by them."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.model.fault import SystemFailure, SystemLacks

PRIVATE = 0o600


@contextmanager
def naming(path: Path) -> Iterator[Path]:
    """Only here is errno read: an OSError leaves as one of ours that names the path and the reason."""
    try:
        yield path
    except OSError as error:
        where = error.filename or path
        if error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() != 0:
            raise SystemLacks(f"no permission for {where}", hint="run it as root", code="privilege") from error
        hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
        raise SystemFailure(f"{where}: {error.strerror}", hint=hint, code="file") from error


def write(path: Path, content: str | bytes, mode: int, folder_mode: int = 0o755) -> None:
    """Replace the file, whole or not at all."""
    with naming(path):
        make_folder(path.parent, folder_mode)
        with _written_beside(path, content.encode() if isinstance(content, str) else content, mode) as fresh:
            fresh.replace(path)


@contextmanager
def _written_beside(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """A new file next to ``path``, complete and on the disk; what is left of it goes when the block ends."""
    fresh = write_beside(path, content, mode)
    try:
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_beside(path: Path, content: bytes, mode: int) -> Path:
    """A new file next to ``path``, complete and on the disk, or none."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    make_folder(path.parent, 0o755)
    try:
        with open(fresh, "xb", opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, PRIVATE)) as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def make_folder(folder: Path, mode: int) -> None:
    """The folder, with this mode when it is private or new."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    elif mode == 0o700 and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(mode)


def sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def appending(path: Path) -> Iterator[Callable[[str], None]]:
    """What adds a line to the file: opened once, and each line leaves this process at once."""
    with naming(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def append(line: str) -> None:
        with naming(path):
            os.write(descriptor, line.encode())

    try:
        yield append
    finally:
        os.close(descriptor)


def drop(path: Path) -> None:
    with naming(path):
        path.unlink(missing_ok=True)


Mark = tuple[int, int, int, int]
"""What tells a file from any other that was ever in its place."""

SETTLED = 50_000_000
"""Nanoseconds after which a second change of a file has another time than the first: the kernel's clock for files goes
in steps of 10 ms at most."""


def mark_of(path: Path) -> Mark | None:
    """None where there is no such file, and of one that was changed just now: another change may leave all of this."""
    try:
        status = path.stat()
    except OSError:
        return None
    if abs(time.time_ns() - status.st_ctime_ns) < SETTLED:
        return None
    return status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size
