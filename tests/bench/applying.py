"""C3: an apply from nothing by us, beside the native batch tools with the same objects. Runs in the box.

Both begin with an empty machine and daemons that were just started, and end when everything is loaded: the far ends are
documentation addresses behind an uplink that swallows packets, so neither waits for a handshake, and both ask charon to
start each tunnel (``start_action = start`` in the rendered file). Ours also reads and checks the intent, looks at every
system, plans and writes its journal; the native tools are given finished files. The
control is what scripts do: a process for every object.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from appliance.frr.tree import parse_tree
from tests.bench.box import calibrate, empty, standing, timed
from tests.bench.rows import Row, middle, spread
from tests.bench.site import Native, write_native, write_site

BAR = 1.5
ROUNDS = 30
SECONDS = {1: 110, 10: 130, 100: 210}
"""How long each number of tunnels may take: a round that would not fit is not begun, but for the first."""

CALIBRATION = "calibration loop"
OURS, COMMAND, NATIVE, CONTROL = "ours", "the command with Python's start", "native tools", "a process per object"
SAID = f"measured with {min(SECONDS)} tunnel"
Sample = dict[str, float]


def measure() -> list[Row]:
    """The goal's rows: the worst number of tunnels, and each."""
    rows, drifts = [], []
    control = _say_control(_control(min(SECONDS)))
    for tunnels in SECONDS:
        samples = list(_rounds(tunnels))
        rows += _judge(tunnels, samples, control if tunnels == min(SECONDS) else SAID)
        drifts += [sample[CALIBRATION] for sample in samples]
    parts = [row for row in rows if not row.goal.endswith("-command")]
    worst = max(parts, key=lambda row: row.value)
    drift = {"slowest / fastest round of a calibration loop": round(max(drifts) / min(drifts), 2)}
    what = "cold apply / sum of the native batch tools for the same objects, the worst of 1, 10 and 100 tunnels"
    head = Row("C3", what, worst.value, BAR, "lower", worst.spread, drift, control)
    return [head, *rows]


def _rounds(tunnels: int) -> Iterator[Sample]:
    write_site(tunnels)
    native = write_native(Path("/tmp/native"))
    begun = time.monotonic()
    for number in range(ROUNDS):
        used = time.monotonic() - begun
        if number and used + used / number > SECONDS[tunnels]:
            return
        arms = [_ours, _native]
        random.Random(tunnels + number).shuffle(arms)
        yield _round(native, arms, tunnels)


def _control(tunnels: int) -> Sample:
    """One round of the control beside the native tools."""
    write_site(tunnels)
    return _round(write_native(Path("/tmp/native")), [_native, _a_process_each], tunnels)


def _round(native: Native, arms: Sequence[Callable[[Native], Sample]], tunnels: int) -> Sample:
    sample = {CALIBRATION: calibrate()}
    for arm in arms:
        empty(native.machine_wide)
        sample |= arm(native)
        _expect_all(arm.__name__, tunnels)
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in sample.items())
    print(f"  {tunnels} tunnels, seconds: {told}", file=sys.stderr, flush=True)
    return sample


def _ours(native: Native) -> Sample:
    whole, told = timed([sys.executable, "-m", "tests.bench.once"])
    return {OURS: float(told), COMMAND: whole}


def _native(native: Native) -> Sample:
    tools = {name: timed(command)[0] for name, command in native.commands().items()}
    return {NATIVE: sum(tools.values()), **tools}


def _a_process_each(native: Native) -> Sample:
    commands = [["nft", "-f", str(native.folder / "nft")]]
    commands += [["ip", *line.split()] for line in _lines(native, "ip")]
    commands += [["sysctl", "-q", "-w", line.replace(" ", "")] for line in _lines(native, "sysctl")]
    commands += [native.commands()["swanctl --load-all"]]
    for where, lines in parse_tree((native.folder / "frr").read_text()).items():
        entrance = [word for header in ("configure terminal", *where) for word in ("-c", header)]
        commands += [["vtysh", *entrance, "-c", line] for line in lines]
    return {CONTROL: sum(timed(command)[0] for command in commands)}


def _lines(native: Native, name: str) -> list[str]:
    return (native.folder / name).read_text().splitlines()


def _expect_all(arm: str, tunnels: int) -> None:
    """Every arm must have made the same objects, by the word of tools that are not ours."""
    found = standing()
    once = {"tables": 1, "blackholes": (tunnels + 1) // 2}
    wanted = {kind: once.get(kind, tunnels) for kind in found}
    if found != wanted:
        raise RuntimeError(f"{arm} left {found}, not {wanted}")


def _judge(tunnels: int, samples: list[Sample], control: str) -> list[Row]:
    ratios = [sample[OURS] / sample[NATIVE] for sample in samples]
    whole = [sample[COMMAND] / sample[NATIVE] for sample in samples]
    medians = {f"{name}, s": middle([sample[name] for sample in samples]) for name in samples[0] if name != CALIBRATION}
    fastest = min(sample[OURS] for sample in samples) / min(sample[NATIVE] for sample in samples)
    peers = {**medians, "ratio of the fastest rounds of each": round(fastest, 3), "rounds": len(samples)}
    many = f"{tunnels} tunnel{'s' if tunnels > 1 else ''}"
    return [
        Row(f"C3-{tunnels}", f"the same, {many}", middle(ratios), BAR, "lower", spread(ratios), peers, control),
        Row(
            f"C3-{tunnels}-command", f"`appliance apply` as a command, {many}, with the start of Python, / the same",
            middle(whole), BAR, "lower", spread(whole), {}, control,
        ),
    ]  # fmt: skip


def _say_control(sample: Sample) -> str:
    ratio = sample[CONTROL] / sample[NATIVE]
    verdict = "fails as it must" if ratio > BAR else "DOES NOT FAIL: this bar proves nothing"
    return f"{CONTROL}: {ratio:.1f}, {verdict}"
