"""Traffic and captures for a lab's checks, by the programs of tests/traffic.

Streams and captures are at work in this very process, on sockets that it opens in the nodes' networks; what else there
is runs in nodes, which have the programs at /opt/traffic.
"""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import kill, read
from pathlib import Path
from typing import Any

from checking import Failed, node

from tests.traffic import sniff, stream

TRAFFIC = "/opt/traffic"
CLEAR = (
    "(ip or ip6) and not esp and not udp port 500 and not udp port 4500 and not igmp"
    " and not src net fe80::/10 and not dst net ff02::/16 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"
)
"""What must never be seen outside: all but ESP, IKE, ARP, and what a host says to its own link alone, neighbour
discovery (RFC 4861) included."""

ENCRYPTED = "esp or udp port 4500"
FRAGMENTS = "ip[6:2] & 0x3fff != 0"


class Program:
    """A program of tests/traffic at work in a node: it says that it is ready, and its result when it ends."""

    def __init__(self, where: str, *words: str) -> None:
        self.what = f"{words[0]} on {where}"
        self.process = node(where).start("python3", f"{TRAFFIC}/{words[0]}", *words[1:])
        self.lines: list[str] = []
        self._rest = b""
        self._await_line(60, "ready")

    def result(self, timeout: float) -> dict[str, Any]:
        """Wait for its own end, at most ``timeout`` seconds, and take what it said last."""
        self._drain(timeout)
        if self.process.wait(timeout):
            raise Failed(f"{self.what} ended with {self.process.returncode}: {' | '.join(self.lines[-5:])}")
        found = json.loads(self.lines[-1])
        assert isinstance(found, dict)
        return found

    def stop(self) -> dict[str, Any]:
        """End it, and take its result."""
        self._signal(signal.SIGTERM)
        return self.result(120)

    def kill(self) -> None:
        """End it for sure, whatever it has to say."""
        if self.process.poll() is None:
            self._signal(signal.SIGKILL)
            self.process.wait(10)

    def _signal(self, number: signal.Signals) -> None:
        """nsenter waits for the program it forked and hands no signal on."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children or [str(self.process.pid)]:
            with suppress(ProcessLookupError):
                kill(int(pid), number)

    def _await_line(self, timeout: float, word: str) -> None:
        deadline = time.monotonic() + timeout
        while not any(word in line for line in self.lines):
            if not self._read(deadline - time.monotonic()):
                self.kill()
                raise Failed(f"{self.what} did not get ready: {' | '.join(self.lines[-5:])}")

    def _drain(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self._read(deadline - time.monotonic()):
            pass

    def _read(self, timeout: float) -> bool:
        """Take in what it said; False at its end, or when it says nothing in time."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, timeout)):
                return False
        chunk = read(self.process.stdout.fileno(), 65536)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self.lines += [line.decode(errors="replace") for line in lines if line.strip()]
        return bool(chunk)


@dataclass(slots=True)
class Seen:
    """What passed some interfaces: packets by filter, over all of them, and by interface."""

    counts: dict[str, int] = field(default_factory=dict)
    each: dict[str, dict[str, int]] = field(default_factory=dict)
    packets: list[str] = field(default_factory=list)


@contextmanager
def watching(where: str, interfaces: Sequence[str], **filters: str) -> Iterator[Seen]:
    """Count what passes the filters while the block runs; the first filter's packets are kept in words."""
    seen = Seen()
    with node(where).network():
        plugs = sniff.watch_all(interfaces, filters)
    try:
        yield seen
        found = sniff.report(plugs, [next(iter(filters))])
    finally:
        for plug in plugs.values():
            plug.close()
    seen.each, seen.packets = found["counts"], found["packets"]
    seen.counts = {name: sum(counts[name] for counts in seen.each.values()) for name in filters}


@contextmanager
def streaming(where: str, target: str, flows: int = 8, rate: float = 50, port: int = 7000) -> Iterator[dict[str, Any]]:
    """Numbered UDP packets to an echo (``echoing``) while the block runs; what became of them is filled in after it."""
    found: dict[str, Any] = {}
    sender, options = _open_sender(where, target, "--flows", str(flows), "--rate", str(rate), "--port", str(port))

    def stop() -> None:
        sender.stopped = True

    with _beside(lambda: sender.run(options.rate, 600, options.patience), stop):
        yield found
    found.update(stream.summarize(sender.flows))


@contextmanager
def echoing(where: str, port: int) -> Iterator[dict[str, Any]]:
    """An echo of its own while the block runs; what it heard is filled in after it."""
    found: dict[str, Any] = {}
    ear = stream.Ear()
    with node(where).network():
        plug = stream.open_ear(port)

    def stop() -> None:
        ear.closed = True

    with plug, _beside(lambda: stream.answer_all(plug, ear), stop):
        yield found
    found.update(ear.summary)


@contextmanager
def _beside(work: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """Work done in a thread while the block runs: a Python of its own would take a second to start."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(60)
    if thread.is_alive():
        raise Failed("traffic did not end within a minute")


@contextmanager
def talking(where: str, target: str) -> Iterator[dict[str, Any]]:
    """One TCP session while the block runs; what became of it is filled in after it."""
    found: dict[str, Any] = {}
    program = Program(where, "bulk.py", "send", target, "--until-told")
    try:
        yield found
        found.update(program.stop())
    finally:
        program.kill()


def send_stream(where: str, target: str, *options: str) -> dict[str, Any]:
    """A stream of its own length: the options are those of ``stream.py send``."""
    sender, given = _open_sender(where, target, *options)
    sender.run(given.rate, given.seconds, given.patience)
    return stream.summarize(sender.flows)


def _open_sender(where: str, target: str, *options: str) -> tuple[stream.Sender, argparse.Namespace]:
    given = stream.parse_options(["send", target, *options])
    with node(where).network():
        return stream.open_sender(given), given


def answered(where: str, target: str, seconds: float = 0.5, port: int = 7000) -> bool:
    """Whether every packet of a short stream comes back."""
    words = ("--seconds", str(seconds), "--patience", "1", "--port", str(port))
    return not send_stream(where, target, *words)["lost"]


def start_services(where: str) -> tuple[Program, Program]:
    """The far side of streams (UDP 7000), of transfers and SYN probes (TCP 8080); it stays as long as the lab."""
    return Program(where, "stream.py", "echo"), Program(where, "bulk.py", "serve")


def ask(where: str, program: str, *words: str, timeout: float = 60) -> dict[str, Any]:
    """Run one of the programs to its end and take its answer."""
    found = node(where).run("python3", f"{TRAFFIC}/{program}", *words, timeout=timeout).json()
    assert isinstance(found, dict)
    return found


def end(process: subprocess.Popen[str]) -> str:
    """End what a node's ``start`` started; returns what it said."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        with suppress(ProcessLookupError):
            kill(int(pid), signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    return said
