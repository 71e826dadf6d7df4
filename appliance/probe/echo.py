"""Echo requests and replies as bytes: ICMP (RFC 792) and ICMPv6 (RFC 4443, section 4), and our payload in UDP.

The payload says whose probe it is and carries a number that nobody else knows, so a forged reply counts for nothing.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

REQUEST, REPLY = 8, 0
REQUEST6, REPLY6 = 128, 129
_HEADER = Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_change = Struct("!HHH").pack_into  # of the header: from the checksum on
_PAYLOAD = Struct("!4sIQ")  # mark, place of the target, cookie
_DATAGRAM = Struct("!16sH")  # the same with the sequence number, for UDP
MARK = b"BIAp"
PAYLOAD = _PAYLOAD.size
SIZE = _HEADER.size + PAYLOAD


class Echo:
    """The requests of one target: all is computed once but the sequence number. ``payload`` comes back as it is."""

    __slots__ = ("_identifier", "_sum", "_type", "payload")

    def __init__(self, place: int, cookie: int, identifier: int, version: int) -> None:
        self.payload = _PAYLOAD.pack(MARK, place, cookie)
        self._identifier = identifier
        self._type = REQUEST if version == 4 else REQUEST6
        self._sum = _ones_sum(_HEADER.pack(self._type, 0, 0, identifier, 0) + self.payload)

    def packet(self, number: int) -> bytes:
        """The ICMP message."""
        made = bytearray(_HEADER.pack(self._type, 0, 0, 0, 0) + self.payload)
        self.number(made, number)
        return bytes(made)

    def number(self, packet: Any, number: int) -> None:
        """Make the message in this memory the one of that number. The checksum of ICMPv6 is the kernel's to fill in
        (RFC 3542, section 3.1)."""
        number &= 0xFFFF
        total = self._sum + number
        _change(packet, 2, ~(total + (total >> 16)) & 0xFFFF, self._identifier, number)

    def datagram(self, number: int) -> bytes:
        """What goes into a UDP datagram."""
        return _DATAGRAM.pack(self.payload, number & 0xFFFF)

    def parse_datagram(self, data: bytes) -> int | None:
        """The number of one that came back; None for any other."""
        if len(data) != _DATAGRAM.size:
            return None
        payload, number = _DATAGRAM.unpack(data)
        return int(number) if payload == self.payload else None


def _ones_sum(data: bytes) -> int:
    """The 16-bit ones' complement sum (RFC 1071), folded."""
    total: int = sum(word for (word,) in Struct("!H").iter_unpack(data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
