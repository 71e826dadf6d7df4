"""C9: `appliance import` of the largest real document beside a bare Python, both as commands, in shuffled order."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.rows import Row, middle, spread

ROUNDS = 25
BAR = 8.0
DOCUMENT = Path("tests/pipeline/aws-describe-options/document.json")
COMMANDS: Mapping[str, Sequence[str]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "import": (sys.executable, "-m", "appliance.cli.main", "import", str(DOCUMENT)),
    "control": (sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"),
}


def measure() -> list[Row]:
    """One row: the ratio of processor times, which a busy machine does not change, of each round."""
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for name in COMMANDS:
        processor_seconds(COMMANDS[name])  # the first one writes the bytecode
    for _ in range(ROUNDS):
        for name in random.sample(sorted(COMMANDS), len(COMMANDS)):
            found[name].append(processor_seconds(COMMANDS[name]))
    ratios = [ours / bare for ours, bare in zip(found["import"], found["python -c pass"], strict=True)]
    control = [slow / bare for slow, bare in zip(found["control"], found["python -c pass"], strict=True)]
    peers = {name: middle(times) for name, times in found.items() if name != "control"}
    ended = "fails as it must" if middle(control) > BAR else "PASSES"
    told = f"a command that takes a second: {middle(control):g}, {ended}"
    what = f"`appliance import` of {DOCUMENT.stat().st_size // 1000} kB, with the start of Python / `python -c pass`"
    return [Row("C9", what, middle(ratios), BAR, "lower", spread(ratios), peers, told)]


def processor_seconds(command: Sequence[str]) -> float:
    """Processor time of the command and of what it starts."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
