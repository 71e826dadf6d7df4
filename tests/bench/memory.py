"""I4: what the running daemon keeps in memory, beside a bare Python interpreter, FRR and charon. Runs in the box.

Resident set sizes after some passes over 2 and over 100 tunnels that stand in all systems. PSS is told beside it: what
is shared with others (the interpreter's text, libc) counts there only in part.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.box import empty, timed
from tests.bench.rows import Row, middle, spread
from tests.bench.site import write_native, write_site

BAR = 2.0
PATIENCE = 60.0
READINGS = 5
BETWEEN = 2.0  # seconds: about one pass of the daemon
REST = 4.0  # seconds in which it grows by no more than this, in MB
GROWTH = 0.1
BARE = [sys.executable, "-c", "input()"]
DAEMON = [sys.executable, "-m", "appliance.cli.main", "run"]
WITHOUT_TLS = "from appliance.cli.main import leave_out_openssl; leave_out_openssl(); "
LIBRARIES = [sys.executable, "-c", WITHOUT_TLS + "import asyncio, click, jinja2, yaml; input()"]
IMPORTED = [sys.executable, "-c", WITHOUT_TLS + "import appliance.cli.running; input()"]
LAVISH = [sys.executable, "-c", "import scapy.all, pyroute2, hypothesis; input()"]
PIDS = {
    "charon": Path("/run/charon.pid"),
    "bgpd": Path("/run/frr/bgpd.pid"),
    "zebra": Path("/run/frr/zebra.pid"),
    "mgmtd": Path("/run/frr/mgmtd.pid"),
}


def measure() -> list[Row]:
    """The goal's rows."""
    bare = _of(BARE)
    lavish = _of(LAVISH) / bare
    control = f"an interpreter with scapy, pyroute2 and hypothesis: {lavish:.1f}, "
    control += "fails as it must" if lavish > BAR else "DOES NOT FAIL: this bar proves nothing"
    floor = {
        "bare Python, MB": bare,
        "with the libraries, MB": _of(LIBRARIES),
        "with our modules too, MB": _of(IMPORTED),
    }
    return [_row("I4", 2, floor, control), _row("I4-100", 100, floor, control)]


def _of(command: list[str]) -> float:
    with _running(command) as pid:
        _settle(pid)
        return _resident(pid)


def _row(goal: str, tunnels: int, floor: Mapping[str, float], control: str) -> Row:
    write_site(tunnels)
    empty(write_native(Path("/tmp/native")).machine_wide)
    timed([sys.executable, "-m", "tests.bench.once"])
    with _running(DAEMON) as pid:
        _wait("the daemon's first pass", lambda: _has_passed(pid))
        _settle(pid)
        readings = [_resident(pid) for _ in _ticks()]
        peers = {"ours, MB": middle(readings), "ours, PSS, MB": _proportional(pid)}
    peers |= {name: round(size, 1) for name, size in floor.items()} | {
        "`appliance plan` at its peak, MB": _peak_of_plan()
    }
    peers |= {f"{name}, MB": round(_resident(int(file.read_text())), 1) for name, file in PIDS.items()}
    peers["all of FRR and charon, MB"] = round(sum(peers[f"{name}, MB"] for name in PIDS), 1)
    ratios = [reading / floor["bare Python, MB"] for reading in readings]
    what = f"resident memory of `appliance run` with {tunnels} tunnels / a bare Python interpreter"
    return Row(goal, what, middle(ratios), BAR, "lower", spread(ratios), peers, control)


@contextmanager
def _running(command: list[str]) -> Iterator[int]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def _settle(pid: int) -> None:
    """Until it takes no more memory: after its imports, or after some passes."""
    size = 0.0
    since = time.monotonic()

    def stands() -> bool:
        nonlocal size, since
        now = _resident(pid)
        if abs(now - size) > GROWTH:
            size, since = now, time.monotonic()
        return time.monotonic() - since > REST

    _wait("a process that takes no more memory", stands)


def _has_passed(pid: int) -> bool:
    """Whether the daemon holds its lock and talks to systems, which it does in threads."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    threads = next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
    return Path("/run/appliance/daemon").exists() and threads > 1


def _wait(what: str, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError(f"waited {PATIENCE:.0f} s for {what} in vain")
        time.sleep(0.05)


def _ticks() -> Iterator[int]:
    for number in range(READINGS):
        time.sleep(BETWEEN)
        yield number


def _resident(pid: int) -> float:
    """RSS in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _proportional(pid: int) -> float:
    """PSS in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6, 1)


def _peak_of_plan() -> float:
    """The largest RSS of one `appliance plan`, in MB."""
    with subprocess.Popen([*DAEMON[:-1], "plan", "--json"], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`appliance plan` ended with {process.returncode}")
    return round(usage.ru_maxrss * 1024 / 1e6, 1)
