"""What a guest's QEMU is given."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.lab import machine
from appliance.lab.machine import free_port


def test_a_free_port_is_nobodys_and_none_that_linux_gives_to_whoever_asks_for_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    port = free_port()
    assert not first <= port <= last
    with socket.create_server(("127.0.0.1", port)):
        monkeypatch.setattr(machine, "PORTS", range(port, port + 50))
        assert {free_port() for _ in range(200)} < {*range(port + 1, port + 51)}
