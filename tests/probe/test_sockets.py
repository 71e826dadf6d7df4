"""How interfaces are looked up: without a word to modprobe, which the kernel runs for names that it is asked for."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from appliance.model.health import Target
from appliance.probe import sockets
from appliance.probe.echo import Echo

GONE = Target("vpc-1", "no-such-link", "icmp", ip_address("192.0.2.2"))


def test_an_interface_has_the_number_that_the_kernel_gave_it() -> None:
    assert {sockets.number_of(name) for _, name in socket.if_nameindex()} == {at for at, _ in socket.if_nameindex()}


@pytest.mark.parametrize("name", ["no-such-link", "a-name-that-is-too-long-for-any-link"])
def test_what_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(OSError, match=r"No such device|Invalid argument"):
        sockets.number_of(name)


def test_a_link_that_is_gone_is_never_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIOCGIFINDEX would have the kernel look for a module, twice for each probe."""
    monkeypatch.delattr(socket, "if_nametoindex")
    try:
        pings = sockets.Pings(4)
    except sockets.SystemLacks as lack:
        pytest.skip(str(lack))
    try:
        pings.ask([sockets.Call(GONE, Echo(0, 1, 2, 4))])
    finally:
        pings.close()
    asking = sockets.Datagrams(GONE, lambda *_: None, lambda _: None, Echo(0, 1, 2, 4))
    asking.ask(1)
