"""Whether a daemon that we talked to is still there, told without talking to it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

GONE = frozenset("ZX")
"""States of a process that runs no more (proc(5)); its parent may not have looked yet."""


@dataclass(frozen=True, slots=True)
class Life:
    """A process, when it started (in ticks since the machine did; ``?``: not to be seen), and the socket by which it is
    reached: inode and time."""

    pid: int
    started: str
    path: Path
    mark: tuple[int, int]

    @property
    def instance(self) -> str:
        """Another one has another."""
        return f"{self.pid} {self.started}"

    @property
    def goes_on(self) -> bool:
        """Whether a conversation would be with this very one."""
        try:
            return self.started != "?" and (_started(self.pid), _mark_of(self.path)) == (self.started, self.mark)
        except OSError:
            return False


def meet(sock: socket.socket, path: Path) -> Life:
    """The one at the other end."""
    pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        return Life(pid, _started(pid), path, _mark_of(path))
    except OSError:
        return Life(pid, "?", path, (0, 0))


def _started(pid: int) -> str:
    """Raises OSError where there is none; ``?`` for one that ended."""
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        words = file.read(4096).rpartition(b")")[2].decode().split()
    return "?" if words[0] in GONE else words[19]


def _mark_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_ctime_ns
