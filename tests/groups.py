"""What ``make check`` and ``make test`` run, group by group, with the time each took.

    python -m tests.groups            all
    python -m tests.groups --quick    what takes seconds and needs no guest
    python -m tests.groups NAME...    some

Every group runs even when one before it failed; the exit code is 1 when any failed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
OPTIONS = ("-q", "-p", "no:cacheprovider")
PYTEST = (PYTHON, "-m", "pytest", *OPTIONS)
BUILD = ROOT / "build"
ON_HOST = ("-m", "not guest and not frr and not image", f"--junitxml={BUILD / 'host-tests.xml'}", "tests")
WITH_FRR = ("-m", "frr", f"--junitxml={BUILD / 'frr-tests.xml'}", "tests/frr", "tests/contracts/test_frr.py")
AS_ROOT = () if os.geteuid() == 0 else ("sudo",)
"""Network namespaces take root; no file that Python writes for itself is left behind as root's."""
IN_GUEST = (PYTHON, "-m", "tests.lab.in_guest", "sh", "-c")
LISTED = f"cat > /tmp/doors && exec timeout 1100 python3 -m pytest {shlex.join(OPTIONS)} -m 'not guest' @/tmp/doors"
"""The list comes as input, and goes into a file: pytest reads its arguments more than once."""
DOORS = "tests/contracts"
LABS = ("aws-bgp-ecmp",)
"""Those that end the same on a busy machine too; `make labs` and `make soak` run every lab."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that run together; ``minutes`` after which they are ended as failed."""

    name: str
    what: str
    command: tuple[str, ...]
    minutes: int
    quick: bool = False


GROUPS = (
    Group("host", "unit, pipeline, style, types", (*PYTEST, *ON_HOST), 10, True),
    Group("frr", "the real FRR of Debian 13, in network namespaces", (*PYTEST, *WITH_FRR), 15),
    Group("doors", "the real doors and what this kernel lacks, in the guest", (*IN_GUEST, LISTED), 20),
    Group("engine", "the lab engine itself", (*PYTEST, "-m", "guest", "tests"), 10),
    Group("labs", "the labs' checks", (PYTHON, "-m", "appliance.cli.main", "lab", "run", "--quick", *LABS), 25),
)


def main(words: list[str]) -> int:
    """Returns the exit code."""
    wanted = [group for group in GROUPS if not words or group.name in words or (group.quick and "--quick" in words)]
    if not wanted:
        print(f"groups: {', '.join(group.name for group in GROUPS)}", file=sys.stderr)
        return 2
    BUILD.mkdir(exist_ok=True)
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
    given = "\n".join(guest_tests()) if group.name == "doors" else ""
    before = frr_rooted() if group.name == "frr" else ()
    try:
        done = subprocess.run(
            (*before, *group.command), cwd=ROOT, check=False, input=given.encode() + b"\n", timeout=group.minutes * 60
        )
    except subprocess.TimeoutExpired:
        print(f"{group.name}: not done within {group.minutes} minutes", file=sys.stderr)
        return False
    return done.returncode == 0


def frr_rooted() -> tuple[str, ...]:
    """What goes before a command that runs the FRR of the root built for tools, whatever FRR this host has."""
    with (BUILD / "tools.log").open("wb") as log:
        done = subprocess.run(
            (PYTHON, "images/build.py", "tools"), cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=log
        )
    if done.returncode:
        print(f"the root with FRR was not built: {log.name}", file=sys.stderr)
        return ("false",)
    folder = done.stdout.decode().strip()
    return (*AS_ROOT, "env", "PYTHONDONTWRITEBYTECODE=1", f"FRR_ROOT={folder}/root")


def guest_tests() -> list[str]:
    """The doors' suites, since the guest's kernel is the product's, and what this host could not run. FRR's is the
    product's own on the host too."""
    doors = {f"{DOORS}/{path.name}" for path in (ROOT / DOORS).glob("test_*.py")} - {f"{DOORS}/test_frr.py"}
    lacking = skipped_tests(BUILD / "host-tests.xml") | skipped_tests(BUILD / "frr-tests.xml")
    return sorted(doors | {name for name in lacking if name.partition("::")[0] not in doors})


def skipped_tests(results: Path) -> set[str]:
    """The tests this host could not run: its kernel lacks what they need, or a program does."""
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):  # these tests did not run, or were killed
        return set()
    names = [(case.get("classname", ""), case.get("name", "")) for case in cases if case.find("skipped") is not None]
    return {f"{module.replace('.', '/')}.py::{name}" for module, name in names}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
