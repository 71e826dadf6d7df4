"""Single crafted packets, and what becomes of them, on sockets in the network of the calling thread.

Lengths in bytes, of the whole IPv4 packet. What did not come within ``timeout`` seconds is None.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any

SYN, ACK = 0x02, 0x10
END_OF_OPTIONS, PADDING, MSS = 0, 1, 2  # RFC 9293, section 3.2
HEADERS = 28  # an IPv4 and a UDP header
PROBING = 3  # IP_PMTUDISC_PROBE (ip(7)): never fragment, whatever is known of the way
ETHERNET = 14
SYNS = "tcp dst port {} and tcp[13] & 18 = 2"
"""What libpcap calls a SYN that is no answer."""


def body_of(packet: bytes) -> bytes:
    """What an IPv4 packet carries."""
    return packet[(packet[0] & 0x0F) * 4 :]


def mss_of(segment: bytes) -> int | None:
    """The maximum segment size that a TCP segment names."""
    options = segment[20 : (segment[12] >> 4) * 4]
    while options and options[0] != END_OF_OPTIONS:
        length = 1 if options[0] == PADDING else options[1] if len(options) > 1 else 0
        if options[0] == MSS and length == 4:
            return int.from_bytes(options[2:4])
        options = options[length:] if length else b""
    return None


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source: tuple[str, int], target: tuple[str, int], mss: int) -> bytes:
    """A TCP segment that asks for a session."""
    option = struct.pack("!BBH", MSS, 4, mss)
    begin = struct.pack("!HHIIBBH", source[1], target[1], 1000, 0, 6 << 4, SYN, 65535)
    pseudo = socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + struct.pack("!HH", socket.IPPROTO_TCP, 24)
    return begin + struct.pack("!HH", checksum(pseudo + begin + bytes(4) + option), 0) + option


def send_syn(target: str, port: int, mss: int, from_port: int = 41000, timeout: float = 10) -> int | None:
    """Send a SYN; the maximum segment size of the SYN/ACK that answers."""

    def answers(packet: bytes) -> bool:
        segment = body_of(packet)
        ports = struct.unpack_from("!HH", segment)
        return ports == (port, from_port) and segment[13] & (SYN | ACK) == (SYN | ACK)

    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as plug:
        plug.connect((target, 0))
        plug.send(syn((plug.getsockname()[0], from_port), (target, port), mss))
        found = _first(plug, answers, timeout)
    return mss_of(body_of(found)) if found else None


def take_syn(plugs: Iterable[socket.socket], timeout: float = 10) -> int | None:
    """The maximum segment size of the first SYN on any of these packet sockets, which pass nothing else (``SYNS``)."""
    ready = select.select([*plugs], [], [], timeout)[0]
    return mss_of(body_of(ready[0].recv(65535)[ETHERNET:])) if ready else None


def send_datagram(target: str, port: int, length: int, timeout: float = 10) -> dict[str, Any]:
    """Send a UDP datagram that must not be fragmented; the ICMP error that answers: whose it is (``from``), its
    ``type`` and ``code``, and the ``mtu`` it names."""

    def concerns(packet: bytes) -> bool:
        about = body_of(packet)[8:]
        return len(about) >= 20 and about[16:20] == socket.inet_aton(target)

    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug,
    ):
        plug.setsockopt(socket.IPPROTO_IP, 10, PROBING)  # IP_MTU_DISCOVER
        plug.sendto(bytes(length - HEADERS), (target, port))
        found = _first(ear, concerns, timeout)
    return icmp_in_words(found)


def icmp_in_words(packet: bytes | None) -> dict[str, Any]:
    """An ICMP error (RFC 792; the MTU: RFC 1191)."""
    if packet is None:
        return {"from": None, "type": None, "code": None, "mtu": None}
    kind, code, mtu = struct.unpack_from("!BB4xH", body_of(packet))
    return {"from": socket.inet_ntoa(packet[12:16]), "type": kind, "code": code, "mtu": mtu or None}


def _first(plug: socket.socket, wanted: Callable[[bytes], bool], timeout: float) -> bytes | None:
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        if select.select([plug], [], [], left)[0] and wanted(packet := plug.recv(65535)):
            return packet
    return None
