"""A stream of datagrams: ``stream.py send ADDRESS SOURCE``, and ``stream.py receive ADDRESS`` at the other end.

The receiver goes by the kernel's time of arrival and prints, when its input ends, of each silence that was longer than
``GAP`` when it began (seconds of the epoch) and how many seconds it lasted.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress

PORT = 9000
EVERY = 0.001
GAP = 0.060
"""Seconds: shorter than any blackout, longer than a busy machine keeps the sender waiting."""
_STAMP = struct.Struct("qq")
_SO_TIMESTAMPNS = 35


def send(address: str, source: str = "") -> None:
    """Until ended, also while there is no way there. No ``source``: the one of the way there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        due = time.monotonic()
        while True:
            with suppress(OSError):
                out.sendto(b"x", (address, PORT))
            due = max(due + EVERY, time.monotonic() - EVERY)
            time.sleep(max(0.0, due - time.monotonic()))


def receive(address: str) -> None:
    """Print the silences."""
    gaps: list[tuple[float, float]] = []
    last = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
        into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        into.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        into.bind((address, PORT))
        while True:
            ready, _, _ = select.select([into, sys.stdin], [], [])
            if sys.stdin in ready:
                break
            _, control, _, _ = into.recvmsg(64, 64)
            seconds, nanoseconds = _STAMP.unpack_from(control[0][2])
            at = seconds + nanoseconds * 1e-9
            if last and at - last > GAP:
                gaps.append((last, at - last))
            last = at
    print("\n".join(f"{began:.6f} {lasted:.6f}" for began, lasted in gaps))


if __name__ == "__main__":
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    {"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
