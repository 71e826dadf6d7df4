"""What a lab's ``checks.py`` is written with: checks with a timeout and a sentence each, nodes, and waiting.

    from checking import check, main, node, wait_for

    @check(timeout=20)
    def both_ends_answer() -> None:
        '''The LAN host reaches the VPC host.'''
        node("lan").run("ping -c 1 -W 1 10.0.0.10")

    main()

Checks run in the order they are written. One passes when it returns (a number it returns is the longest gap in
milliseconds) and fails when it raises, which ``Failed``, ``assert`` and a command's bad end do. ``appliance lab run``
starts this program on the machine that holds the lab; ``LAB`` and ``LAB_STATE`` name the lab and its state folder.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000


class Failed(Exception):
    """What a check found instead of what must hold."""


class _OutOfTime(BaseException):
    """Not an Exception: a check that swallows those must still end."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    name: str
    sentence: str
    timeout: float
    run: Callable[[], Any]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its output, which is JSON."""
        return json.loads(self.out)


CHECKS: list[Check] = []


def check(timeout: float = 30.0) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a check: its name is the function's, its sentence the docstring's first line."""

    def register(function: Callable[[], Any]) -> Callable[[], Any]:
        sentence = (function.__doc__ or function.__name__).strip().splitlines()[0]
        CHECKS.append(Check(function.__name__.replace("_", "-"), sentence, timeout, function))
        return function

    return register


@dataclass(frozen=True)
class LabNode:
    """A node of the lab this program checks."""

    name: str

    @property
    def folder(self) -> Path:
        return Path(os.environ["LAB_STATE"]) / "nodes" / self.name

    def command(self, *words: str) -> list[str]:
        """The arguments that run a command in the node: one string is split as a shell splits words."""
        parts = shlex.split(words[0]) if len(words) == 1 else list(words)
        return [str(self.folder / "enter"), *parts]

    def run(self, *words: str, given: str | None = None, ok: bool = True, timeout: float | None = None) -> Done:
        """Run to the end; ``ok``: a bad end fails the check."""
        done = subprocess.run(
            self.command(*words),
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            errors="replace",
        )
        if ok and done.returncode:
            said = (done.stderr or done.stdout).strip()[-400:]
            raise Failed(f"{self.name}: {' '.join(words)!r} ended with {done.returncode}: {said}")
        return Done(done.returncode, done.stdout, done.stderr)

    def shell(self, script: str, **options: Any) -> Done:
        """Run a shell text."""
        return self.run("sh", "-c", script, **options)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start, and go on: the caller ends it."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
        return subprocess.Popen(self.command(*words), text=True, errors="replace", **options)

    @property
    def log(self) -> str:
        """What the node's command printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets opened in this block (scapy's too) are the node's: the calling thread enters its network."""
        pid = (self.folder / "pid").read_text().strip()
        with open("/proc/self/ns/net") as own, open(f"/proc/{pid}/ns/net") as its:
            os.setns(its.fileno(), CLONE_NEWNET)
            try:
                yield
            finally:
                os.setns(own.fileno(), CLONE_NEWNET)


def node(name: str) -> LabNode:
    """The node of that name."""
    found = LabNode(name)
    if not found.folder.is_dir():
        raise Failed(f"the lab has no node {name}")
    return found


def wait_for(predicate: Callable[[], Any], timeout: float, what: str, every: float = 0.1) -> Any:
    """The first true value of the predicate; fails with ``what`` was awaited. A raise of it counts as not yet."""
    deadline, last = time.monotonic() + timeout, ""
    while True:
        try:
            if value := predicate():
                return value
            last = ""
        except Exception as error:  # noqa: BLE001 - what is awaited may not answer at all yet
            last = f" ({error})"
        if time.monotonic() > deadline:
            raise Failed(f"not within {timeout:g} s: {what}{last}")
        time.sleep(every)


def main() -> None:
    """Run the checks; with names as arguments only those. Exit code 1 when one fails."""
    wanted = [check for check in CHECKS if not sys.argv[1:] or check.name in sys.argv[1:]]
    _tell({"plan": [{"name": check.name, "timeout": check.timeout} for check in wanted]})
    passed = [_judge(check) for check in wanted]
    sys.exit(0 if all(passed) else 1)


def _judge(check: Check) -> bool:
    begun, message, gap = time.monotonic(), check.sentence, None
    try:
        with _within(check.timeout):
            found = check.run()
        gap = float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
        passed = True
    except _OutOfTime:
        passed, message = False, f"{check.sentence} Not decided within {check.timeout:g} s."
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a check is the check's failure
        passed, message = False, f"{check.sentence} But: {' '.join(str(error).split()) or type(error).__name__}"
    _tell(
        {
            "name": check.name,
            "passed": passed,
            "seconds": round(time.monotonic() - begun, 2),
            "message": message,
            "gap_ms": gap,
        }
    )
    return passed


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def ring(_number: int, _frame: Any) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _tell(line: dict[str, Any]) -> None:
    data = json.dumps(line) + "\n"
    if "LAB_REPORT" in os.environ:
        os.write(int(os.environ["LAB_REPORT"]), data.encode())
    else:
        sys.stdout.write(data)
        sys.stdout.flush()
