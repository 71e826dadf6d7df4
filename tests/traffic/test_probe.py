"""Crafted packets, taken apart again and sent to this very machine."""

from __future__ import annotations

import socket
import struct

import pytest

from tests.traffic.probe import checksum, icmp_in_words, mss_of, send_datagram, send_syn, syn

IPV4 = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 56, 0, 0, 64, 1, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]))


def test_a_syn_names_its_mss_and_its_checksum_is_right() -> None:
    segment = syn(("192.0.2.9", 41000), ("198.51.100.2", 8080), 1460)
    assert mss_of(segment) == 1460
    pseudo = socket.inet_aton("192.0.2.9") + socket.inet_aton("198.51.100.2") + struct.pack("!HH", 6, len(segment))
    assert checksum(pseudo + segment) == 0


@pytest.mark.parametrize(
    ("options", "mss"),
    [
        (b"", None),
        (b"\x02\x04\x05\xb4", 1460),
        (b"\x01\x01\x08\x0a" + bytes(8) + b"\x02\x04\x05\x78", 1400),  # two of padding, time stamps, then the MSS
        (b"\x00\x02\x04\x05", None),  # the end comes first
        (b"\x08\x00\x02\x04", None),  # a length that cannot be
    ],
)
def test_the_mss_is_found_among_options(options: bytes, mss: int | None) -> None:
    assert mss_of(bytes(12) + bytes([(5 + len(options) // 4) << 4]) + bytes(7) + options) == mss


def test_frag_needed_names_its_mtu() -> None:
    said = icmp_in_words(IPV4 + struct.pack("!BBHHH", 3, 4, 0, 0, 1438))
    assert said == {"from": "192.0.2.1", "type": 3, "code": 4, "mtu": 1438}
    assert icmp_in_words(None)["type"] is None


@pytest.fixture
def raw() -> None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except PermissionError:
        pytest.skip("raw sockets are for root")


@pytest.mark.usefixtures("raw")
def test_a_syn_is_answered_with_an_mss() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert send_syn("127.0.0.1", listener.getsockname()[1], 1400) is not None


@pytest.mark.usefixtures("raw")
def test_nobody_listens_is_an_error_of_icmp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        port = plug.getsockname()[1]
    said = send_datagram("127.0.0.1", port, 1000)
    assert said == {"from": "127.0.0.1", "type": 3, "code": 3, "mtu": None}
