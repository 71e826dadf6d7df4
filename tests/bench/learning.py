"""R1: from the first UPDATE to the last route in the kernel. Ours, with the real ExaBGP; beside it the ordinary recipe,
ExaBGP and a script that forks ``ip route`` for each prefix; and FRR. The same far end tells all three the same, 200
prefixes an UPDATE unless told otherwise, in network namespaces of this machine."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

from appliance.announce.process import SETTINGS, speaker_command
from appliance.announce.render import BRIDGE, render_exabgp
from appliance.design.peering import compose_router
from appliance.model.peering import BgpRouter
from tests.announce.far import FarEnd
from tests.bench.embedded import ENDS, embedded, everyone_may_run_python, one_way, routes
from tests.bench.rows import Row, middle, spread
from tests.frr import rig

T = TypeVar("T")

NEAR, FAR = ENDS["vpc-1"]
PER_UPDATE = 200
ROUNDS = 5
TO_FRR, TO_RECIPE = 3.0, 10.0
"""The bars: at most so many times FRR's time, at least so many times quicker than the recipe."""

RECIPE = """\
import json, subprocess, sys
for line in sys.stdin:
    if '"announce"' not in line:
        continue
    for hops in json.loads(line)["neighbor"]["message"]["update"]["announce"].values():
        for hop, prefixes in hops.items():
            for one in prefixes:
                net = one["nlri"] if isinstance(one, dict) else one
                subprocess.run(["ip", "route", "replace", net, "dev", "vpc-1", "proto", "174"])
"""


def measure_learning() -> list[Row]:
    """One row for each number of prefixes beside the recipe, and those beside FRR."""
    everyone_may_run_python()
    rows = []
    own: list[float] = []
    for count, rounds in ((1_000, ROUNDS), (10_000, 1)):
        own = [ours(count) for _ in range(ROUNDS)]
        recipe = [in_namespace(lambda: _recipe(count)) for _ in range(rounds)]  # noqa: B023  (called at once)
        peers = {"ours, s": middle(own), "ExaBGP and ip route, s": middle(recipe)}
        what = f"{count:,} prefixes learned: ExaBGP with a script of ip route / ours"
        rows.append(Row(f"R1-{count}", what, *_ratio(recipe, own, TO_RECIPE, "higher"), peers, "none"))
    if rig.version() is None:
        return rows
    for goal, what, bar, mine, theirs in (
        ("frr", "10,000 prefixes, 200 an UPDATE", TO_FRR, own, [_frr(10_000) for _ in range(ROUNDS)]),
        ("frr-100000", "100,000 prefixes, 200 an UPDATE", None, [ours(100_000)], [_frr(100_000)]),
        ("frr-single", "10,000 prefixes, each in an UPDATE", None, [ours(10_000, 1)], [_frr(10_000, 1)]),
    ):
        peers = {"ours, s": middle(mine), "FRR, s": middle(theirs)}
        rows.append(
            Row(f"R1-{goal}", f"{what}, learned: ours / FRR", *_ratio(mine, theirs, bar, "lower"), peers, "none")
        )
    return rows


def _ratio(
    over: Sequence[float], under: Sequence[float], bar: float | None, better: str
) -> tuple[float, float | None, str, tuple[float, float]]:
    found = [one / other for one in over for other in under]
    return middle(found), bar, better, spread(found)


def nets(count: int) -> list[str]:
    """Prefixes of 10.0.0.0/8."""
    return [f"{IPv4Address((10 << 24) + (number << 7))}/25" for number in range(count)]


async def told(end: FarEnd, count: int, per_update: int, *where: str) -> float:
    """Tell all, and wait for the last route; seconds."""
    while not end.up:
        await asyncio.sleep(0.05)
    offered = nets(count)
    begun = time.perf_counter()
    for start in range(0, count, per_update):
        end.offer(offered[start : start + per_update])
    while await asyncio.to_thread(routes, *where) < count:
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun


def ours(count: int, per_update: int = PER_UPDATE) -> float:
    """Seconds."""
    return in_namespace(lambda: _ours(count, per_update))


async def _ours(count: int, per_update: int) -> float:
    end = FarEnd(FAR)
    await end.start()
    async with embedded(one_way()):
        seconds = await told(end, count, per_update)
    await end.stop()
    return seconds


async def _recipe(count: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipe.py").write_text(RECIPE)
        (folder / "exabgp.conf").write_text(_running(folder / "recipe.py"))
        end, command = FarEnd(FAR), speaker_command()
        assert command is not None
        await end.start()
        environment = {**os.environ, **SETTINGS, "exabgp_daemon_user": "root"}
        child = subprocess.Popen([*command, "server", str(folder / "exabgp.conf")], env=environment, cwd="/",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            return await told(end, count, PER_UPDATE)
        finally:
            child.kill()
            child.wait()
            await end.stop()


def _running(script: Path) -> str:
    """ExaBGP's configuration with ``script`` as its API process."""
    wish = one_way()
    router = compose_router(wish, "exabgp")
    assert isinstance(router, BgpRouter)
    text = render_exabgp(router, wish.templates).replace(BRIDGE, str(script))
    return text.replace("/usr/bin/env python3", sys.executable)


def _frr(count: int, per_update: int = PER_UPDATE) -> float:
    """FRR's zebra and bgpd from nothing to all routes."""
    with frr_alone() as pair:
        return asyncio.run(_told_by(FarEnd(FAR), count, per_update, pair.us.name))


@contextmanager
def frr_alone() -> Iterator[rig.Pair]:
    """FRR near, and the far namespace entered by this thread, with nobody at the session's other end yet."""
    with rig.speakers() as pair:
        pair.us.configure(
            f"router bgp 65010\n bgp router-id {IPv4Address(1)}\n no bgp ebgp-requires-policy\n"
            f" neighbor {FAR} remote-as 64512\n neighbor {FAR} timers connect 1\nexit\n"
        )
        pair.far.stop("bgpd")
        with entered(Path("/run/netns", pair.far.name)):
            yield pair


async def _told_by(end: FarEnd, count: int, per_update: int, name: str) -> float:
    await end.start()
    seconds = await told(end, count, per_update, "-n", name)
    await end.stop()
    return seconds


def in_namespace(measure: Callable[[], Awaitable[T]]) -> T:
    """In a network namespace of its own, with the tunnels' stand-ins and the far addresses."""

    async def measured() -> T:
        return await measure()

    libc, home = ctypes.CDLL(None, use_errno=True), os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        assert libc.unshare(0x4000_0000) == 0
        subprocess.run(["ip", "-batch", "-"], input="".join(_links()), text=True, check=True)
        return asyncio.run(measured())
    finally:
        assert libc.setns(home, 0) == 0
        os.close(home)


def _links() -> Iterator[str]:
    yield "link set lo up\n"
    for tunnel, (near, far) in ENDS.items():
        yield f"link add {tunnel} type veth peer name far-{tunnel}\n"
        for link, address in ((tunnel, near), (f"far-{tunnel}", far)):
            yield f"address add {address}/30 dev {link}\nlink set {link} up\n"


@contextmanager
def entered(namespace: Path) -> Iterator[None]:
    """This thread in another network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(namespace, os.O_RDONLY)
    try:
        assert libc.setns(there, 0) == 0
        yield
    finally:
        assert libc.setns(home, 0) == 0
        os.close(home)
        os.close(there)
