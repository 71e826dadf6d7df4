"""``make bench``: what we promise in figures, measured in the lab guest, or in network namespaces of this machine where
no IPsec is needed and a guest would only add its own delays. ``python -m tests.bench [GOAL] [--record]``

Writes build/bench.json and prints a table; with ``--record`` also RESULTS.md, goal by goal. The exit code says whether
everything was measured, not whether every goal was met.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.rows import Row, as_data, is_wanted, parse_row, render_results, render_table

ROOT = Path(__file__).resolve().parent.parent.parent
APPLIANCE = (sys.executable, "-m", "appliance.cli.main")
RESULTS = ROOT / "tests/bench/RESULTS.md"
LAB = "bench"
TOPOLOGY = "tests/bench/bench.clab.yml"
GOALS = {
    "C1": "one changed tunnel of many, 5 minutes",
    "C2": "a pass with nothing to do, 2 minutes",
    "C2x": "the same with every daemon real, 6 minutes",
    "C3": "apply beside the native batch tools, some 7 minutes",
    "C4": "removing 500 links at once, 3 minutes",
    "C4x": "removing 500 real XFRM links, 4 minutes",
    "C9": "importing a document as a command, 1 minute",
    "F1": "blackout after a silent cut, 4 minutes",
    "F1-exabgp": "the same with BGP by ExaBGP, 2 minutes",
    "F1-frr": "the same with BGP by FRR, 4 minutes",
    "F2": "switching 100,000 prefixes, 1 minute",
    "F3": "a thousand tunnels watched, 4 minutes",
    "F4": "false failovers, 5 minutes",
    "I1": "the image: time to the first packet, size and memory (I2, I3), 10 minutes",
    "I4": "memory of the daemon, 1 minute",
    "I5": "the idle daemon, 4 minutes",
    "R1": "prefixes learned by the embedded speaker, 6 minutes",
}

BESIDES = {"I1": ("I2", "I3")}
"""What the same run measures."""


def main(words: list[str]) -> int:
    """Returns the exit code."""
    wanted = next((word for word in words if not word.startswith("-")), None)
    goals = wanted_goals(wanted)
    if not goals:
        print(f"no goal {wanted}; there are: {', '.join(GOALS)}", file=sys.stderr)
        return 2
    for goal in goals:
        print(f"{goal}: {GOALS[goal]}", file=sys.stderr)
    rows: list[Row] = []
    for found, where in measured(goals):
        now = [row for row in found if is_wanted(row.goal, wanted) or row.goal in BESIDES.get(wanted or "", ())]
        rows += now
        keep(rows)
        if "--record" in words:
            RESULTS.write_text(render_results(now, where, RESULTS.read_text("utf-8")), "utf-8")
    print(render_table(rows))
    return 0


def wanted_goals(wanted: str | None) -> list[str]:
    """The goal asked for, with its parts that are measured by themselves; or the one of which a row is asked for."""
    named = [goal for goal in GOALS if is_wanted(goal, wanted)]
    return named or [goal for goal in GOALS if is_wanted(str(wanted), goal)]


def keep(rows: list[Row]) -> None:
    """What was measured until now, so that a run that is cut short leaves something."""
    (ROOT / "build").mkdir(exist_ok=True)
    data = json.dumps([as_data(row) for row in rows], indent=1, ensure_ascii=False)
    (ROOT / "build" / "bench.json").write_text(data + "\n", encoding="utf-8")


HERE = ("C1", "C2", "C4", "C9", "F1", "F1-exabgp", "F1-frr", "F2", "F3", "F4", "I1", "R1")
"""Without the guest, in namespaces of their own but for these:"""
AS_IT_IS = ("C9", "I1")
NAMESPACE = (*(() if os.geteuid() == 0 else ("sudo",)), "unshare", "--net", "--mount")
PROCESSES = ("--pid", "--fork", "--kill-child")
PLACES = (str(ROOT), sys.base_prefix, str(Path(sys.prefix).resolve()))


def command_here(goal: str) -> list[str]:
    """How it is measured on this machine; C1 in the lab's image too."""
    command = [sys.executable, "-m", "tests.bench.measuring", goal]
    if goal == "C1":
        return [*NAMESPACE, *PROCESSES, str(ROOT / "tests/bench/native-box"), *PLACES, *command]
    return command if goal in AS_IT_IS else [*NAMESPACE, *command]


def measured(goals: list[str]) -> Iterator[tuple[list[Row], str]]:
    """Goal by goal the rows and the conditions they were measured in."""
    for goal in goals:
        if goal in HERE:
            before = os.getloadavg()[0]
            told = subprocess.run(command_here(goal), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
            guest = "beside a guest that is the cloud" if goal == "I1" else "without a guest"
            where = f"On a machine of {os.cpu_count()} processors, {guest}, {loads(before)}."
            yield [parse_row(data) for data in json.loads(told)], where
    if left := [goal for goal in goals if goal not in HERE]:
        yield from measured_in_guest(left)


def measured_in_guest(goals: list[str]) -> Iterator[tuple[list[Row], str]]:
    """The same, from a box of its own in the guest."""
    take_down()  # what a killed run left
    subprocess.run([*APPLIANCE, "lab", "up", TOPOLOGY], cwd=ROOT, check=True)
    try:
        for goal in goals:
            before = os.getloadavg()[0]
            script = f"cd -P /opt/appliance/current && exec python3 -m tests.bench.measuring {goal}"
            execute = [*APPLIANCE, "lab", "exec", "--lab", LAB, "box", "--", "sh", "-c", script]
            told = subprocess.run(execute, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
            yield [parse_row(data) for data in json.loads(told)], conditions(before)
    finally:
        take_down()


def take_down() -> None:
    """The box goes; the guest stays for the next."""
    command = [*APPLIANCE, "lab", "down", LAB, "--keep-guest"]
    subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.DEVNULL)


def conditions(load: float) -> str:
    """The machine, in a sentence."""
    return f"In the lab guest (2 virtual processors) on a host of {os.cpu_count()} processors, {loads(load)}."


def loads(before: float) -> str:
    """How busy it was."""
    return f"whose load was {before:.1f} at the beginning and {os.getloadavg()[0]:.1f} at the end"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
