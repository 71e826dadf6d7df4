"""Our end of the bridge: a socket without a place in the file system, and who may speak on it."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path


def bridge_socket(name: str) -> socket.socket:
    """A socket that listens under an abstract name. Nobody can have taken a name that was drawn by lot."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("\0" + name)
    sock.listen(4)
    sock.setblocking(False)
    return sock


def is_bridge(sock: socket.socket, speaker: int) -> bool:
    """Whether the other end is a child of our speaker's."""
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return int(words[1]) == speaker and os.stat(f"/proc/{pid}").st_uid == uid
    except OSError:
        return False
