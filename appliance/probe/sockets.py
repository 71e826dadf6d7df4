"""The sockets that ask: echo requests over one raw socket for all tunnels, TCP connections, UDP datagrams.

What cannot be sent (no such interface, link down, no route) counts as asked and not answered: that is what it means.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import ECONNREFUSED, EINPROGRESS

from appliance.model.fault import SystemLacks
from appliance.model.health import Target
from appliance.probe.bursts import Inbox, Letter, Outbox
from appliance.probe.echo import REPLY, REPLY6, SIZE, Echo

TIMESTAMPNS, BINDTOIFINDEX = 35, 62  # SO_TIMESTAMPNS, SO_BINDTOIFINDEX (Linux 5.0), asm-generic/socket.h
IP_PKTINFO = 8  # linux/in.h; no name for it in Python 3.11
ICMP_FILTER, RAW_LEVEL = 1, 255  # linux/icmp.h
ICMP6_FILTER = 1  # linux/icmpv6.h
NETWORK_CONTROL = 0xC0  # DSCP CS6 (RFC 4594, section 3.1), as routing protocols use it
RCVBUFFORCE = 33  # SO_RCVBUFFORCE: beyond net.core.rmem_max, asm-generic/socket.h
BUFFER = 1 << 20
_INFO4 = struct.Struct("=I4s4s")
_INFO6 = struct.Struct("=16sI")
LONGEST_WAIT = 2.0  # seconds for which a connection may still be answered
MOST_OPEN = 64  # connections of one target at a time

NOWHERE = 0x7FFF_FFFF
"""The number of no interface: what would go there is an error, while 0 would go wherever the routes say."""
SHAPES = {4: "16x2q26xH16s", 6: "16x2q6xH16s"}
"""Of a reply, behind the time at which the kernel got it, and with IPv4 an IP header: its number, and our payload."""


class Call:
    """What one target is sent, and over which interface."""

    __slots__ = ("echo", "index", "letter", "target", "version")

    def __init__(self, target: Target, echo: Echo) -> None:
        self.target, self.echo, self.version = target, echo, target.address.version
        self.lead(NOWHERE, echo.packet(0))

    def lead(self, index: int, text: bytes) -> None:
        """Send it over the interface of that number from now on."""
        self.index = index
        address, source = self.target.address, self.target.source
        if address.version == 4:
            to = struct.pack("=H2x4s8x", socket.AF_INET, address.packed)
            info = _INFO4.pack(index, source.packed if source is not None else bytes(4), bytes(4))
            self.letter = Letter(to, (socket.IPPROTO_IP, IP_PKTINFO, info), text)
        else:
            to = struct.pack("=H6x16s4x", socket.AF_INET6, address.packed)
            info = _INFO6.pack(source.packed if source is not None else bytes(16), index)
            self.letter = Letter(to, (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info), text)


class Pings:
    """Every echo request of one family over one raw socket; the interface is chosen packet by packet, by IP_PKTINFO.

    Such a packet goes out there whatever the routes say, a blackhole included: IPv4 takes the target for a neighbour.
    IPv6 wants a route over that interface.
    """

    def __init__(self, version: int) -> None:
        self.socket = _open_raw(version)
        self._finder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outbox = Outbox(self.socket)
        self._inbox = Inbox(self.socket, SHAPES[version], SIZE + (20 if version == 4 else 0))

    def ask(self, calls: Sequence[Call]) -> list[Call]:
        """Send one request to each. An interface that was made again has another number, and is looked up again: those
        that went over another interface than before."""
        failed = self._outbox.send([call.letter for call in calls])
        moved = [calls[at] for at in failed if self._find(calls[at])]
        if moved:
            self._outbox.send([call.letter for call in moved])
        return moved

    def replies(self) -> list[tuple[int, int, int, bytes]]:
        """What has come: seconds and nanoseconds since 1970 at which the kernel got it, its number in the order of the
        network, its payload. The kernel lets only replies through; whose they are, the payload says."""
        return self._inbox.fetch()

    def close(self) -> None:
        """Ask nothing more."""
        self.socket.close()
        self._finder.close()

    def _find(self, call: Call) -> bool:
        """Whether the interface has another number than it had."""
        try:
            index = number_of(call.target.interface, self._finder)
        except OSError:
            return False
        if index == call.index:
            return False
        call.lead(index, call.letter.memory.raw[:SIZE])
        return True


def number_of(interface: str, plug: socket.socket | None = None) -> int:
    """The interface's number; OSError where there is none of that name. ``plug``: a socket to find it with.

    Whoever asks for it by SIOCGIFINDEX, as if_nametoindex(3) does, has the kernel run modprobe for each name that is
    not there: with an interface gone that is two processes for every probe.
    """
    if plug is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
            return number_of(interface, new)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    return plug.getsockopt(socket.SOL_SOCKET, BINDTOIFINDEX)


def _open_raw(version: int) -> socket.socket:
    family, protocol = (
        (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
    )
    try:
        opened = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        hint = "run as root, or give the daemon CAP_NET_RAW"
        raise SystemLacks("probes need raw sockets", hint=hint, code="raw-sockets") from None
    if version == 4:
        opened.setsockopt(RAW_LEVEL, ICMP_FILTER, struct.pack("=I", 0xFFFF_FFFF & ~(1 << REPLY)))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, NETWORK_CONTROL)
    else:
        blocked = [0xFFFF_FFFF] * 8
        blocked[REPLY6 >> 5] &= ~(1 << (REPLY6 & 31))
        opened.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, struct.pack("=8I", *blocked))
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, NETWORK_CONTROL)
    opened.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    with suppress(PermissionError):
        opened.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, BUFFER)
    return opened


def _open_bound(kind: int, target: Target) -> socket.socket:
    """A socket of the target's family that uses its interface and source, and nothing else. OSError when it cannot."""
    family = socket.AF_INET if target.address.version == 4 else socket.AF_INET6
    opened = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, target.interface.encode() + b"\0")
        if target.source is not None:
            opened.bind((str(target.source), 0))
    except OSError:
        opened.close()
        raise
    return opened


