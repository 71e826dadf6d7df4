"""Talk with charon over its vici socket: commands, batches of them, and events. The library's failures become ours."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import vici
from vici.exception import CommandException, SessionException
from vici.protocol import Message, Packet, Transport

from appliance.ipsec.status import parse_event
from appliance.ipsec.talking import Request, Streamed
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.sa import IkeLine, SaEvent

ANSWER_WITHIN = 30.0
"""Seconds; no command of ours waits for a peer, so a charon that needs longer is stuck."""

PARTING = 1.0
"""Seconds that it may take to part from charon."""

LOG = "log"
"""The event for each line of charon's log."""

IN_FLIGHT = 16
"""Commands sent ahead of their answers; far below what the socket's buffers hold."""


class Conversation:
    """Commands and answers over one socket, the library's failures turned into ours."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._session = vici.Session(sock)
        self._streamed: set[str] = set()

    def request(self, command: str, message: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        with _failures(command):
            answer: Mapping[str, Any] = self._session.request(command, message)
            return answer

    def requests(self, wanted: Sequence[Request]) -> list[str | None]:
        return self.together(wanted, ())[0]

    def stream(self, command: str, event: str, message: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        return self.streams([(command, event, message or {})])[0]

    def streams(self, wanted: Sequence[Streamed]) -> list[list[Mapping[str, Any]]]:
        return self.together((), wanted)[1]

    def together(
        self, wanted: Sequence[Request], streamed: Sequence[Streamed]
    ) -> tuple[list[str | None], list[list[Mapping[str, Any]]]]:
        """charon reads ahead and answers in order (``vici_socket.c``); a few in flight keep both ends busy. The library
        asks for the events, waits, asks the command, waits, and asks for no more events: here all is asked at once.
        Events that we asked for come with the next such command too; charon sends them to who asks the command alone
        (``vici_query.c``)."""
        transport, errors = Transport(self._sock), []
        names = dict.fromkeys((*(command for command, _ in wanted), *(command for command, _, _ in streamed)))
        with _failures(", ".join(names)):
            for place, (command, message) in enumerate(wanted):
                transport.send(Packet.request(command, Message.serialize(message)))
                if place >= IN_FLIGHT:
                    errors.append(_complaint(transport))
            fresh = dict.fromkeys(event for _, event, _ in streamed if event not in self._streamed)
            for event in fresh:
                transport.send(Packet.register_event(event))
            for command, _, message in streamed:
                transport.send(Packet.request(command, Message.serialize(message)))
            errors += [_complaint(transport) for _ in range(len(wanted) - len(errors))]
            for event in fresh:
                if Packet.parse(transport.receive()).response_type != Packet.EVENT_CONFIRM:
                    raise SessionException("no such event")
                self._streamed.add(event)
            return errors, [list(_streamed(transport)) for _ in streamed]

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def instance(self) -> str:
        """Which charon this is."""
        return instance_of(self._sock)


def instance_of(sock: socket.socket) -> str:
    """Which charon is at the other end: its process and when that began, by the kernel's word."""
    pid, _, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # its process is not in our PID namespace
        began = "unknown"
    return f"pid {pid} since {began}"


def _streamed(transport: Transport) -> Iterator[Mapping[str, Any]]:
    """The events of one command, up to its answer."""
    while (packet := Packet.parse(transport.receive())).response_type == Packet.EVENT:
        yield Message.deserialize(packet.payload)
    if packet.response_type != Packet.CMD_RESPONSE:
        raise SessionException("no such command")


def _complaint(transport: Transport) -> str | None:
    answer = Packet.parse(transport.receive())
    if answer.response_type != Packet.CMD_RESPONSE:
        return "charon does not know the command"
    message = Message.deserialize(answer.payload)
    return None if message.get("success", b"yes") == b"yes" else message["errmsg"].decode(errors="replace")


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    """A vici socket. Raises SystemLacks when there is no charon behind it or it is not ours to use."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(ANSWER_WITHIN)
    try:
        sock.connect(str(path))
    except PermissionError:
        sock.close()
        raise SystemLacks(f"no right to talk to charon at {path}", hint="run as root", code="privilege") from None
    except OSError as error:
        sock.close()
        hint = "apt install charon-systemd && systemctl enable --now strongswan"
        raise SystemLacks(f"charon does not answer at {path} ({error.strerror})", hint=hint, code="charon") from None
    with sock:
        yield sock


@contextmanager
def _failures(command: str) -> Iterator[None]:
    try:
        yield
    except CommandException as refusal:
        raise SystemFailure(f"charon refused {command}: {str(refusal).removeprefix('Command failed: ')}") from None
    except SessionException as error:
        raise SystemFailure(f"charon does not know {command}: {error}", hint="strongSwan 6 is needed") from None
    except OSError as error:
        raise SystemFailure(f"charon went away during {command}: {error}", retry=True) from None


def register(sock: socket.socket, events: Sequence[str]) -> None:
    """Ask for events. The library can only do so inside its own endless loop, with no word on when it is done."""
    transport = Transport(sock)
    with _failures("event registration"):
        for event in events:
            transport.send(Packet.register_event(event))
            while Packet.parse(transport.receive()).response_type != Packet.EVENT_CONFIRM:
                pass  # events of the kinds registered before


def ask_for_no_more(sock: socket.socket) -> None:
    """Of charon's log, before the socket is closed; whoever still hears it ends with the answer. Of a listener who just
    goes charon says so in its log, once for each line that was for him, and that line is for him too: thousands."""
    with suppress(OSError):
        Transport(sock).send(Packet.unregister_event(LOG))


def part(sock: socket.socket) -> None:
    """As :func:`ask_for_no_more`, and wait for the answer; not for ever."""
    ask_for_no_more(sock)
    sock.settimeout(PARTING)
    with suppress(OSError, struct.error):
        while Packet.parse(Transport(sock).receive()).response_type == Packet.EVENT:
            pass


def heard(sock: socket.socket) -> Iterator[IkeLine | SaEvent]:
    """Events as they come, until we asked for no more, the socket is shut or its timeout passes without one."""
    transport = Transport(sock)
    with suppress(OSError):
        while (packet := Packet.parse(transport.receive())).response_type == Packet.EVENT:
            item = parse_event(packet.event_type.decode(), Message.deserialize(packet.payload))
            if item is not None:
                yield item
