"""Commands of charon that answer in events, many asked at once over one socket."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest
from vici.protocol import Message, Packet, Transport

from appliance.ipsec.conversation import Conversation
from appliance.model.fault import SystemFailure

CONFIRM = struct.pack("!B", Packet.EVENT_CONFIRM)
UNKNOWN = struct.pack("!B", Packet.EVENT_UNKNOWN)


def event(name: str, number: int) -> bytes:
    return struct.pack("!BB", Packet.EVENT, len(name)) + name.encode() + Message.serialize({"number": str(number)})


def charon(sock: socket.socket, registered: Callable[[], bytes] = lambda: CONFIRM) -> list[str]:
    """One that answers a command by as many events as it was asked for, and notes what it hears."""
    heard: list[str] = []

    def serve() -> None:
        transport = Transport(sock)
        try:
            while True:
                packet = transport.receive()
                name, rest = packet[2 : 2 + packet[1]].decode(), packet[2 + packet[1] :]
                heard.append(name)
                if packet[0] == Packet.EVENT_REGISTER:
                    transport.send(registered())
                    continue
                for number in range(int(Message.deserialize(Packet.parse(b"\1" + rest).payload)["count"])):
                    transport.send(event(name.removesuffix("s"), number))
                transport.send(struct.pack("!B", Packet.CMD_RESPONSE))
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    return heard


def test_each_gets_its_own_events_and_events_are_asked_for_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        heard = charon(theirs)
        talk = Conversation(ours)
        wanted = [("list-conns", "list-conn", {"count": "2"}), ("list-sas", "list-sa", {"count": "0"})]
        assert talk.streams(wanted) == [[{"number": b"0"}, {"number": b"1"}], []]
        assert talk.stream("list-conns", "list-conn", {"count": "1"}) == [{"number": b"0"}]
        assert heard == ["list-conn", "list-sa", "list-conns", "list-sas", "list-conns"]
        assert talk.streams([]) == []


def test_events_that_nobody_knows_are_a_failure() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        charon(theirs, lambda: UNKNOWN)
        with pytest.raises(SystemFailure, match="list-conns"):
            Conversation(ours).stream("list-conns", "list-conn", {"count": "1"})


def test_one_that_ends_is_a_failure_to_be_tried_again() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(SystemFailure) as failure:
            Conversation(ours).stream("list-conns", "list-conn")
        assert failure.value.retry
