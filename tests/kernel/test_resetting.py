"""BGP's connections ended without a word: on real sockets, in a network namespace."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from ipaddress import ip_address

import pytest

from appliance.kernel.resetting import parse_end, render_destroy, reset_sessions
from tests.contracts.namespace import ip, own_namespace

NEAR, FAR, OTHER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("0200007F:00B3", "127.0.0.2", 179),
        ("0000000000000000FFFF00000200007F:C350", "::ffff:127.0.0.2", 50000),
        ("B80D0120000000000000000001000000:00B3", "2001:db8::1", 179),
    ],
)
def test_the_kernels_way_to_write_an_end(text: str, address: str, port: int) -> None:
    assert parse_end(text) == (ip_address(address), port)


def test_the_message_names_one_connection() -> None:
    said = render_destroy((ip_address(NEAR), 40000, ip_address(FAR), 179))
    assert len(said) == 16 + 56
    assert said[16:18] == bytes((2, 6))
    assert said[24:28] == (40000).to_bytes(2, "big") + (179).to_bytes(2, "big")
    assert (said[28:32], said[44:48]) == (ip_address(NEAR).packed, ip_address(FAR).packed)


def connection(near: str, far: str) -> tuple[socket.socket, socket.socket]:
    """A connection that the near end called for, and its other end."""
    with socket.create_server((far, 179)) as listening:
        calling = socket.create_connection((far, 179), source_address=(near, 0))
        taken, _ = listening.accept()
        return calling, taken


def is_alive(end: socket.socket) -> bool:
    end.settimeout(0.2)
    try:
        return bool(end.recv(1))
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def need_destroy() -> None:
    """Skip where the kernel cannot: iproute2's own way to it says so."""
    if shutil.which("ss") is None:
        pytest.skip("there is no program ss")
    calling, taken = connection(NEAR, FAR)
    with calling, taken:
        subprocess.run(["ss", "-K", "src", NEAR, "dst", FAR], capture_output=True, check=False)
        if is_alive(taken):
            pytest.skip("this kernel does not end others' connections (CONFIG_INET_DIAG_DESTROY)")


def test_one_session_is_lost_at_both_ends_and_no_other() -> None:
    if os.geteuid() != 0:
        pytest.skip("ending a connection of others takes root")
    with own_namespace():
        ip("link set lo up")
        need_destroy()
        hit, spared = connection(NEAR, FAR), connection(NEAR, OTHER)
        try:
            sessions = [(ip_address(NEAR), ip_address(FAR)), (ip_address(NEAR), ip_address("127.0.0.5"))]
            assert asyncio.run(reset_sessions(sessions)) == 1
            assert [is_alive(end) for end in hit] == [False, False]
            assert [is_alive(end) for end in spared] == [True, True]
        finally:
            for end in (*hit, *spared):
                end.close()
