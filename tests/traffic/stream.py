#!/usr/bin/env python3
"""Numbered UDP packets there and back: what was lost, and for how long.

    stream.py echo --port 7000
    stream.py send 10.1.0.4 --port 7000 --flows 8 --rate 50 --seconds 10

The echo sends every packet back to where it came from; at SIGTERM or SIGINT it prints how many it ``heard`` and
``gap_ms``, the longest stretch of one flow that it missed, by the times of sending. The sender numbers the packets of
each flow (a flow is one source port) and, when its time is over or it gets SIGTERM or SIGINT, prints one JSON value:
packets ``sent``, ``received`` and ``lost``, ``gap_ms`` (the longest stretch of one flow without an answered packet, by
the times of sending; 0 when nothing was lost) and ``late_ms`` (the slowest answer).
"""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

SO_RCVBUFFORCE = 33  # beyond net.core.rmem_max (socket(7))
PKTINFO = struct.Struct("=16sI")  # our address, interface index (ipv6(7)); one of IPv4 is mapped
NUMBERED = struct.Struct("!IIQ")  # flow, number, time of sending in ns


def widen(plug: socket.socket, size: int) -> None:
    """Room for so many bytes that came while a busy machine did not let us run: what is lost there, no tunnel lost."""
    try:
        plug.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


@dataclass(slots=True)
class Flow:
    """One source port's packets: when each was sent, and which came back. Times in ns of the monotonic clock."""

    sent: list[int] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    slowest: int = 0

    @property
    def lost(self) -> int:
        return len(self.sent) - len(self.answered)

    @property
    def missed(self) -> int:
        """When the last packet without an answer was sent, 0 when there is none."""
        return next((at for number, at in reversed([*enumerate(self.sent)]) if number not in self.answered), 0)

    def take(self, number: int, now: int) -> None:
        self.answered.add(number)
        self.slowest = max(self.slowest, now - self.sent[number])

    def gap(self) -> int:
        """The longest stretch from a lost packet to the next answered one (or the last sent), in ns."""
        longest, since = 0, None
        for number, at in enumerate(self.sent):
            if number in self.answered:
                longest = max(longest, at - since if since is not None else 0)
                since = None
            elif since is None:
                since = at
        if since is not None:
            longest = max(longest, self.sent[-1] - since, 1)
        return longest


