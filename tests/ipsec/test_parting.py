"""Whoever listens to charon's log parts from it before he goes."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from pathlib import Path

import pytest
from vici.protocol import Message, Packet, Transport

from appliance.ipsec.charon import CHANGES, Charon

LINE = {"group": "CFG", "level": "1", "thread": "7", "msg": "vici connection 335 unknown"}


class Talker:
    """A charon that logs all the time to whoever asked for it, and notes who went without a word."""

    def __init__(self, path: Path, *, answers: bool = True) -> None:
        self.parted: list[bool] = []
        self._answers = answers
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        transport, listening = Transport(connection), set()
        event = struct.pack("!BB", Packet.EVENT, 3) + b"log" + Message.serialize(LINE)
        try:
            while True:
                packet = transport.receive()
                name = packet[2 : 2 + packet[1]].decode()
                if packet[0] == Packet.EVENT_REGISTER:
                    listening.add(name)
                else:
                    listening.discard(name)
                    for _ in range(50):
                        transport.send(event)  # what was on its way
                if self._answers or packet[0] == Packet.EVENT_REGISTER:
                    transport.send(struct.pack("!B", Packet.EVENT_CONFIRM))
                if "log" in listening:
                    transport.send(event)
        except OSError:
            self.parted.append("log" not in listening)


def listened(tmp_path: Path, talker: Talker, *events: str) -> int:
    """How many lines came while somebody listened."""
    charon = Charon(socket_path=tmp_path / "vici", record_file=tmp_path / "record.json")

    async def listen() -> int:
        async with charon.listen(events) as heard:
            if "log" in events:
                await anext(heard)
        return len(heard.heard)

    try:
        return asyncio.run(asyncio.wait_for(listen(), 10))
    finally:
        talker.close()


def until_noted(talker: Talker) -> list[bool]:
    for _ in range(1000):
        if talker.parted:
            break
        threading.Event().wait(0.005)
    return talker.parted


def test_a_listener_asks_for_no_more_before_he_goes(tmp_path: Path) -> None:
    talker = Talker(tmp_path / "vici")
    assert listened(tmp_path, talker, "log", *CHANGES) >= 1
    assert until_noted(talker) == [True]


def test_a_charon_that_gives_no_leave_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.ipsec.charon.PARTING", 0.1)
    talker = Talker(tmp_path / "vici", answers=False)
    assert listened(tmp_path, talker, "log") >= 1
    assert until_noted(talker) == [True]
