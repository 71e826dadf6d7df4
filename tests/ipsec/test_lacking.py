"""Whether charon is there is asked before each order; what it has is asked of each charon once."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from pathlib import Path

import pytest
from vici.exception import SessionException
from vici.protocol import Message, Packet, Transport

from appliance.ipsec import charon
from appliance.ipsec.charon import Charon


class Answering:
    """A charon that answers every command with nothing, and notes each."""

    def __init__(self, path: Path) -> None:
        self.heard: list[str] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def end(self) -> None:
        """As when it is killed: its socket's name stays."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        try:
            while True:
                with self._server.accept()[0] as connection:
                    self._answer(Transport(connection))
        except OSError:
            pass

    def _answer(self, transport: Transport) -> None:
        try:
            while True:
                packet = transport.receive()
                self.heard.append(packet[2 : 2 + packet[1]].decode())
                transport.send(struct.pack("!B", Packet.CMD_RESPONSE) + Message.serialize({}))
        except (OSError, SessionException, struct.error):
            pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    monkeypatch.setattr(charon, "lacking_plugins", lambda _: ())
    return Answering(tmp_path / "vici")


def test_a_charon_that_lacked_nothing_is_not_asked_again_until_it_is_gone(
    served: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Charon(socket_path=tmp_path / "vici", record_file=tmp_path / "record.json")
    assert asyncio.run(door.lacks()) == ()
    with monkeypatch.context() as alone:
        alone.setattr(asyncio, "to_thread", None)  # nobody is waited for in another thread
        for _ in range(2):
            assert asyncio.run(door.lacks()) == ()
    assert served.heard == ["stats"]
    served.end()
    (lack,) = asyncio.run(door.lacks())
    assert lack.code == "charon"
