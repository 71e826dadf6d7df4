"""A key that a person types, on a terminal of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

KEY = "This.key.is.fake.and.typed_1"
PROGRAM = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from appliance.cli.keys import read_key
print(len(read_key("vpc-1").reveal()))
"""


@contextmanager
def at_a_terminal() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program that reads a key, and its terminal."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as program:  # fmt: skip
        os.close(theirs)
        try:
            yield program, ours
        finally:
            program.kill()
            os.close(ours)


def shown(terminal: int, until: str, within: float = 60.0) -> str:
    """What the terminal shows, up to these words."""
    seen, end = "", monotonic() + within
    while until not in seen:
        assert select.select([terminal], [], [], max(0.0, end - monotonic()))[0], f"no {until!r} in {seen!r}"
        seen += os.read(terminal, 4096).decode()
    return seen


def test_a_typed_key_is_asked_for_twice_and_never_shown() -> None:
    with at_a_terminal() as (program, terminal):
        seen = shown(terminal, "new pre-shared key of vpc-1: ")
        os.write(terminal, f"{KEY}\n".encode())
        seen += shown(terminal, "Repeat for confirmation: ")
        os.write(terminal, f"{KEY}\n".encode())
        assert program.stdout is not None
        assert program.stdout.read().strip() == str(len(KEY))
        while select.select([terminal], [], [], 0)[0]:
            try:
                seen += os.read(terminal, 4096).decode()
            except OSError:  # nobody has the other end any more
                break
    assert KEY not in seen
