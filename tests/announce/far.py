"""The far end of a session, byte by byte: it says what a test has it say, sound or not (RFC 4271, section 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from struct import pack

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
HEADER = 19
PATIENCE = 60.0


@dataclass(slots=True)
class FarEnd:
    """A gateway. ``heard`` are the messages it received; ``restart`` its restart time, None without the capability."""

    address: str
    asn: int = 64512
    router_id: str = "198.51.100.1"
    hold: int = 30
    restart: int | None = None
    four_octets: bool = True
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    sessions: int = 0
    _writer: asyncio.StreamWriter | None = None
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Take calls."""
        self._server = await asyncio.start_server(self._converse, self.address, 179)

    async def stop(self) -> None:
        """Take no more, and drop the one there is."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End the connection without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    @property
    def up(self) -> bool:
        """Whether the near end has agreed to a session."""
        return self._writer is not None and any(kind == KEEPALIVE for kind, _ in self.heard)

    def say(self, kind: int, body: bytes = b"") -> None:
        """One message."""
        assert self._writer is not None
        self._writer.write(b"\xff" * 16 + pack("!HB", HEADER + len(body), kind) + body)

    def offer(self, prefixes: Iterable[str], path: Iterable[int] = (), *, med: int | None = None, origin: int = 0,
              extra: bytes = b"", nexthop: str | None = None) -> None:  # fmt: skip
        """An UPDATE with these prefixes, over ourselves unless told otherwise."""
        hop = ip_address(nexthop or self.address).packed
        told = attribute(1, bytes([origin])) + attribute(2, self._path(path)) + attribute(3, hop)
        told += b"" if med is None else attribute(4, pack("!I", med), flags=0x80)
        self.say(UPDATE, pack("!HH", 0, len(told + extra)) + told + extra + nlri(prefixes))

    def take_back(self, prefixes: Iterable[str]) -> None:
        """An UPDATE that withdraws these."""
        gone = nlri(prefixes)
        self.say(UPDATE, pack("!H", len(gone)) + gone + pack("!H", 0))

    def end_of_rib(self) -> None:
        """RFC 4724, section 2: an UPDATE of nothing."""
        self.say(UPDATE, pack("!HH", 0, 0))

    def notify(self, code: int, subcode: int = 0) -> None:
        """End the session, with the reason."""
        self.say(NOTIFICATION, bytes((code, subcode)))
        assert self._writer is not None
        self._writer.close()
        self._writer = None

    def updates(self) -> list[bytes]:
        """Bodies of the UPDATEs that came."""
        return [body for kind, body in self.heard if kind == UPDATE]

    def told(self) -> set[str]:
        """The prefixes that the near end has announced and not withdrawn in this session."""
        found: set[str] = set()
        for body in self.updates():
            attributes = 2 + int.from_bytes(body[:2], "big")
            offered = attributes + 2 + int.from_bytes(body[attributes : attributes + 2], "big")
            found = found - set(prefixes(body[2:attributes])) | set(prefixes(body[offered:]))
        return found

    def _path(self, path: Iterable[int]) -> bytes:
        numbers = [self.asn, *path]
        code = "!I" if self.four_octets else "!H"
        return bytes((2, len(numbers))) + b"".join(pack(code, number) for number in numbers)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard, self._writer = [], writer
        alive: asyncio.Task[None] | None = None
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                header = await reader.readexactly(HEADER)
                length, kind = int.from_bytes(header[16:18], "big"), header[18]
                self.heard.append((kind, await reader.readexactly(length - HEADER)))
                if kind == OPEN:
                    self.sessions += 1
                    self.say(OPEN, self._open())
                    self.say(KEEPALIVE)
                    alive = asyncio.create_task(self._keep_alive(writer))
        if alive is not None:
            alive.cancel()
        if self._writer is writer:
            self._writer = None
        writer.close()

    def _open(self) -> bytes:
        """RFC 5492, section 4, with RFC 4760, RFC 6793 and RFC 4724."""
        capabilities = capability(1, pack("!HBB", 1, 0, 1)) + capability(2, b"")
        capabilities += capability(65, pack("!I", self.asn)) if self.four_octets else b""
        if self.restart is not None:
            capabilities += capability(64, pack("!HHBB", self.restart, 1, 1, 0x80))
        options = bytes((2, len(capabilities))) + capabilities
        short = self.asn if self.asn < 65536 else 23456
        head = pack("!BHH", 4, short, self.hold) + ip_address(self.router_id).packed
        return head + bytes((len(options),)) + options

    async def _keep_alive(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(self.hold / 3)
            if self._writer is writer:
                self.say(KEEPALIVE)


def attribute(code: int, value: bytes, *, flags: int = 0x40) -> bytes:
    """A path attribute."""
    return bytes((flags, code, len(value))) + value


def capability(code: int, value: bytes) -> bytes:
    """A capability."""
    return bytes((code, len(value))) + value


def capabilities(said: bytes) -> dict[int, bytes]:
    """Those that an OPEN offers, by code (RFC 5492, section 4): of optional parameters they are the second kind."""
    found, options = {}, said[10:]
    while options:
        kind, size = options[:2]
        offered, options = options[2 : 2 + size], options[2 + size :]
        while offered and kind == 2:
            found[offered[0]] = offered[2 : 2 + offered[1]]
            offered = offered[2 + offered[1] :]
    return found


def nlri(prefixes: Iterable[str]) -> bytes:
    """Prefixes as UPDATEs carry them (RFC 4271, section 4.3)."""
    found = b""
    for network in map(ip_network, prefixes):
        found += bytes((network.prefixlen,)) + network.network_address.packed[: (network.prefixlen + 7) // 8]
    return found


def prefixes(data: bytes) -> Iterator[str]:
    """The inverse of :func:`nlri`."""
    while data:
        size = (data[0] + 7) // 8
        yield f"{ip_address(data[1 : 1 + size].ljust(4, bytes(1)))}/{data[0]}"
        data = data[1 + size :]


async def until(predicate: Callable[[], object], what: str = "") -> None:
    """Wait for it, not for long."""
    async with asyncio.timeout(PATIENCE):
        while not predicate():
            await asyncio.sleep(0.02)
