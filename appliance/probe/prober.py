"""The door to the tunnels' far ends: asks over every tunnel by ICMP, in a thread of its own, and hears who answers.

A probe leaves by the interface of its tunnel whatever the routes say (IP_PKTINFO), looked up by name each time it
changed: an interface that was made anew is asked over at once.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from secrets import randbits
from struct import Struct
from time import monotonic

from appliance.model.fault import SystemLacks
from appliance.model.health import Target, TargetHealth
from appliance.model.intent import Probing
from appliance.probe.echo import REPLY, REPLY6, Echo, parse_reply
from appliance.probe.schedule import Schedule
from appliance.probe.window import Window

SOL_RAW, ICMP_FILTER = 255, 1
SOL_ICMPV6, ICMP6_FILTER = 58, 1
PKTINFO, PKTINFO6 = Struct("=I4s4s"), Struct("=16sI")  # struct in_pktinfo, struct in6_pktinfo
IP_PKTINFO = 8
BUFFER = 1 << 20  # bytes: answers that came while somebody else had the processor
LONGEST_SLEEP = 1.0  # seconds


@dataclass(slots=True)
class _Line:
    """A window with what its probes look like on the wire."""

    window: Window
    echo: Echo
    cookie: int


class Prober:
    """Asks the targets it is given. ``on_change`` is called in its thread when a target was lost or answers again."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._schedule = Schedule()
        self._lines: dict[int, _Line] = {}
        self._places: dict[Target, int] = {}
        self._indexes: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._wake_end, self._poke_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._over = False
        self._sockets: dict[int, socket.socket] = {}

    def start(self) -> None:
        """Begin. Raises SystemLacks without the privilege to send ICMP."""
        try:
            self._sockets = {4: _socket4(), 6: _socket6()}
        except PermissionError as error:
            raise SystemLacks("asking over tunnels needs the privilege CAP_NET_RAW", hint="run as root") from error
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._over = True
        self._poke()
        if self._thread.is_alive():
            self._thread.join()
        for sock in self._sockets.values():
            sock.close()

    def set_targets(self, targets: Iterable[Target], pace: Probing) -> None:
        """Ask these from now on; what is known of those that were asked before stays."""
        asked = [target for target in targets if target.kind == "icmp"]
        with self._lock:
            self._schedule.set_targets(asked, pace, monotonic())
            lines: dict[int, _Line] = {}
            for target, window in self._schedule.windows.items():
                place = self._places.setdefault(target, len(self._places))
                known = self._lines.get(place)
                lines[place] = known if known is not None and known.window is window else _line(place, window)
            self._lines = lines
        self._poke()

    def health(self, now: float) -> Mapping[str, tuple[TargetHealth, ...]]:
        """What came back so far, by tunnel."""
        with self._lock:
            found: dict[str, list[TargetHealth]] = {}
            for target, window in self._schedule.windows.items():
                found.setdefault(target.tunnel, []).append(window.health(now))
        return {tunnel: tuple(healths) for tunnel, healths in found.items()}

    # In the thread

    def _run(self) -> None:
        while not self._over:
            with self._lock:
                due = self._schedule.wake_at()
            patience = LONGEST_SLEEP if due is None else min(LONGEST_SLEEP, max(0.0, due - monotonic()))
            select.select([self._wake_end, *(sock.fileno() for sock in self._sockets.values())], [], [], patience)
            with suppress(BlockingIOError):
                os.read(self._wake_end, 4096)
            if self._step():
                self._on_change()

    def _step(self) -> bool:
        """Take in every answer that is there, then conclude and ask; whether anything is news."""
        with self._lock:
            news = self._hear()
            asking, lost = self._schedule.step(monotonic())
            for window in asking:
                line = self._lines[self._places[window.target]]
                number = self._schedule.sent(window, monotonic())
                self._send(window.target, line.echo.packet(number))
        return news or lost

    def _hear(self) -> bool:
        news = False
        for version, sock in self._sockets.items():
            while True:
                try:
                    packet = sock.recv(2048)
                except OSError:  # nothing more, or an error that an earlier probe met
                    break
                reply = parse_reply(packet, version)
                line = self._lines.get(reply.place) if reply is not None else None
                if reply is not None and line is not None and line.cookie == reply.cookie:
                    news |= line.window.answered(reply.number, monotonic())
        return news

    def _send(self, target: Target, packet: bytes) -> None:
        """A probe that cannot be sent is one that is not answered."""
        for fresh in (False, True):
            index = self._index(target.interface, fresh=fresh)
            if index and self._try(target, packet, index):
                return

    def _try(self, target: Target, packet: bytes, index: int) -> bool:
        six = target.address.version == 6
        source = target.source.packed if target.source is not None else bytes(16 if six else 4)
        if six:
            told = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, PKTINFO6.pack(source, index))
        else:
            told = (socket.IPPROTO_IP, IP_PKTINFO, PKTINFO.pack(index, source, bytes(4)))
        try:
            self._sockets[target.address.version].sendmsg([packet], [told], 0, (str(target.address), 0))
        except OSError:
            return False
        return True

    def _index(self, interface: str, *, fresh: bool) -> int:
        """The kernel's number of the interface, 0 when there is none."""
        if fresh or interface not in self._indexes:
            try:
                self._indexes[interface] = socket.if_nametoindex(interface)
            except OSError:
                self._indexes[interface] = 0
        return self._indexes[interface]

    def _poke(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._poke_end, b".")


def _line(place: int, window: Window) -> _Line:
    cookie = randbits(64)
    return _Line(window, Echo(place, cookie, randbits(16), window.target.address.version), cookie)


def _socket4() -> socket.socket:
    sock = _raw(socket.AF_INET, socket.IPPROTO_ICMP)
    sock.setsockopt(SOL_RAW, ICMP_FILTER, (0xFFFF_FFFF & ~(1 << REPLY)).to_bytes(4, "little"))
    return sock


def _socket6() -> socket.socket:
    sock = _raw(socket.AF_INET6, socket.IPPROTO_ICMPV6)
    blocked = bytearray(b"\xff" * 32)
    blocked[REPLY6 // 8] &= ~(1 << REPLY6 % 8) & 0xFF
    sock.setsockopt(SOL_ICMPV6, ICMP6_FILTER, bytes(blocked))
    return sock


def _raw(family: socket.AddressFamily, protocol: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return sock
