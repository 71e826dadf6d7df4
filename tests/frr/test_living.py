"""A daemon that we talked to is known to go on, or not, without another word to it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.frr.living import Life, meet
from appliance.frr.vtysh import NEEDED, Frr
from appliance.model.change import Change
from appliance.model.fault import SystemLacks
from appliance.model.resources import FrrConfig
from tests.frr.routers import ROUTER, config

DAEMON = """
import socketserver, sys, threading
class Conversation(socketserver.BaseRequestHandler):
    def handle(self):
        print("called", flush=True)
        while received := self.request.recv(1 << 16):
            for command in received.split(b"\\0")[:-1]:
                self.request.sendall(sys.argv[2].encode() * (command == b"show version") + b"\\0\\0\\0\\0")
with socketserver.ThreadingUnixStreamServer(sys.argv[1], Conversation) as server:
    print("listens", flush=True)
    server.serve_forever()
"""
"""Takes every command, runs nothing, and says when it is called."""


class Daemons:
    """As many as are needed, each a process."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._all: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, version: str = "FRRouting 10.3") -> None:
        command = [sys.executable, "-c", DAEMON, str(self._folder / f"{name}.vty"), version]
        self._all[name] = daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._stack.enter_context(daemon)
        self._stack.callback(daemon.kill)
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "listens\n"

    def kill(self, name: str) -> int:
        """How often it was called. Nobody asks what became of it."""
        daemon = self._all[name]
        daemon.kill()
        os.waitid(os.P_PID, daemon.pid, os.WEXITED | os.WNOWAIT)
        assert daemon.stdout is not None
        return daemon.stdout.read().count("called")

    def leave(self, name: str) -> None:
        (self._folder / f"{name}.vty").unlink()


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    with ExitStack() as stack:
        found = Daemons(tmp_path, stack)
        for name in NEEDED:
            found.start(name)
        yield found


def life(folder: Path, name: str = "bgpd") -> Life:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(folder / f"{name}.vty"))
        return meet(sock, folder / f"{name}.vty")


def test_a_process_goes_on_until_it_ends_or_another_has_its_place(daemons: Daemons, tmp_path: Path) -> None:
    first = life(tmp_path)
    assert first.goes_on
    assert not replace(first, started="1").goes_on
    daemons.leave("bgpd")
    assert not first.goes_on
    daemons.start("bgpd")
    second = life(tmp_path)
    assert second.goes_on
    assert not first.goes_on
    assert first.instance != second.instance
    daemons.kill("bgpd")
    assert not second.goes_on


def door(folder: Path) -> Frr:
    return Frr(folder, folder / "frr.json")


def test_who_goes_on_is_not_called_again(daemons: Daemons, tmp_path: Path) -> None:
    frr = door(tmp_path)

    async def look() -> None:
        assert await frr.lacks() == ()
        assert await frr.observe() == {config(ROUTER)}
        assert frr.met == ()

    async def scene() -> None:
        [outcome] = await frr.apply([Change(None, config(ROUTER))])
        assert outcome.error is None
        for _ in range(4):
            await look()

    asyncio.run(scene())
    assert [daemons.kill(name) for name in NEEDED] == [1, 2, 2]


def test_who_ended_is_missed_and_who_came_after_it_was_told_nothing(daemons: Daemons, tmp_path: Path) -> None:
    frr = door(tmp_path)

    async def scene() -> None:
        await frr.apply([Change(None, config(ROUTER))])
        assert await frr.lacks() == ()
        assert await frr.observe() == {config(ROUTER)}
        daemons.kill("zebra")
        assert [lack.code for lack in await frr.lacks()] == ["frr-missing"]
        daemons.kill("bgpd")
        assert [lack.code for lack in await frr.lacks()] == ["frr-missing", "frr-missing"]
        with pytest.raises(SystemLacks):
            await frr.observe()
        for name in ("zebra", "bgpd"):
            daemons.leave(name)
            daemons.start(name)
        assert await frr.lacks() == ()
        assert await frr.observe() == frozenset()

    asyncio.run(scene())


def test_one_that_is_too_old_stays_so(daemons: Daemons, tmp_path: Path) -> None:
    daemons.kill("bgpd")
    daemons.leave("bgpd")
    daemons.start("bgpd", "FRRouting 9.1")
    frr = door(tmp_path)
    for _ in range(2):
        assert [lack.code for lack in asyncio.run(frr.lacks())] == ["frr-version"]


def test_another_ones_word_in_the_record_is_read(daemons: Daemons, tmp_path: Path) -> None:
    frr, other = door(tmp_path), door(tmp_path)
    asyncio.run(frr.apply([Change(None, config(ROUTER))]))
    assert asyncio.run(frr.observe()) == {config(ROUTER)}
    asyncio.run(other.apply([Change(None, FrrConfig("router bgp 65000\nexit\n!\n"))]))
    assert asyncio.run(frr.observe()) == {FrrConfig("router bgp 65000\nexit\n!\n")}
