"""``appliance plan``: what an apply would do, and nothing else."""

from __future__ import annotations

import asyncio

import click

from appliance.cli.options import json_option
from appliance.cli.output import print_json
from appliance.cli.showing import plan_as_data, show_plan
from appliance.daemon.passes import load_intent, make_wish, prepare, resolve_secrets
from appliance.daemon.wiring import open_systems
from appliance.history.revision import Down


@click.command("plan")
@json_option
def command(as_json: bool) -> None:
    """Compare this machine with its intent, and print what `appliance apply` would change. Changes nothing.

    \b
    Examples
      appliance plan
      appliance plan --json | jq .changes      0 when there is nothing to do
    """
    asyncio.run(_plan(as_json))


async def _plan(as_json: bool) -> None:
    systems = open_systems()
    intent = load_intent(systems).intent
    prepared = await prepare(systems, await make_wish(systems, intent, resolve_secrets(systems, intent), Down()))
    if as_json:
        print_json(plan_as_data(prepared))
    else:
        show_plan(prepared)
