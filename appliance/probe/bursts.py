"""Many packets by one system call: sendmmsg(2) and recvmmsg(2), which Python does not offer. Part of the sockets' door.

What is asked again and again is laid out in memory once (``Letter``); whoever sends changes some bytes of it and hands
over the addresses of as many as are due. What came is read where the kernel put it, a tuple for each packet.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterable, Iterator, Sequence
from errno import EAGAIN
from struct import Struct, calcsize
from typing import Any

MOST = 128
"""Packets for one system call."""
HEADER = Struct("@PIPNPNi0PI0P")
"""struct mmsghdr: name and its length, vectors and their number, control and its length, flags; length."""
VECTOR = Struct("@PN")
CONTROL = Struct("@Nii")
LENGTH = Struct(f"@{calcsize('@PIPNPNi0P')}xI0P")
"""Of the same, only how long what came is."""
STAMP, ROOM = calcsize("@Nii2q"), 128
"""Bytes for the control message of each packet that comes, a time; for it and the packet."""
ATTEMPTS = 16
"""How many errors about earlier packets are passed over in one go."""

_c = ctypes.CDLL(None, use_errno=True)
_send = _c.sendmmsg
_send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
# What has come is only copied: giving the interpreter to another thread and taking it back would cost more.
_receive = ctypes.PyDLL(None, use_errno=True).recvmmsg
_receive.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)


class Letter:
    """A packet that is sent again and again. ``memory`` begins with its text, of which the sender may change bytes."""

    __slots__ = ("header", "memory")

    def __init__(self, to: bytes, control: tuple[int, int, bytes], text: bytes) -> None:
        """``to`` is a sockaddr; ``control`` the level, type and data of its control message."""
        level, kind, data = control
        length = CONTROL.size + len(data)
        places, size = [0], 0
        for part in (len(text), len(to), VECTOR.size, length):
            size = -(-(size + part) // 8) * 8
            places.append(size)
        self.memory = ctypes.create_string_buffer(size)
        at, view = ctypes.addressof(self.memory), memoryview(self.memory).cast("B")
        view[: len(text)] = text
        view[places[1] : places[1] + len(to)] = to
        VECTOR.pack_into(self.memory, places[2], at, len(text))
        CONTROL.pack_into(self.memory, places[3], length, level, kind)
        view[places[3] + CONTROL.size : places[3] + length] = data
        self.header = HEADER.pack(at + places[1], len(to), at + places[2], 1, at + places[3], size - places[3], 0, 0)


class Outbox:
    """Sends letters over one socket."""

    def __init__(self, plug: socket.socket) -> None:
        self._file = plug.fileno()
        self._memory = ctypes.create_string_buffer(MOST * HEADER.size)
        self._view = memoryview(self._memory).cast("B")
        self._at = ctypes.addressof(self._memory)

    def send(self, letters: Sequence[Letter]) -> list[int]:
        """Send each; the places of those that could not be sent."""
        failed: list[int] = []
        for first in range(0, len(letters), MOST):
            failed += [first + at for at in self._send(letters[first : first + MOST])]
        return failed

    def _send(self, letters: Sequence[Letter]) -> Iterator[int]:
        headers = b"".join([letter.header for letter in letters])
        self._view[: len(headers)] = headers
        done, count = 0, len(letters)
        while done < count:
            sent = _send(self._file, self._at + done * HEADER.size, count - done, 0)
            if sent < 0:
                yield done
            done += max(1, sent)


class Inbox:
    """Reads what has come to one socket. ``shape``: what is wanted of a packet of ``length`` bytes, its control message
    before it; shorter packets are none."""

    def __init__(self, plug: socket.socket, shape: str, length: int) -> None:
        self._file = plug.fileno()
        self._length = length
        self._shape = Struct(f"={shape}{ROOM - calcsize('=' + shape)}x")
        self._rooms = ctypes.create_string_buffer(MOST * ROOM)
        self._vectors = ctypes.create_string_buffer(MOST * VECTOR.size)
        self._memory = ctypes.create_string_buffer(MOST * HEADER.size)
        self._came = memoryview(self._rooms).cast("B")
        self._headers = memoryview(self._memory).cast("B")
        for place in range(MOST):
            self._lay_out(place)
        self._fresh = bytes(self._headers)

    def _lay_out(self, place: int) -> None:
        """As the kernel leaves it when a packet of this length has come: then nothing has to be put back."""
        room, vector = (ctypes.addressof(one) for one in (self._rooms, self._vectors))
        room, vector = room + place * ROOM, vector + place * VECTOR.size
        VECTOR.pack_into(self._vectors, place * VECTOR.size, room + STAMP, ROOM - STAMP)
        HEADER.pack_into(self._memory, place * HEADER.size, 0, 0, vector, 1, room, STAMP, 0, self._length)

    def fetch(self) -> list[tuple[Any, ...]]:
        """All that is here: what ``shape`` says, of each."""
        found: list[tuple[Any, ...]] = []
        for _ in range(ATTEMPTS):
            while (count := _receive(self._file, ctypes.addressof(self._memory), MOST, socket.MSG_DONTWAIT, None)) > 0:
                found += self._read(count)
                if count < MOST:
                    return found
            if ctypes.get_errno() == EAGAIN:
                break
        return found

    def _read(self, count: int) -> Iterable[tuple[Any, ...]]:
        pieces, used = self._shape.iter_unpack(self._came[: count * ROOM]), count * HEADER.size
        if self._headers[:used].tobytes() == self._fresh[:used]:
            return pieces
        lengths = LENGTH.iter_unpack(self._headers[:used].tobytes())
        self._headers[:used] = self._fresh[:used]
        return [one for (length,), one in zip(lengths, pieces, strict=True) if length >= self._length]
