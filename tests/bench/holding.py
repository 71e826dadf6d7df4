"""R1's other half: what learned prefixes take in memory, and what the end of a path under them takes in messages.

Memory is resident. Of ours it is ExaBGP and its bridge, and what a process that holds the RIB grew by, which the daemon
would grow by as well (it runs beside FRR too); of FRR it is bgpd and zebra. A path ends twice: its session is lost, and
the verdict takes it away while the session stands. What the kernel was told is read from ``ip monitor``, a tool that is
not ours; the control withdraws a tenth of the prefixes, which is a message for each.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

from appliance.model.peering import CLOSED
from appliance.model.resources import LEARNED_PROTOCOL
from tests.announce.far import FarEnd, until
from tests.bench.embedded import ENDS, Embedded, embedded, everyone_may_run_python, one_way, two_ways
from tests.bench.learning import FAR, PER_UPDATE, frr_alone, in_namespace, nets, told
from tests.bench.rows import Row
from tests.frr import rig

FEW, MANY, PATHS_DIE_UNDER = 1_000, 100_000, 10_000
MARK = f"proto {LEARNED_PROTOCOL}".encode()
SETTLED = 0.5  # seconds without a message


def measure_memory() -> list[Row]:
    """At a thousand prefixes beside FRR, and by prefix at a hundred thousand."""
    everyone_may_run_python()
    if rig.version() is None:
        return []
    own = {count: in_namespace(partial(_ours, count)) for count in (0, FEW, MANY)}
    frr = {count: _frr(count) for count in (0, FEW, MANY)}
    ratio = round(own[FEW] / frr[FEW], 3)
    by_prefix = round((own[MANY] - own[0]) / MANY * 1e6)
    theirs = round((frr[MANY] - frr[0]) / MANY * 1e6)
    peers = {f"ours with {count} prefixes, MB": round(mb, 1) for count, mb in own.items()}
    peers |= {f"bgpd and zebra with {count} prefixes, MB": round(mb, 1) for count, mb in frr.items()}
    what = f"resident memory of ExaBGP, its bridge and the RIB with {FEW:,} prefixes / bgpd and zebra"
    return [
        Row("R1-memory", what, ratio, None, "lower", (ratio, ratio), peers, "none"),
        Row("R1-prefix", f"bytes of memory for each of {MANY:,} prefixes", by_prefix, None, "lower",
            (by_prefix, by_prefix), {"FRR": theirs}, "none"),
    ]  # fmt: skip


async def _ours(count: int) -> float:
    """MB."""
    end = FarEnd(FAR)
    await end.start()
    before = _resident(os.getpid())
    async with embedded(one_way()) as speaker:
        while not end.up:
            await asyncio.sleep(0.05)
        if count:
            await told(end, count, PER_UPDATE)
        pid = int((speaker.systems.exabgp.folder / "exabgp.pid").read_text().split()[0])
        gc.collect()
        found = _resident(os.getpid()) - before + sum(map(_resident, _family(pid)))
    await end.stop()
    return found


def _frr(count: int) -> float:
    """MB."""
    with frr_alone() as pair:
        return asyncio.run(_told_frr(count, pair))


async def _told_frr(count: int, pair: rig.Pair) -> float:
    end = FarEnd(FAR)
    await end.start()
    while not end.up:
        await asyncio.sleep(0.05)
    if count:
        await told(end, count, PER_UPDATE, "-n", pair.us.name)
    found = sum(_resident(pair.us.process(daemon)) for daemon in ("bgpd", "zebra"))
    await end.stop()
    return found


def measure_ends() -> list[Row]:
    """Messages to the kernel when one of two equal paths ends."""
    everyone_may_run_python()
    lost, closed, withdrawn = (in_namespace(partial(_ended, how)) for how in (_lose, _close, _withdraw))
    some = PATHS_DIE_UNDER // 10
    control = f"{some} prefixes withdrawn by both: {withdrawn[0]}, "
    control += "fails as it must" if withdrawn[0] > 1 else "DOES NOT FAIL: this bar proves nothing"
    under = f"under {PATHS_DIE_UNDER:,} ECMP prefixes"
    return [
        Row(goal, f"changes in the kernel when {what} {under}", count, 1, "lower", (count, count),
            {"ms from the news to the change": round(seconds * 1000, 1)}, control)
        for goal, what, (count, seconds) in (
            ("R1-death", "a session ends", lost), ("R1-verdict", "a verdict closes a path", closed)
        )
    ]  # fmt: skip


End = Callable[[Embedded, dict[str, FarEnd]], Awaitable[None]]


async def _ended(how: End) -> tuple[int, float]:
    """How often the kernel told of a change, and seconds until it did for the last time."""
    ends = {tunnel: FarEnd(far) for tunnel, (_, far) in ENDS.items()}
    for end in ends.values():
        await end.start()
    Path("/proc/sys/net/ipv4/nexthop_compat_mode").write_text("0")  # as ours has it where no FRR speaks BGP
    async with embedded(two_ways()) as speaker:
        for end in ends.values():
            await told(end, PATHS_DIE_UNDER, PER_UPDATE)
        await until(lambda: all(len(choice.paths) == len(ENDS) for choice in speaker.listening.rib.choices.values()))
        await asyncio.sleep(SETTLED)
        with _overheard() as heard:
            begun = monotonic()
            await how(speaker, ends)
            count = -1
            while count != len(heard):
                count = len(heard)
                await asyncio.sleep(SETTLED)
    for end in ends.values():
        await end.stop()
    return count, max(heard) - begun


async def _lose(speaker: Embedded, ends: dict[str, FarEnd]) -> None:
    """The first session is lost without a word."""
    first = next(iter(ends.values()))
    first.cut()
    await until(lambda: len(speaker.listening.sessions.up) < len(ends))


async def _close(speaker: Embedded, ends: dict[str, FarEnd]) -> None:
    """The first tunnel is to carry no more; its session stands."""
    await speaker.listening.follow(replace(speaker.wish, stances={next(iter(ends)): CLOSED}))


async def _withdraw(speaker: Embedded, ends: dict[str, FarEnd]) -> None:
    """A tenth of all prefixes, by both."""
    some = nets(PATHS_DIE_UNDER // 10)
    for end in ends.values():
        for start in range(0, len(some), PER_UPDATE):
            end.take_back(some[start : start + PER_UPDATE])
    await until(lambda: len(speaker.listening.rib.choices) == PATHS_DIE_UNDER - len(some))


@contextmanager
def _overheard() -> Iterator[list[float]]:
    """While the block runs, when routes and nexthop objects of ours changed, by a thread that nobody keeps busy."""
    heard: list[float] = []
    command = ("stdbuf", "-oL", "ip", "-oneline", "monitor", "nexthop", "route")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as monitor:
        assert monitor.stdout is not None
        lines = monitor.stdout
        listening = Thread(target=lambda: heard.extend(monotonic() for line in lines if MARK in line))
        listening.start()
        sleep(SETTLED)  # until it has its sockets
        try:
            yield heard
        finally:
            monitor.terminate()
            listening.join()


def _family(pid: int) -> Iterator[int]:
    """A process and those it started."""
    yield pid
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                yield from _family(int(status.parent.name))


def _resident(pid: int) -> float:
    """RSS in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
