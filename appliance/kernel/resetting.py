"""The door to BGP sessions as the kernel holds them: a connection that ends without a word of the speaker's.

A speaker that is told to leave a neighbour says goodbye, and the neighbour drops all that it was told at once. Where
another speaker takes the session over, the neighbour is to keep it meanwhile, as after a connection that was lost
(RFC 4724, section 4.2): so it is lost.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from appliance.model.address import IPAddress

BGP = 179
ESTABLISHED = "01"  # TCP_ESTABLISHED, net/tcp_states.h
TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
NETLINK_SOCK_DIAG, SOCK_DESTROY = 4, 21  # linux/netlink.h, linux/sock_diag.h
REQUEST_ACK = 0x05  # NLM_F_REQUEST | NLM_F_ACK
NO_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE: by addresses and ports alone

Ends = tuple[IPAddress, IPAddress]
"""Our address and the neighbour's."""
Connection = tuple[IPAddress, int, IPAddress, int]
"""Our address and port, theirs."""


async def reset_sessions(sessions: Collection[Ends]) -> int:
    """End the TCP connections of these sessions with a reset to the far end; how many. A kernel without this
    (CONFIG_INET_DIAG_DESTROY) ends none, and neither does one where nobody may."""
    return await asyncio.to_thread(_reset, frozenset(sessions)) if sessions else 0


def _reset(sessions: frozenset[Ends]) -> int:
    held = [one for one in _connections() if (one[0], one[2]) in sessions and BGP in (one[1], one[3])]
    return sum(map(_destroy, held))


def _connections() -> Iterator[Connection]:
    """The established ones of this network (proc(5), /proc/net/tcp)."""
    for table in TABLES:
        with suppress(FileNotFoundError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == ESTABLISHED:
                    yield (*parse_end(words[1]), *parse_end(words[2]))


def parse_end(text: str) -> tuple[IPAddress, int]:
    """An address, written as the machine's own 32-bit numbers, and a port."""
    number, _, port = text.partition(":")
    words = [int(number[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(number), 8)]
    address = b"".join(words)
    return (IPv4Address(address) if len(address) == 4 else IPv6Address(address)), int(port, 16)


def render_destroy(connection: Connection) -> bytes:
    """The message that ends it: struct inet_diag_req_v2 of linux/inet_diag.h."""
    ours, port, theirs, their_port = connection
    family = socket.AF_INET if ours.version == 4 else socket.AF_INET6
    ports = struct.pack("!HH", port, their_port)
    ends = ours.packed.ljust(16, b"\0") + theirs.packed.ljust(16, b"\0")
    request = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, 0xFFFF_FFFF) + ports + ends + bytes(4) + NO_COOKIE
    return struct.pack("=IHHII", 16 + len(request), SOCK_DESTROY, REQUEST_ACK, 1, 0) + request


def _destroy(connection: Connection) -> bool:
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(2)
        sock.send(render_destroy(connection))
        answer = sock.recv(4096)
        return len(answer) >= 20 and struct.unpack_from("=i", answer, 16)[0] == 0
    return False
