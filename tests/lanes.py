"""Groups of tests side by side, as many as the machine has processors: labs mostly wait, and tests mostly compute.

Groups begin in the order given, each when those it comes ``after`` have ended. Every lane has a lab guest of its own,
since labs in one guest would take each other down.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]
RUNNING: set[int] = set()
"""Process groups of the commands at work, which an interrupted run ends."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tests that run together; ``minutes`` after which they are ended as failed; ``quick``: needs no guest; ``timed``:
    holds daemons to seconds, which a busy machine may not have."""

    name: str
    what: str
    command: tuple[str, ...]
    minutes: int
    quick: bool = False
    after: tuple[str, ...] = ()
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a group went."""

    name: str
    passed: bool
    seconds: float


Perform = Callable[[Group, int, Say], bool]
"""Runs a group in the lane of this number, says its lines, and returns whether it passed."""


class Board:
    """What is still to begin and what has ended; all lanes ask it."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.ended: list[Ended] = []
        self._waiting = list(groups)
        self._asked = {group.name for group in groups}
        self._changed = threading.Condition()

    def take(self) -> Group | None:
        """The first group that may begin, waited for; None when there are no more."""
        with self._changed:
            while self._waiting:
                done = {each.name for each in self.ended}
                ready = [group for group in self._waiting if not (set(group.after) & self._asked) - done]
                if ready:
                    self._waiting.remove(ready[0])
                    return ready[0]
                self._changed.wait()
            return None

    def close(self) -> None:
        """Nothing more begins."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def end(self, how: Ended) -> None:
        with self._changed:
            self.ended.append(how)
            self._changed.notify_all()


def run_lanes(groups: Sequence[Group], lanes: int, perform: Perform, say: Say) -> list[Ended]:
    """Every group runs, even when one before it failed; in the order in which they ended."""
    board = Board(groups)
    several = lanes > 1 and len(groups) > 1

    def go(lane: int) -> None:
        while group := board.take():
            prefix = f"[{group.name}] " if several else ""
            say(f"{prefix}== {group.what}")
            begun = time.monotonic()
            passed = perform(group, lane, lambda line, prefix=prefix: say(prefix + line))  # type: ignore[misc]
            ended = Ended(group.name, passed, time.monotonic() - begun)
            board.end(ended)
            say(f"{prefix}== {'ok' if passed else 'FAILED'} after {ended.seconds:.0f} s")

    threads = [threading.Thread(target=go, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        board.close()
        for command in tuple(RUNNING):
            os.killpg(command, signal.SIGTERM)
        raise
    return board.ended


def run_command(command: Sequence[str], given: bytes, environment: dict[str, str], minutes: float, say: Say) -> bool:
    """Whether it ended with 0 in time; its lines are said as they come. It and what it started end with the time."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
        start_new_session=True,
    )
    out_of_time = threading.Event()

    def end() -> None:
        out_of_time.set()
        os.killpg(process.pid, signal.SIGKILL)

    RUNNING.add(process.pid)
    timer = threading.Timer(minutes * 60, end)
    timer.start()
    feeder = threading.Thread(target=_feed, args=(process, given))
    feeder.start()
    try:
        assert process.stdout
        for line in process.stdout:
            say(line.decode(errors="replace").rstrip("\n"))
        code = process.wait()
    finally:
        RUNNING.discard(process.pid)
        timer.cancel()
        feeder.join()
    if out_of_time.is_set():
        say(f"not done within {minutes} minutes")
    return code == 0


def _feed(process: subprocess.Popen[bytes], given: bytes) -> None:
    assert process.stdin
    try:
        process.stdin.write(given)
        process.stdin.close()
    except BrokenPipeError:  # it did not want its input
        pass
