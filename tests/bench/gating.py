"""F1 where BGP brings the routes: the path that fell silent leaves FRR's choice by a policy, its session goes on.

Like :mod:`tests.bench.failover`, but with a real FRR at either end of the two paths, and the daemon's door to ours.
What FRR takes to choose anew and zebra to tell the kernel is not in the blackout: until then what leaves by the dead
path makes a detour by the other. The control is the same without detours: bgpd lets what it has to process wait for
50 ms (bgp_route.c, bgp_process_queue_init), zebra for 10.

What is handed from one cable to the other was addressed to the first one's far end: all far ends have one hardware
address here, for the tunnels that the cables stand for have none.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median

from appliance.daemon.asking import keep_asked
from appliance.daemon.passes import make_wish, parse_loaded
from appliance.daemon.switching import Switchboard
from appliance.daemon.tending import keep_held, keep_switched
from appliance.daemon.waking import Bell, ring_on_stop
from appliance.design.peering import router_configs
from appliance.frr.vtysh import Frr
from appliance.model.change import Change
from appliance.probe.prober import Prober
from tests.bench.failover import (
    INTERVAL,
    LIMIT,
    Stream,
    blackouts_of,
    cut_again_and_again,
    intent_text,
    late,
    of_late,
    ring_from_afar,
    rise,
    say,
    standing,
    systems_in,
    until,
    working,
)
from tests.bench.paths import BEHIND, FILTER, Far
from tests.bench.rows import Row
from tests.frr.rig import CABLES, cloud, speakers, version

CUTS, CONTROLS = 100, 10
DETOURS = ("detours", "without")
OURS, HARDWARE = "192.0.2.1", "02:00:00:00:00:01"
PATHS = [ours for ours, _, _, _ in CABLES[:2]]
PAIRS = [
    (IPv4Address(ours.partition("/")[0]), IPv4Address(theirs.partition("/")[0])) for _, ours, _, theirs in CABLES[:2]
]
FAR_PATHS = {ours: theirs for ours, _, theirs, _ in CABLES}


class FarRouter(Far):
    """Its ends of the paths have names of their own."""

    def cut(self, path: str) -> None:
        Far.cut(self, FAR_PATHS[path])

    def restore(self, path: str) -> None:
        Far.restore(self, FAR_PATHS[path])


def measure() -> list[Row]:
    """None without an FRR."""
    if version() is None:
        say("there is no FRR here: BGP is not measured")
        return []
    rise()
    with speakers() as pair:
        pid = int(pair.far.run("sh", "-c", "ip netns pids " + pair.far.name).split()[0])
        far = FarRouter(pid)
        far.told("ip", "address", "add", f"{BEHIND}/32", "dev", "lo")
        far.told("nft", "-f", "-", given=FILTER)
        for path in PATHS:
            far.told("ip", "link", "set", FAR_PATHS[path], "address", HARDWARE)
        far.told("sh", "-c", "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter")  # by whichever path it likes to answer
        pair.far.configure(cloud({str(ours): (64512, 65010, {f"{BEHIND}/32": 100}) for ours, _ in PAIRS}, "10 30"))
        enter = ["ip", "netns", "exec", pair.us.name, sys.executable, "-m", "tests.bench.gating"]
        enter += [str(pair.us.run_dir), str(pid)]
        told = [subprocess.run([*enter, kind], check=True, stdout=subprocess.PIPE, text=True) for kind in DETOURS]
    found, slower = (json.loads(one.stdout) for one in told)
    worst, missed = late(found), late(slower) / LIMIT
    peers = {"median, ms": round(median(found) * 1000, 1), "99 of 100, ms": round(worst * 1000, 1), "cuts": len(found)}
    what = f"blackout after a silent cut, 99 of 100 / the limit of {LIMIT * 1000:.0f} ms (50 ms x 3), BGP by FRR"
    control = f"without detours, {len(slower)} cuts: {missed:.2f}, "
    control += "fails as it must" if missed > 1.25 else "DOES NOT FAIL: this bar proves nothing"
    return [Row("F1-frr", what, round(worst / LIMIT, 3), 1.25, "lower", of_late(found), peers, control)]


async def blackouts(run_dir: Path, far: Far, kind: str) -> list[float]:
    """In our router's namespace, of what comes from a network of ours."""
    subprocess.run(["ip", "address", "replace", f"{OURS}/32", "dev", "lo"], check=True)
    with Stream(far, OURS) as streamed:
        async with _gated(run_dir, redirects=kind == DETOURS[0]) as board:
            await until(lambda: set(working(board)) == set(PATHS) and _goes_by(board.carrying["bench"]))
            made = await cut_again_and_again(far, board, INTERVAL, CUTS if kind == DETOURS[0] else CONTROLS)
        return blackouts_of(made, streamed())


def _goes_by(carrying: tuple[str, ...]) -> bool:
    """Whether FRR has the traffic where it is to be."""
    found = subprocess.run(["ip", "-j", "route", "get", str(BEHIND)], stdout=subprocess.PIPE, check=False).stdout
    return tuple(route["dev"] for route in json.loads(found or "[]")) == carrying


@asynccontextmanager
async def _gated(run_dir: Path, *, redirects: bool) -> AsyncIterator[Switchboard]:
    with tempfile.TemporaryDirectory() as folder:
        systems = replace(systems_in(Path(folder)), frr=Frr(run_dir, Path(folder, "frr.json")))
        text = intent_text(INTERVAL, PATHS, PAIRS, "mode: bgp\n    peer-asn: 64512")
        wish = await make_wish(systems, parse_loaded(text, "bench").intent, {})
        assert wish.machine is not None
        if not redirects:
            wish = replace(wish, machine=replace(wish.machine, redirects=False))
        elif not wish.machine.redirects:
            raise RuntimeError("this kernel cannot hand to one link what leaves by another")
        for outcome in await systems.frr.apply([Change(None, config) for config in router_configs(wish)]):
            if outcome.error:
                raise RuntimeError(outcome.error)
        judge, hold, sessions, stop = Bell(), Bell(), Bell(), asyncio.Event()
        loop = asyncio.get_running_loop()
        prober = Prober(lambda: ring_from_afar(loop, judge))
        board = Switchboard(systems, prober)
        board.follow(wish)
        board.hear(standing(path, pair) for path, pair in zip(PATHS, PAIRS, strict=True))
        prober.start()
        board.follow(wish)
        tasks = [
            asyncio.create_task(task)
            for task in (
                ring_on_stop(stop, judge, hold, sessions),
                keep_switched(board, judge, (hold,), stop, say),
                keep_held(board, hold, stop, say),
                keep_asked(systems, board, judge, Bell(), sessions, stop),
            )
        ]
        try:
            yield board
        finally:
            stop.set()
            await asyncio.gather(*tasks)
            prober.stop()
            await board.leave()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(blackouts(Path(sys.argv[1]), FarRouter(int(sys.argv[2])), sys.argv[3]))))
