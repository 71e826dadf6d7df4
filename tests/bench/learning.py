"""R1: from the first UPDATE to the last route in the kernel. Ours, with the real ExaBGP; beside it the ordinary recipe,
ExaBGP and a script that forks ``ip route`` for each prefix; and FRR. The same far end tells all three the same, 200
prefixes an UPDATE, in network namespaces of this machine."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from appliance.announce import process
from appliance.announce.exabgp_api import Exabgp
from appliance.announce.process import SETTINGS, speaker_command
from appliance.announce.render import BRIDGE, render_exabgp
from appliance.daemon.listening import Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.speaking import Keeper
from appliance.daemon.wiring import open_systems, read_templates
from appliance.design.peering import compose_router
from appliance.design.wish import Wish
from appliance.model.change import Change
from appliance.model.peering import BgpRouter
from appliance.model.resources import ExabgpConfig
from tests.announce.far import FarEnd
from tests.bench.rows import Row, middle, spread
from tests.daemon.sites import HEAD, VPC_1, connection
from tests.frr import rig

NEAR, FAR = "169.254.23.6", "169.254.23.5"
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
    """One row for each number of prefixes beside the recipe, and one beside FRR."""
    if not all(folder.stat().st_mode & 1 for folder in Path(sys.executable).resolve().parents):
        process.unprivileged_user = lambda: None  # this Python lies in root's own folders
    rows = []
    for count, rounds in ((1_000, ROUNDS), (10_000, 1)):
        own = [_in_namespace(_ours, count) for _ in range(ROUNDS)]
        recipe = [_in_namespace(_recipe, count) for _ in range(rounds)]
        gain = [slow / fast for slow in recipe for fast in own]
        peers = {"ours, s": middle(own), "ExaBGP and ip route, s": middle(recipe)}
        what = f"{count:,} prefixes learned: ExaBGP with a script of ip route / ours"
        rows.append(Row(f"R1-{count}", what, middle(gain), TO_RECIPE, "higher", spread(gain), peers, "none"))
    if rig.version() is None:
        return rows
    frr = [_frr(10_000) for _ in range(ROUNDS)]
    ratio = [slow / fast for slow in own for fast in frr]
    what = "10,000 prefixes learned, 200 an UPDATE: ours / FRR"
    peers = {"ours, s": middle(own), "FRR, s": middle(frr)}
    rows.append(Row("R1-frr", what, middle(ratio), TO_FRR, "lower", spread(ratio), peers, "none"))
    return rows


def _nets(count: int) -> list[str]:
    return [f"10.{number // 256}.{number % 256}.0/24" for number in range(count)]


async def _told(end: FarEnd, count: int, *where: str) -> float:
    """Tell all, and wait for the last route; seconds."""
    while not end.up:
        await asyncio.sleep(0.05)
    nets = _nets(count)
    begun = time.perf_counter()
    for start in range(0, count, PER_UPDATE):
        end.offer(nets[start : start + PER_UPDATE])
    while await asyncio.to_thread(_routes, *where) < count:
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun


def _routes(*where: str) -> int:
    command = ["ip", *where, "route", "show", "root", "10.0.0.0/8"]
    return subprocess.run(command, capture_output=True, check=True).stdout.count(b"\n")


def _in_namespace(measure: object, count: int) -> float:
    with _own_namespace():
        subprocess.run(["ip", "link", "add", "vpc-1", "type", "veth", "peer", "name", "far"], check=True)
        for link, address in (("vpc-1", NEAR), ("far", FAR)):
            subprocess.run(f"ip address add {address}/30 dev {link}".split(), check=True)
            subprocess.run(f"ip link set {link} up".split(), check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return asyncio.run(measure(count))  # type: ignore[operator, no-any-return]


async def _ours(count: int) -> float:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        systems = replace(open_systems(), exabgp=Exabgp(folder, folder / "speaker.sock"))
        listening = Listening(systems, lambda sentence: None)
        keeper, stop, end = Keeper(systems, listening, lambda sentence: None), asyncio.Event(), FarEnd(FAR)
        await end.start()
        running = asyncio.create_task(keeper.keep(stop))
        wish, text = _asked(folder / "bridge")
        await systems.exabgp.apply([Change(None, ExabgpConfig(text))])
        await listening.follow(wish)
        seconds = await _told(end, count)
        stop.set()
        keeper.bell.ring()
        await running
        await end.stop()
        stack.pop_all()
    return seconds


async def _recipe(count: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, text = _asked(folder / "recipe.py")
        (folder / "recipe.py").write_text(RECIPE)
        (folder / "exabgp.conf").write_text(text)
        end, command = FarEnd(FAR), speaker_command()
        assert command is not None
        await end.start()
        environment = {**os.environ, **SETTINGS, "exabgp_daemon_user": "root"}
        child = subprocess.Popen([*command, "server", str(folder / "exabgp.conf")], env=environment, cwd="/",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            return await _told(end, count)
        finally:
            child.kill()
            child.wait()
            await end.stop()


def _asked(script: Path) -> tuple[Wish, str]:
    """An intent of one tunnel, and ExaBGP's configuration for it with ``script`` as its API process."""
    more = "    speaker: exabgp\n    accept: {max-prefixes: {limit: 200000}}\n"
    wish = Wish(parse_loaded(HEAD + connection("vpc", [VPC_1], more), "site.yaml").intent, read_templates())
    router = compose_router(wish, "exabgp")
    assert isinstance(router, BgpRouter)
    text = render_exabgp(router, wish.templates).replace(BRIDGE, str(script))
    return wish, text.replace("/usr/bin/env python3", sys.executable)


def _frr(count: int) -> float:
    """FRR's zebra and bgpd from nothing to all routes."""
    with rig.speakers() as pair:
        pair.us.configure(
            f"router bgp 65010\n bgp router-id {IPv4Address(1)}\n no bgp ebgp-requires-policy\n"
            f" neighbor 169.254.23.5 remote-as 64512\n neighbor 169.254.23.5 timers connect 1\nexit\n"
        )
        pair.far.stop("bgpd")
        with _entered(pair.far.name):
            return asyncio.run(_told_by(FarEnd(str(ip_address(FAR))), count, pair.us.name))


async def _told_by(end: FarEnd, count: int, name: str) -> float:
    await end.start()
    seconds = await _told(end, count, "-n", name)
    await end.stop()
    return seconds


@contextmanager
def _own_namespace() -> Iterator[None]:
    libc, home = ctypes.CDLL(None, use_errno=True), os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        assert libc.unshare(0x4000_0000) == 0
        yield
    finally:
        assert libc.setns(home, 0) == 0
        os.close(home)


@contextmanager
def _entered(name: str) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        assert libc.setns(there, 0) == 0
        yield
    finally:
        assert libc.setns(home, 0) == 0
        os.close(home)
        os.close(there)
