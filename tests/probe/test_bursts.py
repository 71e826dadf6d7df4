"""Many packets by one system call, on a real kernel: which went out, and what of what came is read."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from appliance.probe.bursts import MOST, Inbox, Letter, Outbox

TIMESTAMPNS = 35
NOWHERE = struct.pack("=I8x", 0x7FFF_FFFF)
ANYWHERE = struct.pack("=I8x", 0)
IP_PKTINFO = 8
SHAPE = "16x2q4sI"
LENGTH = 8


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Somebody who sends, and somebody who gets it with the time."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as there,
    ):
        there.bind(("127.0.0.1", 0))
        there.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        yield here, there


def letter(to: socket.socket, number: int, info: bytes = ANYWHERE, mark: bytes = b"mark") -> Letter:
    address, port = to.getsockname()
    name = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(address) + bytes(8)
    return Letter(name, (socket.IPPROTO_IP, IP_PKTINFO, info), struct.pack("=4sI", mark, number))


def test_hundreds_arrive_each_as_itself_with_its_time() -> None:
    with pair() as (here, there):
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        inbox, before = Inbox(there, SHAPE, LENGTH), time.time()
        count = MOST + 7
        assert Outbox(here).send([letter(there, number) for number in range(count)]) == []
        found = inbox.fetch()
        assert [number for _, _, _, number in found] == list(range(count))
        assert {mark for _, _, mark, _ in found} == {b"mark"}
        stamps = [seconds + nanoseconds * 1e-9 for seconds, nanoseconds, _, _ in found]
        assert before - 0.001 <= min(stamps) <= max(stamps) <= time.time()
        assert inbox.fetch() == []


@pytest.mark.parametrize("bad", [{0}, {3}, {8}, {0, 1, 2}, {2, 3, 8}, set(range(9))])
def test_what_cannot_be_sent_is_told_and_stops_nobody(bad: set[int]) -> None:
    with pair() as (here, there):
        letters = [letter(there, number, NOWHERE if number in bad else ANYWHERE) for number in range(9)]
        assert Outbox(here).send(letters) == sorted(bad)
        arrived = {number for _, _, _, number in Inbox(there, SHAPE, LENGTH).fetch()}
        assert arrived == set(range(9)) - bad


def test_its_text_may_be_changed_between_two_times() -> None:
    with pair() as (here, there):
        one, outbox, inbox = letter(there, 0), Outbox(here), Inbox(there, SHAPE, LENGTH)
        for number in (5, 6):
            struct.pack_into("=I", one.memory, 4, number)
            outbox.send([one])
        assert [number for _, _, _, number in inbox.fetch()] == [5, 6]


def test_a_short_packet_is_not_taken_for_what_lay_there_before_it() -> None:
    """It would say what the last long one said at this place, though its sender never knew that."""
    with pair() as (here, there):
        inbox, outbox = Inbox(there, SHAPE, LENGTH), Outbox(here)
        for _ in range(3):
            outbox.send([letter(there, number) for number in range(4)])
            assert len(inbox.fetch()) == 4
            here.sendto(b"ma", there.getsockname())
            here.sendto(b"", there.getsockname())
            outbox.send([letter(there, 77)])
            assert [number for _, _, _, number in inbox.fetch()] == [77]


def test_a_long_packet_is_read_as_far_as_is_asked() -> None:
    with pair() as (here, there):
        inbox = Inbox(there, SHAPE, LENGTH)
        for length in (9, 60, 1400):
            here.sendto(struct.pack("=4sI", b"long", length) + bytes(length - 8), there.getsockname())
        assert [(mark, number) for _, _, mark, number in inbox.fetch()] == [(b"long", n) for n in (9, 60, 1400)]


def test_an_error_about_an_earlier_packet_hides_none() -> None:
    with pair() as (_, there):
        inbox = Inbox(there, SHAPE, LENGTH)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            nobody = gone.getsockname()
        there.connect(nobody)
        there.send(b"is anybody there?")  # an ICMP error comes back, which is told to whoever reads next
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            back.bind(nobody)
            back.sendto(struct.pack("=4sI", b"back", 1), there.getsockname())
            assert [(mark, number) for _, _, mark, number in inbox.fetch()] == [(b"back", 1)]
