"""``appliance run``: the daemon."""

from __future__ import annotations

import asyncio
import signal
import sys

import click

from appliance.cli.output import say
from appliance.daemon.loop import keep_converged
from appliance.daemon.wiring import open_systems

YIELD_WITHIN = 0.001
"""Seconds after which a thread that draws or compares lets those pass that probe and switch (Python's default is 5 ms,
which a switch pays at every call of the system)."""


@click.command("run")
def command() -> None:
    """Keep this machine what its last applied intent says, until told to stop (SIGTERM).

    Mends what somebody took away, applies again after a daemon's restart, and protects every prefix as it is learned.
    """
    asyncio.run(_run())


async def _run() -> None:
    sys.setswitchinterval(YIELD_WITHIN)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await keep_converged(open_systems(), lambda text: say(f"appliance: {text}"), stop)
