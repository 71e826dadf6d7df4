"""Who still sends over a tunnel: packets told apart by their ends, and counted on a real interface."""

from __future__ import annotations

import asyncio
import os
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.kernel.overhearing import Heard, overhear, parse_ends
from appliance.model.fault import SystemFailure, SystemLacks

A, B = IPv4Address("192.0.2.1"), IPv4Address("198.51.100.2")
A6, B6 = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2")


def packet4(source: IPv4Address, destination: IPv4Address) -> bytes:
    return bytes([0x45]) + bytes(11) + source.packed + destination.packed


def packet6(source: IPv6Address, destination: IPv6Address) -> bytes:
    return bytes([0x60]) + bytes(7) + source.packed + destination.packed


def test_both_families_are_read() -> None:
    assert parse_ends(packet4(A, B)) == (A, B)
    assert parse_ends(packet6(A6, B6)) == (A6, B6)
    assert parse_ends(packet4(A, B) + bytes(20)) == (A, B)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x45",
        packet4(A, B)[:19],
        packet6(A6, B6)[:39],
        b"\x00" * 40,
        packet4(A, IPv4Address("224.0.0.22")),
        packet6(IPv6Address("fe80::1"), IPv6Address("ff02::2")),
        packet6(IPv6Address("fe80::1"), IPv6Address("fe80::2")),
    ],
)
def test_what_is_no_traffic_is_not_counted(data: bytes) -> None:
    assert parse_ends(data) is None


@given(st.binary(max_size=60))
def test_no_packet_makes_it_fall(data: bytes) -> None:
    parse_ends(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="packet sockets take root")
def test_traffic_is_told_from_our_own_talk() -> None:
    """Over loopback: packets from a stranger to an address of ours, and from one that we ask."""
    stranger, target, own = (ip_address(f"127.91.0.{n}") for n in (1, 2, 3))

    async def scene() -> Heard:
        sockets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sockets[0] as some, sockets[1] as asked:
            some.bind((str(stranger), 0))
            asked.bind((str(target), 0))
            listening = asyncio.create_task(overhear("lo", [own], [target], 0.5))
            while not listening.done():  # whenever it begins to listen, it hears both
                some.sendto(b"x", (str(own), 9))
                asked.sendto(b"x", (str(own), 9))
                await asyncio.sleep(0.01)
            return await listening

    heard = asyncio.run(scene())
    assert heard.packets > 0
    assert f"{stranger} > {own}" in heard.flows
    assert f"{target} > {own}" not in heard.flows


@pytest.mark.skipif(os.geteuid() != 0, reason="packet sockets take root")
def test_a_link_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemFailure, match="no-such-link"):
        asyncio.run(overhear("no-such-link", [], [], 0.1))


def test_without_the_right_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    library = SimpleNamespace(socket=refuse, AF_PACKET=socket.AF_PACKET, SOCK_DGRAM=socket.SOCK_DGRAM)
    monkeypatch.setattr("appliance.kernel.overhearing.socket", library)
    with pytest.raises(SystemLacks) as lack:
        asyncio.run(overhear("lo", [], [], 0.1))
    assert lack.value.exit == 6
