"""C2, and what the daemon takes while nothing happens.

C2: a pass from nothing known (read and check the intent, compose, look at every system, compare) on a machine where all
of it stands already; the cost of one tunnel among 2000 beside that among 10, in processor time. The tunnels are static:
BGP's part is one text that FRR keeps, and C1 has it. It runs in a namespace of this machine with the kernel's and the
packet filter's real doors; as this kernel has no XFRM links, ours is made to take VXLAN links for them, whose number is
in the place of ``if_id``, and charon is the tests' own. C2x is the same in the box, with everything real.

I5, in the box: processor time of `appliance run` over a while in which nothing changes; the tunnels' far ends are
silent, so that each is probed once a second only and charon tries in vain. A core of the guest is emulated, some ten
times slower than one of the machine's.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from appliance.daemon.loop import converge_once
from appliance.daemon.passes import apply, make_wish, parse_loaded, prepare, resolve_secrets
from appliance.daemon.wiring import Systems, open_systems
from appliance.firewall.nft import Nft
from appliance.history.revision import Down
from appliance.kernel.netlink import Kernel
from appliance.sysctl.procsys import Procsys
from tests.bench.box import empty, spent, timed
from tests.bench.rows import Row, middle, spread
from tests.bench.site import site_text, write_native, write_site
from tests.bench.standins import numbered, stand_in
from tests.fakes.box import Box

FEW, MANY = 10, 2000
PASSES = {FEW: 20, MANY: 3}
IDLE = (2, 100, 1000)
WATCHED = 20.0
SETTLING = 15.0
BAR = 1.5
UPLINK = (
    "ip link set lo up",
    "ip link add uplink type veth peer name upstream",
    "ip address add 203.0.113.10/28 dev uplink",
    "ip link set uplink up",
    "ip link set upstream up",
    "ip route add default via 203.0.113.1",
)
DAEMON = (sys.executable, "-m", "appliance.cli.main", "run")


def measure_passes() -> list[Row]:
    """C2 on this machine."""
    stand_in()
    for line in UPLINK:
        subprocess.run(line.split(), check=True)
    what = f"cost of a tunnel in a pass with nothing to do, {MANY} tunnels / {FEW}"
    return [_slope("C2", what, {count: asyncio.run(_passes_here(count)) for count in PASSES})]


def measure_passes_in_box() -> list[Row]:
    """C2 with everything real."""
    what = f"cost of a tunnel in a pass with nothing to do, {MANY} tunnels / {FEW}, all daemons real, emulated"
    return [_slope("C2x", what, {count: _passes(count) for count in PASSES})]


def _slope(goal: str, what: str, found: Mapping[int, Sequence[float]]) -> Row:
    ratios = [(many / MANY) / (few / FEW) for many in found[MANY] for few in found[FEW]]
    peers = {
        f"pass over {count} tunnels, ms of processor time": round(1000 * middle(found[count]), 1) for count in found
    }
    control = f"work that grows with the square (a model): {MANY / FEW:g}, fails as it must"
    return Row(goal, what, middle(ratios), BAR, "lower", spread(ratios), peers, control)


async def _passes_here(tunnels: int) -> list[float]:
    """Processor seconds of each pass."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        box = Box(folder)
        record = folder / "firewall.json"
        systems = replace(
            box.systems, kernel=Kernel(), sysctl=Procsys(folder / "sysctl"), firewall=Nft(record_file=record)
        )
        _write_keys(folder / "etc" / "secrets", tunnels)
        text = numbered(site_text(tunnels, "static"))
        systems.store.write_intent(text)
        loaded = parse_loaded(text, "site.yaml")
        wish = await make_wish(systems, loaded.intent, resolve_secrets(systems, loaded.intent), Down())
        report = await apply(systems, await prepare(systems, wish, gone=()), text, "bench", None)
        if report.failed:
            raise RuntimeError(f"{len(report.failed)} failed, of them {report.failed[0]}")
        _say(f"{tunnels} tunnels stand: {len(report.outcomes)} changes")
        await converge_once(systems)
        found = [await _pass(systems) for _ in range(PASSES[tunnels])]
        prepared = await prepare(systems, replace(wish, intent=replace(loaded.intent, connections=())), gone=())
        await apply(systems, prepared, "", "bench", None)
    return found


def _write_keys(folder: Path, tunnels: int) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for number in range(tunnels):
        key = folder / f"t{number}.psk"
        key.write_text(f"not_a_key_but_a_fake_{number:04}\n")
        key.chmod(0o600)


def measure_idle() -> list[Row]:
    """Share of a core, and resident memory, by number of tunnels."""
    return [row for tunnels in IDLE for row in _idle(tunnels)]


def _stand(tunnels: int) -> None:
    write_site(FEW, "static")
    empty(write_native(Path("/tmp/native")).machine_wide)
    write_site(tunnels, "static")
    seconds, _ = timed([sys.executable, "-m", "tests.bench.once"])
    _say(f"{tunnels} tunnels stand after {seconds:.0f} s")


def _passes(tunnels: int) -> list[float]:
    """Processor seconds of each pass, ours and the kernel's for us."""
    _stand(tunnels)
    systems = open_systems()
    asyncio.run(converge_once(systems))  # it imports
    return [asyncio.run(_pass(systems)) for _ in range(PASSES[tunnels])]


async def _pass(systems: Systems) -> float:
    before = _used()
    changed = await converge_once(systems)
    if changed:
        raise RuntimeError(f"{changed} changes on a machine where everything stands")
    return _used() - before


def _used() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _idle(tunnels: int) -> list[Row]:
    _stand(tunnels)
    with subprocess.Popen(DAEMON, stderr=subprocess.DEVNULL) as process:
        time.sleep(SETTLING + tunnels / 100)
        shares = []
        for _ in range(3):
            before = spent(process.pid)
            time.sleep(WATCHED / 3)
            shares.append((spent(process.pid) - before) / (WATCHED / 3))
        memory = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        process.terminate()
    low, high = round(min(shares), 4), round(max(shares), 4)
    return [
        Row(f"I5-{tunnels}", f"idle `appliance run` with {tunnels} static tunnels, share of an emulated core",
            middle(shares), None, "lower", (low, high), {"resident, MB": round(memory, 1)},
            "none; three readings of some seconds"),
    ]  # fmt: skip


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
