"""C1: one tunnel of many is changed, by the running daemon and by tools that know whole files only.

Runs in the lab's image on this machine's own kernel and processor (``native-box``): charon and FRR are real; as this
kernel has no XFRM links, VXLAN links stand in for them.

The tunnel gets other inside addresses and another cipher, so that the kernel, FRR and charon each have something to
change. Ours is the order that `appliance apply` gives to the daemon, over its socket, until the daemon says that it is
done: it reads and checks the intent, compares with every system, and changes what differs. Each order finds it at rest,
as an operator's does, when the pass after the order before is over. Theirs is what people run:
``swanctl --load-all``, ``frr-reload.py`` and ``ip -batch`` with files that were made before, sum of the three.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.control.channel import FILE, order_daemon
from appliance.control.wire import render_order
from appliance.daemon.passes import parse_loaded, resolve_secrets
from appliance.daemon.wiring import open_systems
from appliance.model.order import Commit
from tests.bench.box import empty, spent, timed
from tests.bench.rows import Row, middle, spread
from tests.bench.site import CONFIG, Native, site_text, write_native, write_site
from tests.bench.standins import numbered, stand_in

BARS = {10: 1.0, 100: 1.0, 1000: 100.0}
"""Promised for the last; the others show how it grows."""
OURS_TIMES = {10: 10, 100: 10, 1000: 10}
THEIR_TIMES = {10: 5, 100: 3, 1000: 3}
BUDGET = 540.0
"""Seconds for all of it: what would take longer is not begun."""
GROWTH = 12.0
"""How many times longer ten times the tunnels take, with fewer repeats: the guess by which that is told."""
RELOAD = ("/usr/lib/frr/frr-reload.py", "--reload", "--stdout")
DAEMON = (sys.executable, "-m", "tests.bench.standins", "run")
ONCE = (sys.executable, "-m", "tests.bench.standins", "once")


def measure() -> list[Row]:
    """A row for each number of tunnels that the time allows."""
    stand_in()
    rows, ends, took = [], time.monotonic() + BUDGET, 0.0
    for tunnels, bar in BARS.items():
        if time.monotonic() + took * GROWTH > ends:
            _say(f"{tunnels} tunnels: not begun, it would take more than the {BUDGET:.0f} s there are")
            break
        begun = time.monotonic()
        rows.append(_row(tunnels, bar))
        took = time.monotonic() - begun
    return rows


def _row(tunnels: int, bar: float) -> Row:
    natives = [_prepared(tunnels, changed) for changed in (0, None)]
    empty(natives[1].machine_wide)
    bringing_up, _ = timed([*ONCE])
    _say(f"{tunnels} tunnels stand after {bringing_up:.0f} s")
    with _daemon() as process:
        ours = [asyncio.run(_ordered(tunnels, turn, process)) for turn in range(OURS_TIMES[tunnels])]
        nothing = asyncio.run(_ordered(tunnels, OURS_TIMES[tunnels] - 1, process))
    theirs = [_reloaded(natives[turn % 2]) for turn in range(THEIR_TIMES[tunnels])]
    chance = random.Random(tunnels)
    ratios = [sum(slow.values()) / chance.choice(ours) for slow in theirs for _ in ours]
    peers = {"ours, s": middle(ours), "the same order again, nothing to do, s": round(nothing, 3)}
    peers |= {f"{name}, s": middle([sample[name] for sample in theirs]) for name in theirs[0]}
    what = f"one changed tunnel of {tunnels}: swanctl --load-all, frr-reload.py and ip -batch / the running daemon"
    cold = bringing_up / middle(ours)
    control = f"all {tunnels} tunnels from nothing, by us: {cold:.1f} times one change"
    return Row(f"C1-{tunnels}", what, middle(ratios), bar, "higher", spread(ratios), peers, control)


def _prepared(tunnels: int, changed: int | None) -> Native:
    """Native files of the site."""
    write_site(tunnels)
    (CONFIG / "intent.yaml").write_text(_text(tunnels, changed))
    native = write_native(Path(f"/tmp/native-{'as-it-was' if changed is None else 'changed'}"))
    batch = native.folder / "ip"
    batch.write_text("\n".join(_again(batch.read_text().splitlines())) + "\n")
    return native


def _text(tunnels: int, changed: int | None) -> str:
    return numbered(site_text(tunnels, changed=changed))


def _again(lines: list[str]) -> Iterator[str]:
    """The batch for a machine on which most of it stands."""
    for line in lines:
        if not line.startswith("link add "):
            yield line.replace(" add ", " replace ", 1)


async def _ordered(tunnels: int, turn: int, daemon: subprocess.Popen[bytes]) -> float:
    systems = open_systems()
    text = _text(tunnels, None if turn % 2 else 0)
    secrets = resolve_secrets(systems, parse_loaded(text, "bench").intent)
    line = render_order(Commit(text, "bench", systems.store.read_intent(), secrets=secrets))
    _rest(daemon)
    begun = time.perf_counter()
    made = await order_daemon(systems.store.run_dir / FILE, line, lambda _: None)
    seconds = time.perf_counter() - begun
    if any(one.error for one in made):
        raise RuntimeError(next(one.error for one in made if one.error))
    _say(f"{tunnels} tunnels, one changed: {seconds:.3f} s, {len(made)} steps")
    return seconds


def _reloaded(native: Native) -> dict[str, float]:
    file = {path.name: str(path) for path in native.folder.iterdir()}
    commands = {
        "swanctl --load-all": ["swanctl", "--load-all", "--noprompt", "--file", file["swanctl"]],
        "frr-reload.py": [*RELOAD, file["frr"]],
        "ip -batch": ["ip", "-batch", file["ip"]],
    }
    found = {name: timed(command)[0] for name, command in commands.items()}
    _say(", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.items()))
    return found


AT_REST, A_WHILE, PATIENCE = 0.5, 1.0, 30.0
"""The share of a core that a daemon takes at most which does nothing but watch a thousand tunnels that nobody answers;
over how many seconds; and for how long at most that is waited for."""


def _rest(daemon: subprocess.Popen[bytes]) -> None:
    """Wait until the daemon has done what the last order left it to do."""
    ends = time.monotonic() + PATIENCE
    while True:
        before = spent(daemon.pid)
        time.sleep(A_WHILE)
        if spent(daemon.pid) - before < AT_REST * A_WHILE or time.monotonic() > ends:
            return


@contextmanager
def _daemon() -> Iterator[subprocess.Popen[bytes]]:
    """`appliance run`, once it has nothing to do."""
    log = Path("/var/log/bench-daemon")
    with log.open("w") as out, subprocess.Popen(DAEMON, stdout=out, stderr=out) as process:
        try:
            ends = time.monotonic() + 120
            while not Path("/run/appliance", FILE).exists():
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"the daemon does not run: {log.read_text()}")
                time.sleep(0.1)
            time.sleep(3)  # its first pass; an order would only wait for it
            yield process
        finally:
            process.terminate()


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