@dataclass(slots=True)
class Ear:
    """What the echo heard: of each flow, by the sender's address and the flow's number, the last packet's number and
    time of sending; and the longest gap of any so far. Times in ns, of the sender's clock."""

    last: dict[tuple[object, int], tuple[int, int]] = field(default_factory=dict)
    heard: int = 0
    longest: int = 0
    closed: bool = False

    @property
    def summary(self) -> dict[str, float]:
        return {"heard": self.heard, "gap_ms": round(self.longest / 1e6, 1)}

    def take(self, sender: object, data: bytes) -> None:
        flow, number, at = NUMBERED.unpack_from(data)
        before, since = self.last.get((sender, flow), (number - 1, at))
        self.heard += 1
        if number <= before:  # overtaken on the way
            return
        if number > before + 1:  # lost from the first one after the last heard until this one
            self.longest = max(self.longest, (at - since) * (number - before - 1) // (number - before))
        self.last[sender, flow] = (number, at)


def summarize(flows: list[Flow]) -> dict[str, float]:
    """What a run comes to, over all its flows."""
    return {
        "flows": len(flows),
        "sent": sum(len(flow.sent) for flow in flows),
        "received": sum(len(flow.answered) for flow in flows),
        "lost": sum(flow.lost for flow in flows),
        "gap_ms": round(max(flow.gap() for flow in flows) / 1e6, 1),
        "late_ms": round(max(flow.slowest for flow in flows) / 1e6, 1),
    }


class Sender:
    """Sends each flow's packets in turn at an even pace, and takes the answers in between."""

    def __init__(self, target: tuple[str, int], flows: int, from_port: int, size: int) -> None:
        self.flows = [Flow() for _ in range(flows)]
        self.padding = bytes(max(0, size - NUMBERED.size))
        self.selector = selectors.DefaultSelector()
        self.sockets = [self._open(target, from_port + index if from_port else 0) for index in range(flows)]
        self.stopped = False

    def _open(self, target: tuple[str, int], port: int) -> socket.socket:
        plug = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
        plug.setblocking(False)
        widen(plug, 1 << 20)
        plug.bind(("", port))
        plug.connect(target)
        self.selector.register(plug, selectors.EVENT_READ)
        return plug

    def run(self, rate: float, seconds: float, patience: float) -> None:
        """Send ``rate`` packets a second in each flow, fewer where the machine is too slow, never a burst of what was
        missed; then wait for answers until none has come for ``patience`` seconds."""
        step = 1 / (rate * len(self.flows))
        start = due = time.monotonic()
        while not self.stopped and due < start + seconds:
            for index in range(len(self.flows)):
                self._receive_until(due)
                self._send(index)
                due = max(due + step, time.monotonic() - step)
        self._wait_for_rest(patience)

    def _wait_for_rest(self, patience: float) -> None:
        """Until nothing that was sent within the last ``patience`` seconds is missing. A busy machine's echo may answer
        late, but then it goes on answering: that is no loss."""
        missing, now = sum(flow.lost for flow in self.flows), time.monotonic()
        end = min(now, max((flow.missed for flow in self.flows), default=0) / 1e9) + patience
        while missing and time.monotonic() < end:
            self._receive_until(time.monotonic() + 0.05)
            before, missing = missing, sum(flow.lost for flow in self.flows)
            if missing < before:
                end = time.monotonic() + patience

    def _send(self, index: int) -> None:
        flow = self.flows[index]
        now = time.monotonic_ns()
        packet = NUMBERED.pack(index, len(flow.sent), now) + self.padding
        flow.sent.append(now)
        try:
            self.sockets[index].send(packet)
        except OSError:
            return  # an unreachable reported for an earlier packet, or no route: the packet counts as lost

    def _receive_until(self, due: float) -> None:
        while True:
            for key, _ in self.selector.select(max(0.0, due - time.monotonic())):
                self._take(key.fileobj)  # type: ignore[arg-type]
            if time.monotonic() >= due:
                return

    def _take(self, plug: socket.socket) -> None:
        try:
            data = plug.recv(65535)
        except OSError:
            return
        if len(data) >= NUMBERED.size:
            index, number, _ = NUMBERED.unpack_from(data)
            self.flows[index].take(number, time.monotonic_ns())


def open_ear(port: int) -> socket.socket:
    """A socket that hears streams."""
    plug = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    widen(plug, 8 << 20)
    plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    plug.bind(("", port))
    plug.settimeout(0.2)
    return plug


def answer_all(plug: socket.socket, ear: Ear) -> None:
    """Send back whatever comes, from the address it came to, until the ear is closed."""
    while not ear.closed:
        try:
            data, told, _, sender = plug.recvmsg(65535, socket.CMSG_SPACE(PKTINFO.size))
        except TimeoutError:
            continue
        to, _ = PKTINFO.unpack(told[0][2])
        if len(data) >= NUMBERED.size:
            ear.take(sender, data)
        source = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, PKTINFO.pack(to, 0))
        try:
            plug.sendmsg([data], [source], 0, sender)
        except OSError:
            continue  # no way back at the moment: the sender counts it as lost


def echo(port: int) -> None:
    """Answer until told to end; then say what was heard."""
    ear = Ear()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(ear, "closed", True))
    with open_ear(port) as plug:
        print(json.dumps({"ready": True}), flush=True)
        answer_all(plug, ear)
    print(json.dumps(ear.summary), flush=True)


def open_sender(options: argparse.Namespace) -> Sender:
    """In the network of the calling thread."""
    return Sender((options.target, options.port), options.flows, options.from_port, options.size)


def send(options: argparse.Namespace) -> None:
    sender = open_sender(options)

    def stop(*_: object) -> None:
        sender.stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(json.dumps({"ready": True}), file=sys.stderr, flush=True)
    sender.run(options.rate, options.seconds, options.patience)
    print(json.dumps(summarize(sender.flows)), flush=True)


def parse_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Of the command line, or of ``words`` that would stand there."""
    parser = argparse.ArgumentParser(description="numbered UDP packets there and back")
    acts = parser.add_subparsers(dest="act", required=True)
    for name in ("echo", "send"):
        act = acts.add_parser(name)
        act.add_argument("--port", type=int, default=7000)
    act.add_argument("target")
    act.add_argument("--flows", type=int, default=1)
    act.add_argument("--rate", type=float, default=50, help="packets a second and flow")
    act.add_argument("--seconds", type=float, default=10)
    act.add_argument("--patience", type=float, default=3, help="seconds that an answer may take")
    act.add_argument("--from-port", type=int, default=0, help="first source port; 0: the kernel's choice")
    act.add_argument("--size", type=int, default=NUMBERED.size, help="bytes of payload")
    return parser.parse_args(words)


def main() -> None:
    options = parse_options()
    if options.act == "echo":
        echo(options.port)
    else:
        send(options)


if __name__ == "__main__":
    main()
