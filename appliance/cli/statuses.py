"""``appliance status``: what carries, what does not, and why."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any

import click

from appliance import __version__
from appliance.cli.options import Duration, json_option
from appliance.cli.output import SCHEMA, print_json, say
from appliance.daemon.looking import look
from appliance.daemon.passes import Loaded, load_intent, resolve_secrets
from appliance.daemon.wiring import Systems, open_systems
from appliance.image.seed import Seed
from appliance.model.fault import ApplianceError, WrongUsage
from appliance.model.secret import Secret
from appliance.report.status import compose_status
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
    asyncio.run(_status(watch, check, wait, as_json))


async def _status(watch: bool, check: bool, wait: float | None, as_json: bool) -> None:
    systems = open_systems()
    end = monotonic() + (wait or 0)
    while True:
        status = await _read(systems)
        if watch:
            _show_again(status, as_json)
        elif status["healthy"] or monotonic() >= end:
            break
        await asyncio.sleep(EVERY if watch else min(0.5, max(0.0, end - monotonic())))
    if check and not as_json:
        click.echo(f"{status['site']}: {status['state']}" + (f" — {status['why']}" if status["why"] else ""))
    else:
        show_status(status, as_json)
    if (check or wait is not None) and not status["healthy"]:
        raise click.exceptions.Exit(1)


async def _read(systems: Systems) -> dict[str, Any]:
    try:
        return await read_status(systems)
    except WrongUsage as empty:  # no intent: on a machine whose first boot failed, that is why
        for sentence in _first_boot():
            raise WrongUsage(empty.message, hint=sentence) from None
        raise


async def read_status(
    systems: Systems, loaded: Loaded | None = None, secrets: dict[str, Secret] | None = None
) -> dict[str, Any]:
    """The status of this machine now; drift only where the secrets can be read."""
    loaded = loaded or load_intent(systems)
    if secrets is None:
        try:
            secrets = resolve_secrets(systems, loaded.intent)
        except ApplianceError:
            secrets = None
    seen = await look(systems, loaded.intent, secrets)
    revision = systems.store.last_revision()
    return compose_status(
        seen,
        version=__version__,
        revision=revision.number if revision else None,
        daemon=systems.store.load_daemon(),
        warnings=(
            *_first_boot(),
            *(f"{n.where}: {n.message}" for n in (*loaded.notices, *await systems.charon.remarks())),
        ),
    )


def _first_boot() -> tuple[str, ...]:
    """What was wrong with user-data, on a machine that was to be configured by it."""
    note = Seed().note()
    return (
        () if note is None or note.done else (f"first boot: {note.error}; `appliance first-boot --again` shows it all",)
    )


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
