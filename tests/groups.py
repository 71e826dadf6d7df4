"""What ``make check`` and ``make test`` run, group by group, with the time each took.

    python -m tests.groups            all
    python -m tests.groups --quick    what takes seconds and needs no guest
    python -m tests.groups NAME...    some

Every group runs even when one before it failed; the exit code is 1 when any failed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider")
DOORS = (
    "tests/contracts",
    "tests/firewall",
    "tests/frr",
    "tests/ipsec",
    "tests/kernel",
    "tests/sysctl",
    "tests/history",
)
IN_GUEST = (PYTHON, "-m", "tests.lab.in_guest", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that run together; ``minutes`` after which they are ended as failed."""

    name: str
    what: str
    command: tuple[str, ...]
    minutes: int
    quick: bool = False


GROUPS = (
    Group("host", "unit, pipeline, style and types", (*PYTEST, "-m", "not guest", "tests"), 10, quick=True),
    Group("doors", "each door against the real thing, in the guest", (*IN_GUEST, "-m", "not guest", *DOORS), 15),
    Group("engine", "the lab engine itself", (*PYTEST, "-m", "guest", "tests"), 10),
    Group("labs", "every lab's checks", (PYTHON, "-m", "appliance.cli.main", "lab", "run", "all"), 20),
)


def main(words: list[str]) -> int:
    """Returns the exit code."""
    wanted = [group for group in GROUPS if not words or group.name in words or (group.quick and "--quick" in words)]
    if not wanted:
        print(f"groups: {', '.join(group.name for group in GROUPS)}", file=sys.stderr)
        return 2
    rows = []
    for group in wanted:
        print(f"\n== {group.name}: {group.what}", flush=True)
        begun = time.monotonic()
        rows.append((group.name, run(group), time.monotonic() - begun))
    print("\ngroup      seconds")
    for name, ok, seconds in rows:
        print(f"{name:10} {seconds:7.1f}  {'ok' if ok else 'FAILED'}")
    print(f"{'all':10} {sum(seconds for _name, _ok, seconds in rows):7.1f}", flush=True)
    return 0 if all(ok for _name, ok, _seconds in rows) else 1


def run(group: Group) -> bool:
    """Whether the group passed; pytest's 5 (nothing to run) is no failure."""
    try:
        done = subprocess.run(group.command, cwd=ROOT, check=False, timeout=group.minutes * 60)
    except subprocess.TimeoutExpired:
        print(f"{group.name}: not done within {group.minutes} minutes", file=sys.stderr)
        return False
    return done.returncode in (0, 5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
