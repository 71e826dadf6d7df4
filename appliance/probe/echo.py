"""Echo requests and replies as bytes: ICMP (RFC 792) and ICMPv6 (RFC 4443, section 4), and our payload in UDP.

The payload says whose probe it is and carries a number that nobody else knows, so a forged reply counts for nothing.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

REQUEST, REPLY = 8, 0
REQUEST6, REPLY6 = 128, 129
_HEADER = Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_PAYLOAD = Struct("!4sIQ")  # mark, place of the target, cookie
_DATAGRAM = Struct("!4sIQH")  # the same with the sequence number, for UDP
_REPLY = Struct("!BBHHH4sIQ")
MARK = b"BIAp"


class Reply(NamedTuple):
    """``place`` is the target's, ``number`` the lowest 16 bits of its probe's."""

    place: int
    cookie: int
    number: int


class Echo:
    """The requests of one target: all is computed once but the sequence number."""

    def __init__(self, place: int, cookie: int, identifier: int, version: int) -> None:
        self._payload = _PAYLOAD.pack(MARK, place, cookie)
        self.place, self._cookie, self._identifier = place, cookie, identifier
        self._type = REQUEST if version == 4 else REQUEST6
        self._sum = _ones_sum(_HEADER.pack(self._type, 0, 0, identifier, 0) + self._payload)

    def packet(self, number: int) -> bytes:
        """The ICMP message. The checksum of ICMPv6 is the kernel's to fill in (RFC 3542, section 3.1)."""
        number &= 0xFFFF
        total = self._sum + number
        checksum = ~(total + (total >> 16)) & 0xFFFF
        return _HEADER.pack(self._type, 0, checksum, self._identifier, number) + self._payload

    def datagram(self, number: int) -> bytes:
        """What goes into a UDP datagram."""
        return _DATAGRAM.pack(MARK, self.place, self._cookie, number & 0xFFFF)


def parse_reply(packet: bytes, version: int) -> Reply | None:
    """The reply in what a raw socket gives: with IPv4 the IP header comes first. None when it is not for us."""
    at = (packet[0] & 15) * 4 if version == 4 and packet else 0
    if len(packet) < at + _REPLY.size:
        return None
    kind, code, _, _, number, mark, place, cookie = _REPLY.unpack_from(packet, at)
    if kind != (REPLY if version == 4 else REPLY6) or code or mark != MARK:
        return None
    return Reply(place, cookie, number)


def parse_datagram(data: bytes) -> Reply | None:
    """The reply in a UDP datagram that is ours sent back; None for any other."""
    if len(data) != _DATAGRAM.size:
        return None
    mark, place, cookie, number = _DATAGRAM.unpack(data)
    return Reply(place, cookie, number) if mark == MARK else None


def _ones_sum(data: bytes) -> int:
    """The 16-bit ones' complement sum (RFC 1071), folded."""
    total: int = sum(word for (word,) in Struct("!H").iter_unpack(data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
