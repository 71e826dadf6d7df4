"""One apply from nothing, in a process of its own: ``python -m tests.bench.once [singly]``.

Prints the seconds from the first look at the intent to the last answer of a daemon, imports left out: this is what the
running daemon, which has them, would need. ``singly`` is the control: every change on its own through the same doors.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import time

import jinja2  # noqa: F401  (loaded where it is used first, which would count here)

from appliance.cli.applying import command
from appliance.daemon.converge import carry_out
from appliance.daemon.passes import load_intent, make_wish, prepare, resolve_secrets
from appliance.daemon.planning import answering
from appliance.daemon.wiring import open_systems
from appliance.history.revision import Down


def at_once() -> None:
    """`appliance apply --yes --json`."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        command.main(["--yes", "--json"], standalone_mode=False)


def singly() -> None:
    """The same changes, one call of a door each."""
    asyncio.run(_singly())


async def _singly() -> None:
    systems = open_systems()
    intent = load_intent(systems).intent
    prepared = await prepare(systems, await make_wish(systems, intent, resolve_secrets(systems, intent), Down()))
    doors = await answering(systems, prepared.kinds)
    for change in prepared.changes:
        report = await carry_out([change], doors)
        assert not report.failed, report.failed


def print_seconds() -> None:
    """How long it took."""
    begun = time.perf_counter()
    (singly if sys.argv[1:] == ["singly"] else at_once)()
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    print_seconds()
