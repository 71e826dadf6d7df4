"""News that were too many to be kept are news of everything that the socket tells of."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from appliance.kernel.monitor import FILTER, NETLINK_NETFILTER, NETLINK_XFRM, NETWORK, _hear


class Overrun:
    """A socket that lost what came, once."""

    def __init__(self) -> None:
        self.failures: Iterator[OSError] = iter([OSError(errno.ENOBUFS, "No buffer space"), BlockingIOError()])

    def recv(self, size: int) -> bytes:
        raise next(self.failures)


@pytest.mark.parametrize(
    ("protocol", "kind"), [(socket.NETLINK_ROUTE, NETWORK), (NETLINK_NETFILTER, FILTER), (NETLINK_XFRM, NETWORK)]
)
def test_an_overrun_is_news_of_what_was_lost(protocol: int, kind: str) -> None:
    heard: list[str] = []
    _hear(Overrun(), protocol, heard.append)  # type: ignore[arg-type]
    assert heard == [kind]
