"""``appliance status``: what carries, what does not, and why.

The daemon is asked, which has everything at hand; what looking ourselves takes is loaded where it does not answer.
"""

from __future__ import annotations

import json
from time import monotonic, sleep
from typing import Any

import click

from appliance import __version__
from appliance.cli.options import Duration, json_option
from appliance.cli.output import SCHEMA, print_json, say
from appliance.control.asking import SOCKET, ask_status
from appliance.report.text import describe_status

EVERY = 2.0  # seconds between two looks of --watch


@click.command("status")
@click.option("--watch", is_flag=True, help="Look again every two seconds; with --json, a line each.")
@click.option("--check", is_flag=True, help="Print one line and end with 1 unless healthy, for a monitor.")
@click.option("--wait", "wait", type=Duration(), default=None, help="Wait up to TIME until healthy; 1 when it is not.")
@json_option
def command(watch: bool, check: bool, wait: float | None, as_json: bool) -> None:
    """Show every connection, tunnel and prefix, and one sentence for whatever does not carry.

    \b
    Examples
      appliance status
      appliance status --json | jq -r .state
      appliance status --check        for a monitor: exit 0 only when healthy
      appliance status --wait 60s     until healthy
    """
    end = monotonic() + (wait or 0)
    while True:
        status = see_status()
        if watch:
            _show_again(status, as_json)
        elif status["healthy"] or monotonic() >= end:
            break
        sleep(EVERY if watch else min(0.5, max(0.0, end - monotonic())))
    if check and not as_json:
        click.echo(f"{status['site']}: {status['state']}" + (f" — {status['why']}" if status["why"] else ""))
    else:
        show_status(status, as_json)
    if (check or wait is not None) and not status["healthy"]:
        raise click.exceptions.Exit(1)


def see_status() -> dict[str, Any]:
    """The status of this machine now, by the daemon's eyes or, where it does not answer, by our own."""
    return ask_status(SOCKET, __version__) or _look()


def _look() -> dict[str, Any]:
    import asyncio

    from appliance.daemon.telling import read_status
    from appliance.daemon.wiring import open_systems

    return asyncio.run(read_status(open_systems()))


def show_status(status: dict[str, Any], as_json: bool) -> None:
    """For programs or for people."""
    if as_json:
        print_json(status)
        return
    for line in describe_status(status):
        click.echo(line)


def _show_again(status: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, **status}))
        return
    click.clear()
    for line in describe_status(status):
        click.echo(line)
    say(f"{status['at']}, every {EVERY:.0f} s; Ctrl-C ends")
