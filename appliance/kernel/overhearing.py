"""The door to what comes out of one tunnel: packets are counted where they enter the machine, decrypted.

The counters of an inbound SA also grow by answers to our own probes and by routing sessions; here those are told from
traffic that somebody still sends us.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address

from appliance.model.address import IPAddress
from appliance.model.fault import SystemFailure, SystemLacks

EVERY_PROTOCOL = 0x0003  # ETH_P_ALL, linux/if_ether.h
OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h
HEADERS = 40  # bytes: an IPv6 header, longer than what we read of an IPv4 one
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Heard:
    """``packets`` that came in within ``seconds`` and were not about the tunnel itself; ``flows``, from whom to whom
    most of them went."""

    packets: int
    seconds: float
    flows: tuple[str, ...] = ()


async def overhear(link: str, own: Collection[IPAddress], asked: Collection[IPAddress], seconds: float) -> Heard:
    """Count what comes out of the tunnel ``link``. Packets to ``own`` addresses from those that we talk to inside
    (``asked``) are not counted. SystemLacks without the privilege, SystemFailure without the link."""
    return await asyncio.to_thread(_overhear, link, frozenset(own), frozenset(asked), seconds)


def _overhear(link: str, own: Collection[IPAddress], asked: Collection[IPAddress], seconds: float) -> Heard:
    found: Counter[str] = Counter()
    with _opened(link) as sock:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, sender = sock.recvfrom(HEADERS)
            except TimeoutError:
                break
            except OSError as error:  # the link went away
                raise SystemFailure(f"{link}: {error.strerror}", retry=True) from None
            ends = parse_ends(data) if sender[2] != OUTGOING else None
            if ends is not None and not (ends[0] in asked and ends[1] in own):
                found[f"{ends[0]} > {ends[1]}"] += 1
    return Heard(found.total(), seconds, tuple(flow for flow, _ in found.most_common(EXAMPLES)))


def _opened(link: str) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except PermissionError:
        raise SystemLacks("no right to listen to a tunnel", hint="run it as root", code="privilege") from None
    try:
        sock.bind((link, EVERY_PROTOCOL))
    except OSError as error:
        sock.close()
        raise SystemFailure(f"cannot listen to {link}: {error.strerror}") from None
    return sock


def parse_ends(packet: bytes) -> tuple[IPAddress, IPAddress] | None:
    """From whom to whom an IP packet goes (RFC 791, RFC 8200); None for what is none, or is said to the link alone."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        source, destination = packet[12:16], packet[16:20]
    elif version == 6 and len(packet) >= 40:
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    ends = ip_address(source), ip_address(destination)
    return None if ends[1].is_multicast or (version == 6 and ends[1].is_link_local) else ends
