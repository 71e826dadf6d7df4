"""Traffic and captures for a lab's checks, by the programs of tests/traffic.

Streams and captures are at work in this very process, on sockets that it opens in the nodes' networks; what else there
is runs in nodes, which have the programs at /opt/traffic.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import kill
from pathlib import Path
from select import select
from typing import Any

from checking import Failed, node

from tests.traffic import bulk, probe, sniff, stream

TRAFFIC = "/opt/traffic"
CLEAR = (
    "(ip or ip6) and not esp and not udp port 500 and not udp port 4500 and not igmp"
    " and not src net fe80::/10 and not dst net ff02::/16 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"
)
"""What must never be seen outside: all but ESP, IKE, ARP, and what a host says to its own link alone, neighbour
discovery (RFC 4861) included."""

ENCRYPTED = "esp or udp port 4500"
FRAGMENTS = "ip[6:2] & 0x3fff != 0"


def start_programs(where: str, *programs: Sequence[str]) -> None:
    """Start programs of tests/traffic in a node, side by side; each has said that it is ready when this returns. They
    stay as long as the lab."""
    started = [(words, node(where).start("python3", f"{TRAFFIC}/{words[0]}", *words[1:])) for words in programs]
    for words, process in started:
        assert process.stdout is not None
        said = ""
        while "ready" not in said:
            if not select([process.stdout], [], [], 60)[0] or not (said := process.stdout.readline()):
                raise Failed(f"{words[0]} on {where} did not get ready: {said}")


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
def streaming(
    where: str, target: str, flows: int = 8, rate: float = 12.5, port: int = 7000
) -> Iterator[dict[str, Any]]:
    """Numbered UDP packets to an echo (``echoing``) while the block runs; what became of them is filled in after it.
    Every packet crosses the whole lab twice: a hundred a second are what a slow machine carries beside its work."""
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
    over = threading.Event()
    with node(where).network():
        plug = bulk.connect(target)
    with plug, _beside(lambda: found.update(bulk.trickle(plug, lambda: not over.is_set())), over.set):
        yield found
    if not found:
        raise Failed("the TCP session broke")


def transfer(where: str, target: str, megabytes: int, timeout: float = 60) -> dict[str, object]:
    """One TCP transfer to its end; ``timeout``: seconds that a single step of it may take."""
    with node(where).network(), bulk.connect(target, timeout=timeout) as plug:
        return bulk.send(plug, megabytes)


def probing_mss(where: str, target: str, watched: tuple[str, Sequence[str]], mss: int = 1460) -> tuple[int, int]:
    """The maximum segment size of a SYN to port 8080 where it arrives, on one of a node's links, and of its answer."""
    seer, links = watched
    with node(seer).network():
        plugs = [sniff.watch(link, sniff.compile_filter(probe.SYNS.format(8080))) for link in links]
    try:
        with node(where).network():
            answer = probe.send_syn(target, 8080, mss)
        arrived = probe.take_syn(plugs)
    finally:
        for plug in plugs:
            plug.close()
    if arrived is None or answer is None:
        raise Failed(f"a SYN to {target} arrived with {arrived}, and was answered with {answer}")
    return arrived, answer


def refusal(where: str, target: str, length: int, port: int = 8080) -> dict[str, Any]:
    """The ICMP error that answers a UDP datagram of so many bytes that must not be fragmented."""
    with node(where).network():
        return probe.send_datagram(target, port, length)


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


def start_services(where: str) -> None:
    """The far side of streams (UDP 7000), of transfers and SYN probes (TCP 8080)."""
    start_programs(where, ("stream.py", "echo"), ("bulk.py", "serve"))


def end(process: subprocess.Popen[str]) -> str:
    """End what a node's ``start`` started; returns what it said."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        with suppress(ProcessLookupError):
            kill(int(pid), signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    return said