Watch = Callable[[socket.socket, Callable[[], None] | None, bool], None]
"""Call back when the socket is readable, or writable (the last argument); None: watch it no more."""


class Connections:
    """TCP: a connection is opened and given up at once. Accepted or refused (RST), both are an answer."""

    def __init__(self, target: Target, watch: Watch, answered: Callable[[int], None]) -> None:
        self._target, self._watch, self._answered = target, watch, answered
        self._open: deque[tuple[float, int, socket.socket]] = deque()

    def ask(self, number: int, now: float) -> None:
        """Open one connection, and give up those that wait for too long."""
        while self._open and (self._open[0][0] + LONGEST_WAIT <= now or len(self._open) >= MOST_OPEN):
            self._end(self._open.popleft()[2])
        try:
            opened = _open_bound(socket.SOCK_STREAM, self._target)
        except OSError:
            return
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))  # RST, and no TIME_WAIT
        failed = opened.connect_ex((str(self._target.address), self._target.port))
        if failed == EINPROGRESS:
            self._open.append((now, number, opened))
            self._watch(opened, lambda: self._settle(number, opened), True)
            return
        opened.close()
        if failed in (0, ECONNREFUSED):
            self._answered(number)

    def close(self) -> None:
        """Give up all that are open."""
        while self._open:
            self._end(self._open.popleft()[2])

    def _settle(self, number: int, opened: socket.socket) -> None:
        error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._open = deque(entry for entry in self._open if entry[2] is not opened)
        self._end(opened)
        if error in (0, ECONNREFUSED):
            self._answered(number)

    def _end(self, opened: socket.socket) -> None:
        self._watch(opened, None, True)
        opened.close()


class Datagrams:
    """UDP: any datagram that comes back is an answer, to the newest probe unless it is our own.

    A port that is unreachable is none: hosts limit how often they say so, which would look like loss.
    """

    def __init__(self, target: Target, watch: Watch, answered: Callable[[int | None], None], echo: Echo) -> None:
        self._target, self._watch, self._answered, self._echo = target, watch, answered, echo
        self._socket: socket.socket | None = None
        self._index = 0

    def ask(self, number: int) -> None:
        """Send one datagram; over a new socket when the interface was made again."""
        try:
            index = number_of(self._target.interface)
            if self._socket is None or index != self._index:
                self._open(index)
            assert self._socket is not None
            self._socket.send(self._echo.datagram(number))
        except ConnectionRefusedError:  # about an earlier one
            return
        except OSError:
            self.close()

    def close(self) -> None:
        """Ask nothing more."""
        if self._socket is not None:
            self._watch(self._socket, None, False)
            self._socket.close()
            self._socket = None

    def _open(self, index: int) -> None:
        self.close()
        opened = _open_bound(socket.SOCK_DGRAM, self._target)
        try:
            opened.connect((str(self._target.address), self._target.port))
        except OSError:
            opened.close()
            raise
        self._socket, self._index = opened, index
        self._watch(opened, self._read, False)

    def _read(self) -> None:
        while self._socket is not None:
            try:
                number = self._echo.parse_datagram(self._socket.recv(256))
            except ConnectionRefusedError:
                continue
            except OSError:
                return
            self._answered(number)
