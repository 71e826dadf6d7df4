"""Netlink framing: messages and attributes to bytes and back (linux/netlink.h, linux/rtnetlink.h). All in host order.

Our own small encoder, because one pass over a hundred tunnels is a thousand messages: a general library spends fifty
times what the kernel does on them, and knows no nexthop objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

ERROR, DONE = 2, 3
NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_RULE, DEL_RULE, GET_RULE = 32, 33, 34
NEW_DISCIPLINE, DEL_DISCIPLINE = 36, 37
NEW_FILTER, DEL_FILTER = 44, 45
NEW_ACTION, GET_ACTION = 48, 50
NEW_NEXTHOP, DEL_NEXTHOP, GET_NEXTHOP = 104, 105, 106

IS_REQUEST, WANTS_ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
INTERRUPTED = 0x10  # on a dump: what was dumped changed under way
HAS_TLVS = 0x200  # on an acknowledgement: attributes follow (NLM_F_ACK_TLVS)

INET, INET6 = 2, 10
"""Address families as Linux numbers them."""

ROUTE, XFRM = 0, 6
"""Netlink protocols: a socket speaks one of them."""

NESTED = 0x8000
TYPE_MASK = 0x3FFF

HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = Struct("=HH")  # length, type
U8 = Struct("=B")
U16 = Struct("=H")
U32 = Struct("=I")
S32 = Struct("=i")


@dataclass(frozen=True, slots=True)
class Request:
    """One message to the kernel, still without its sequence number.

    ``forgive`` lists the errno values that mean that what was asked for is already so.
    """

    type: int
    flags: int
    body: bytes
    forgive: tuple[int, ...] = ()
    protocol: int = ROUTE

    def encode(self, sequence: int) -> bytes:
        """The message as it goes into the socket. All but a dump, which ends by itself, ask for an acknowledgement."""
        flags = self.flags | IS_REQUEST | (0 if self.flags == DUMP else WANTS_ACK)
        return HEADER.pack(HEADER.size + len(self.body), self.type, flags, sequence, 0) + self.body


class Message(NamedTuple):
    """One message from the kernel. A tuple, since a full table is a million of them."""

    type: int
    flags: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The kernel's answer to one request: an errno (0: done) and, when it gave one, its own words."""

    errno: int
    text: str = ""


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def u32(kind: int, value: int) -> bytes:
    """An attribute that holds one unsigned 32-bit number."""
    return attribute(kind, U32.pack(value))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a string, with the terminating zero that the kernel asks for."""
    return attribute(kind, value.encode() + b"\0")


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. A length that cannot be ends the walk."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if length < HEADER.size or at + length > len(data):
            return
        yield Message(kind, flags, sequence, data[at + HEADER.size : at + length])
        at += (length + 3) & ~3


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """Attribute type -> payload, from offset ``at`` on. A length that cannot be ends the walk."""
    found: dict[int, bytes] = {}
    end = len(data)
    unpack = ATTRIBUTE.unpack_from
    while at + 4 <= end:
        length, kind = unpack(data, at)
        if length < 4 or at + length > end:
            break
        found[kind & TYPE_MASK] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def number(found: Mapping[int, bytes], kind: int, default: int = 0) -> int:
    """The unsigned 32-bit attribute ``kind``, or ``default`` where it is absent."""
    payload = found.get(kind)
    return default if payload is None else int(U32.unpack_from(payload)[0])


def string(found: Mapping[int, bytes], kind: int) -> str | None:
    """The string attribute ``kind``, or None where it is absent."""
    payload = found.get(kind)
    return None if payload is None else payload.rstrip(b"\0").decode(errors="replace")


def parse_ack(message: Message) -> Ack:
    """What an ERROR message says (NETLINK_CAP_ACK is set: the request's header is echoed, its body is not)."""
    errno = -int(S32.unpack_from(message.body)[0])
    words = attributes(message.body, S32.size + HEADER.size) if message.flags & HAS_TLVS else {}
    return Ack(errno, string(words, 1) or "")


def parse_done(message: Message) -> Ack:
    """What ends a dump: an error may hide in the DONE message."""
    if len(message.body) < S32.size:
        return Ack(0)
    words = attributes(message.body, S32.size) if message.flags & HAS_TLVS else {}
    return Ack(max(0, -int(S32.unpack_from(message.body)[0])), string(words, 1) or "")
