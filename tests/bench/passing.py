"""C2, and what the daemon takes while nothing happens. Runs in the box.

C2: a pass from nothing known (read and check the intent, compose, look at every system, compare) on a machine where all
of it stands already; the cost of one tunnel among 2000 beside that among 10. The tunnels are static: BGP's part is one
text that FRR keeps, and C1 has it. Idle: processor time of `appliance run` over a while in which nothing changes; the
tunnels' far ends are silent, so that each is probed once a second only and charon tries in vain. A core of the guest is
emulated, and some ten times slower than one of the machine's.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from appliance.daemon.loop import converge_once
from appliance.daemon.wiring import open_systems
from tests.bench.box import empty, timed
from tests.bench.rows import Row, middle, spread
from tests.bench.site import write_native, write_site

FEW, MANY = 10, 2000
PASSES = {FEW: 20, MANY: 3}
IDLE = (2, 100, 1000)
WATCHED = 20.0
SETTLING = 15.0
BAR = 1.5
DAEMON = (sys.executable, "-m", "appliance.cli.main", "run")


def measure_passes() -> list[Row]:
    """C2."""
    found = {count: _passes(count) for count in PASSES}
    ratios = [(many / MANY) / (few / FEW) for many in found[MANY] for few in found[FEW]]
    peers = {
        f"pass over {count} tunnels, ms of processor time": round(1000 * middle(found[count]), 1) for count in found
    }
    squared = MANY / FEW
    control = f"work that grows with the square (a model): {squared:g}, fails as it must"
    what = f"cost of a tunnel in a pass with nothing to do, {MANY} tunnels / {FEW}"
    return [Row("C2", what, middle(ratios), BAR, "lower", spread(ratios), peers, control)]


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
    found = []
    for _ in range(PASSES[tunnels]):
        before = _used()
        changed = asyncio.run(converge_once(systems))
        found.append(_used() - before)
        if changed:
            raise RuntimeError(f"{changed} changes on a machine where everything stands")
    return found


def _used() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _idle(tunnels: int) -> list[Row]:
    _stand(tunnels)
    with subprocess.Popen(DAEMON, stderr=subprocess.DEVNULL) as process:
        time.sleep(SETTLING + tunnels / 100)
        shares = []
        for _ in range(3):
            before = _spent(process.pid)
            time.sleep(WATCHED / 3)
            shares.append((_spent(process.pid) - before) / (WATCHED / 3))
        memory = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        process.terminate()
    low, high = round(min(shares), 4), round(max(shares), 4)
    return [
        Row(f"I5-{tunnels}", f"idle `appliance run` with {tunnels} static tunnels, share of an emulated core",
            middle(shares), None, "lower", (low, high), {"resident, MB": round(memory, 1)},
            "none; three readings of some seconds"),
    ]  # fmt: skip


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
