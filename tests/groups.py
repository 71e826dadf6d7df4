"""What ``make check`` and ``make test`` run, group by group, with the time each took.

    python -m tests.groups            all
    python -m tests.groups --quick    what takes seconds and needs no guest
    python -m tests.groups NAME...    some; ``labs``: every lab

Groups run side by side (``LANES=1``: one after the other), each even when another failed. Labs hold real daemons to
seconds: one that failed beside another group runs once more with the machine to itself, and the table shows both. The
exit code is 1 when any group failed at last.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from appliance.lab.guest import STATE_VARIABLE, Guest
from tests.lanes import Group, Say, run_command, run_lanes

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
OPTIONS = ("-q", "-p", "no:cacheprovider")
PYTEST = (PYTHON, "-m", "pytest", *OPTIONS)
BUILD = ROOT / "build"
ON_HOST = ("-m", "not guest and not frr and not image", f"--junitxml={BUILD / 'host-tests.xml'}", "tests")
WITH_FRR = ("-m", "frr", "tests/frr", "tests/contracts/test_frr.py")
BESIDE = (PYTHON, "-m", "tests.side_by_side", "3", f"{BUILD / 'frr-tests.xml'}", *OPTIONS)
"""FRR's tests mostly wait for timers, so several files run at once."""
IN_PEACE = ("nice", "-n", "10")
"""Labs beside it hold daemons to seconds."""
TWO = (PYTHON, "-m", "tests.side_by_side", "2", f"{BUILD / 'image-tests.xml'}", *OPTIONS)
"""A machine that starts keeps one processor busy, and so does a build."""
EMBEDDED = "tests/image/test_boot.py::test_another_machine_gets_a_whole_intent_with_an_embedded_speaker"
"""One more first boot, for `make test-image`."""
MOST_LANES = 4
"""Each has a guest of 3 GB."""
AS_ROOT = () if os.geteuid() == 0 else ("sudo",)
"""Network namespaces take root; no file that Python writes for itself is left behind as root's."""
IN_GUEST = (PYTHON, "-m", "tests.lab.in_guest", "sh", "-c")
LISTED = f"cat > /tmp/doors && exec timeout 1100 python3 -m pytest {shlex.join(OPTIONS)} -m 'not guest' @/tmp/doors"
"""The list comes as input, and goes into a file: pytest reads its arguments more than once."""
DOORS = "tests/contracts"
LABS = {
    "aws-bgp-ecmp": ("aws-bgp-ecmp",),
    "aws-plus-alibaba": ("aws-plus-alibaba",),
    "exabgp-ecmp": ("exabgp-ecmp",),
    "aws-tgw-4-tunnels": ("aws-tgw-4-tunnels",),
    "aws-static-failover": ("--quick", "aws-static-failover"),
    "alibaba-single-egress-policy": ("alibaba-single-egress-policy",),
    "alibaba-dual-egress-bgp": ("alibaba-dual-egress-bgp",),
    "aws-bgp-ecmp-exabgp": ("--quick", "--speaker", "exabgp", "aws-bgp-ecmp"),
    "alibaba-single-egress-bgp": ("alibaba-single-egress-bgp",),
    "aws-ipv6": ("aws-ipv6",),
    "linode-aws-static": ("linode-aws-static",),
    "alibaba-dual-egress-static": ("alibaba-dual-egress-static",),
    "alibaba-single-tunnel": ("alibaba-single-tunnel",),
}
"""Group -> what `appliance lab run` is told: every lab, the longest first, and the main one with either speaker. What
``--quick`` leaves out of the static one is shown with BGP, and by `make labs`."""


def lab(name: str) -> Group:
    command = (PYTHON, "-m", "appliance.cli.main", "lab", "run", *LABS[name])
    return Group(name, f"appliance lab run {' '.join(LABS[name])}", command, 25, timed=True)


LONGEST, *OTHERS = LABS


ALL_BUT_LAST = (
    lab(LONGEST),
    Group("host", "unit, pipeline, style, types", (*PYTEST, *ON_HOST), 15, True),
    Group("frr", "the real FRR of Debian 13, in network namespaces", (*BESIDE, *WITH_FRR), 15),
    Group(
        "doors",
        "the real doors, and what this kernel lacks, in the guest",
        (*IN_GUEST, LISTED),
        20,
        False,
        ("host", "frr"),
    ),
    Group("engine", "the lab engine itself", (*PYTEST, "-m", "guest", "tests"), 10),
    Group("build", "the machine image is built", (*IN_PEACE, PYTHON, "images/disk.py", "--disk", "--if-changed"), 20),
    *map(lab, OTHERS),
)
"""The longest first, so that no lane is left with it at the end."""
LAST = Group(
    "image",
    "the machine image is built again, and boots: BIOS, UEFI, clouds, power cuts, its console",
    (*TWO, "-m", "image", "tests/image", "--deselect", EMBEDDED),
    25,
    after=tuple(group.name for group in ALL_BUT_LAST),
    timed=True,
)
"""It brings machines of its own, and has this one to itself."""
GROUPS = (*ALL_BUT_LAST, LAST)


def main(words: list[str]) -> int:
    """Returns the exit code."""
    labs = set(LABS) if "labs" in words else set()
    wanted = [
        group for group in GROUPS if not words or group.name in {*words, *labs} or (group.quick and "--quick" in words)
    ]
    if not wanted:
        print(f"groups: labs, {', '.join(group.name for group in GROUPS)}", file=sys.stderr)
        return 2
    BUILD.mkdir(exist_ok=True)
    begun = time.monotonic()
    lanes = min(int(os.environ.get("LANES") or len(os.sched_getaffinity(0))), MOST_LANES, len(wanted))
    ended = run_lanes(wanted, lanes, run, show)
    for lane in range(1, lanes):
        guest_of(lane).stop()
    failed = {each.name for each in ended if not each.passed}
    again = [group for group in wanted if group.timed and group.name in failed] if lanes > 1 else []
    if again:
        show(f"\nonce more, alone: {', '.join(group.name for group in again)}")
    alone = run_lanes(again, 1, run, show)
    print("\ngroup                         seconds")
    for each in ended:
        print(f"{each.name:28} {each.seconds:8.1f}  {'ok' if each.passed else 'FAILED'}")
    for each in alone:
        print(f"{each.name + ', alone':28} {each.seconds:8.1f}  {'ok' if each.passed else 'FAILED'}")
    print(f"{'all':28} {time.monotonic() - begun:8.1f}")
    failed -= {each.name for each in alone if each.passed}
    print(f"groups: {len(ended) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def show(line: str) -> None:
    print(line, flush=True)


def run(group: Group, lane: int, say: Say) -> bool:
    """Whether the group passed. The doors' tests go in as a list; no other group reads its input."""
    given = "\n".join(guest_tests()) if group.name == "doors" else ""
    before = frr_rooted() if group.name == "frr" else ()
    guest = {STATE_VARIABLE: str(guest_of(lane).state)}
    return run_command((*before, *group.command), given.encode() + b"\n", guest, group.minutes, say)


def guest_of(lane: int) -> Guest:
    """The lab guest of a lane; the first lane's is the one that `appliance lab` uses."""
    guest = Guest(ROOT)
    if lane:
        guest.state = guest.state.with_name(f"{guest.state.name}-{lane + 1}")
    return guest


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
