"""``appliance apply``: make this machine what its intent says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from appliance.cli.options import administrators, json_option, safety_options
from appliance.cli.output import print_json, say
from appliance.cli.showing import ask, plan_as_data, refuse_failure, show_plan, show_step
from appliance.cli.writing import writing
from appliance.daemon.passes import (
    load_intent,
    make_wish,
    prepare,
    refuse_strangers,
    refuse_unsafe,
    resolve_secrets,
)
from appliance.daemon.performing import learn_unless_silent
from appliance.daemon.wiring import open_systems
from appliance.history.revision import Down
from appliance.model.order import Commit


@click.command("apply")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@safety_options
@json_option
def command(file: Path | None, allowed: tuple[str, ...], adopt: bool, yes: bool, as_json: bool) -> None:
    """Carry out the plan: only the difference is made, and untouched tunnels keep their SAs, sessions and counters.

    FILE replaces the intent of this machine; its secrets are looked for beside ours. A second apply writes nothing.

    \b
    Examples
      appliance apply
      appliance apply site.yaml --yes --json
    """
    asyncio.run(_apply(file, allowed, adopt, yes, as_json))


async def _apply(file: Path | None, allowed: tuple[str, ...], adopt: bool, yes: bool, as_json: bool) -> None:
    systems = open_systems()
    with writing(systems) as submit:
        seen = systems.store.read_intent()
        loaded = load_intent(systems, file)
        secrets = resolve_secrets(systems, loaded.intent)
        await learn_unless_silent(systems, loaded.intent)
        prepared = await prepare(systems, await make_wish(systems, loaded.intent, secrets, Down()))
        refuse_unsafe(prepared, administrators(), allowed)
        await refuse_strangers(systems, prepared, adopt=adopt)
        show_plan(prepared)
        if prepared.changes:
            ask("Apply this?", yes)
        order = Commit(loaded.text, "apply", seen, file is not None, secrets, adopt=adopt)
        made = await submit(order, show_step)
    refuse_failure(made)
    if made:
        say(f"{len(made)} changes made", fg="green")
    if as_json:
        print_json(plan_as_data(prepared))
