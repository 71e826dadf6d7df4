"""What ``make check`` and ``make test`` run, group by group, with the time each took.

    python -m tests.groups            all
    python -m tests.groups --quick    what takes seconds and needs no guest
    python -m tests.groups NAME...    some

Every group runs even when one before it failed; the exit code is 1 when any failed.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not guest")
PYTEST = (PYTHON, "-m", "pytest")
RESULTS = ROOT / "build" / "host-tests.xml"
LISTED = f"cat > /tmp/doors && exec timeout 1100 python3 -m pytest {shlex.join(OPTIONS)} @/tmp/doors"
"""The list comes as input, and goes into a file: pytest reads its arguments more than once."""
IN_GUEST = (PYTHON, "-m", "tests.lab.in_guest", "sh", "-c")
DOORS = "tests/contracts"


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that run together; ``minutes`` after which they are ended as failed."""

    name: str
    what: str
    command: tuple[str, ...]
    minutes: int
    quick: bool = False


GROUPS = (
    Group("host", "unit, pipeline, style, types", (*PYTEST, *OPTIONS, f"--junitxml={RESULTS}", "tests"), 10, True),
    Group("doors", "the real doors and what this kernel lacks, in the guest", (*IN_GUEST, LISTED), 20),
    Group("engine", "the lab engine itself", (*PYTEST, "-q", "-p", "no:cacheprovider", "-m", "guest", "tests"), 10),
    Group("labs", "every lab's checks", (PYTHON, "-m", "appliance.cli.main", "lab", "run", "all"), 25),
)


def main(words: list[str]) -> int:
    """Returns the exit code."""
    wanted = [group for group in GROUPS if not words or group.name in words or (group.quick and "--quick" in words)]
    if not wanted:
        print(f"groups: {', '.join(group.name for group in GROUPS)}", file=sys.stderr)
        return 2
    RESULTS.parent.mkdir(exist_ok=True)
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
    """Whether the group passed. The doors' tests go in as a list; no other group reads its input."""
    given = "\n".join([DOORS, *skipped_tests()]) if group.name == "doors" else ""
    try:
        done = subprocess.run(
            group.command, cwd=ROOT, check=False, input=given.encode() + b"\n", timeout=group.minutes * 60
        )
    except subprocess.TimeoutExpired:
        print(f"{group.name}: not done within {group.minutes} minutes", file=sys.stderr)
        return False
    return done.returncode == 0


def skipped_tests() -> list[str]:
    """The tests this host could not run: its kernel lacks what they need, or a program does."""
    try:
        cases = list(ElementTree.parse(RESULTS).iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):  # the host's tests did not run, or were killed
        return []
    names = [(case.get("classname", ""), case.get("name", "")) for case in cases if case.find("skipped") is not None]
    found = [f"{module.replace('.', '/')}.py::{name}" for module, name in names]
    return sorted({name for name in found if not name.startswith(DOORS)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
