"""``appliance down``: take away what is ours, and say what will leave in clear then."""

from __future__ import annotations

import asyncio

import click

from appliance.cli.options import json_option
from appliance.cli.output import print_json, say
from appliance.cli.showing import ask, plan_as_data, refuse_failure, show_plan, show_step
from appliance.cli.writing import writing
from appliance.daemon.passes import (
    Loaded,
    Prepared,
    load_intent,
    make_wish,
    prepare,
    refuse_strangers,
    resolve_secrets,
)
from appliance.daemon.wiring import Systems, open_systems
from appliance.history.revision import Down
from appliance.model.fault import WrongUsage
from appliance.model.intent import Intent, Site
from appliance.model.order import Commit
from appliance.model.resources import Blackhole


@click.command("down")
@click.argument("connection", required=False)
@click.option("--no-protect", is_flag=True, help="Remove the blackholes too: traffic then leaves by ordinary routes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(connection: str | None, no_protect: bool, yes: bool, as_json: bool) -> None:
    """Take CONNECTION down, or everything that is ours. The intent stays: `appliance apply` brings it back.

    Blackholes of protected prefixes stay unless --no-protect, so that nothing leaves in clear; settings of the whole
    machine go back to what they were.
    """
    asyncio.run(_down(connection, no_protect, yes, as_json))


async def _down(connection: str | None, no_protect: bool, yes: bool, as_json: bool) -> None:
    systems = open_systems()
    with writing(systems) as submit:
        seen, loaded = systems.store.read_intent(), _loaded(systems, connection)
        every = {one.name for one in loaded.intent.connections}
        names = frozenset({connection} if connection else every | systems.store.load_learned().keys())
        before = systems.store.load_down()
        unprotected = (before.unprotected | names) if no_protect else (before.unprotected - names)
        down = Down(before.names | names, unprotected)
        secrets = resolve_secrets(systems, loaded.intent) if every - down.names else {}
        prepared = await prepare(systems, await make_wish(systems, loaded.intent, secrets, down))
        show_plan(prepared)
        say_what_leaves(prepared)
        await refuse_strangers(systems, prepared, adopt=False)
        if prepared.changes:
            ask("Take it down?", yes)
        summary = f"down {connection or 'all'}"
        order = Commit(loaded.text, summary, seen, False, secrets, down=down.names, unprotected=down.unprotected)
        refuse_failure(await submit(order, show_step))
    if as_json:
        print_json(plan_as_data(prepared))


def say_what_leaves(prepared: Prepared) -> None:
    """Which prefixes are no longer encrypted: held by blackholes, or in clear."""
    gone = [
        change.old.prefix for change in prepared.changes if change.new is None and isinstance(change.old, Blackhole)
    ]
    held = [resource.prefix for resource in prepared.desired if isinstance(resource, Blackhole)]
    if gone:
        say(f"From then on in clear, by whatever route there is: {', '.join(map(str, gone))}", fg="red", bold=True)
    if held:
        say(f"Held by blackholes: {', '.join(str(prefix) for prefix in sorted(held, key=str))}")


def _loaded(systems: Systems, connection: str | None) -> Loaded:
    """The intent; without one, everything of ours is still to be found by its marks."""
    if systems.store.read_intent() is None and connection is None:
        return Loaded(Intent(Site("none")), "", ())
    loaded = load_intent(systems)
    if connection and connection not in {one.name for one in loaded.intent.connections}:
        known = ", ".join(one.name for one in loaded.intent.connections) or "none"
        raise WrongUsage(f"there is no connection {connection}", hint=f"connections: {known}")
    return loaded
