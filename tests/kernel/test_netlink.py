"""The socket side of the door: tables that change while they are read, and a process without the privilege."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from appliance.kernel.links import dump_links
from appliance.kernel.netlink import ATTEMPTS, Conversation, Kernel
from appliance.kernel.wire import DONE, INTERRUPTED, NEW_LINK, Message
from appliance.model.change import Change
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.resources import Blackhole
from tests.contracts.namespace import own_namespace

CAP_NET_ADMIN = 12
VERSION_3 = 0x2008_0522
_libc = ctypes.CDLL(None, use_errno=True)


class Interrupted(Conversation):
    """A kernel whose table changes while it is read, the given number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.dumps = 0
        self._times = times

    def _receive(self) -> Iterator[Message]:
        self.dumps += 1
        flags = INTERRUPTED if self.dumps <= self._times else 0
        yield Message(NEW_LINK, flags, self._sequence, b"link")
        yield Message(DONE, 0, self._sequence, bytes(4))


def test_a_table_that_changed_while_it_was_read_is_read_again() -> None:
    with Interrupted(times=2) as talk:
        assert talk.dump(dump_links()) == [b"link"]
        assert talk.dumps == 3


def test_a_table_that_never_holds_still_is_a_failure_and_not_a_guess() -> None:
    with Interrupted(times=ATTEMPTS) as talk, pytest.raises(SystemFailure) as failure:
        talk.dump(dump_links())
    assert failure.value.retry


@contextmanager
def without_privilege() -> Iterator[None]:
    """This thread, and those it starts, may not change the network."""
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    assert _libc.capget(header, sets) == 0
    if not sets[0] >> CAP_NET_ADMIN & 1:
        yield
        return
    sets[0] &= ~(1 << CAP_NET_ADMIN)
    assert _libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] |= 1 << CAP_NET_ADMIN
        assert _libc.capset(header, sets) == 0


def test_without_the_privilege_one_may_look_and_is_told_what_is_missing() -> None:
    kernel = Kernel()
    with own_namespace(), without_privilege():
        assert asyncio.run(kernel.observe()) == frozenset()
        (lack,) = asyncio.run(kernel.lacks())
        assert (lack.exit, lack.hint) == (6, "run as root")
        twin = Blackhole(ip_network("10.0.0.0/8"), 0xFF00_0000)
        with pytest.raises(SystemLacks, match="CAP_NET_ADMIN"):
            asyncio.run(kernel.apply((Change(None, twin),)))


def test_asking_what_the_kernel_lacks_changes_nothing() -> None:
    kernel = Kernel()
    with own_namespace():
        before = asyncio.run(kernel.machine())
        asyncio.run(kernel.lacks())
        assert asyncio.run(kernel.machine()) == before
