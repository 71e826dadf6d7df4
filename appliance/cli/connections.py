"""``appliance connection``: list the cloud connections of this machine, or remove one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import click

from appliance.cli.downing import say_what_leaves
from appliance.cli.options import json_option
from appliance.cli.output import print_json
from appliance.cli.showing import ask, plan_as_data, refuse_failure, show_plan, show_step
from appliance.cli.statuses import see_status
from appliance.cli.writing import writing
from appliance.daemon.passes import (
    load_intent,
    make_wish,
    parse_loaded,
    prepare,
    refuse_strangers,
    resolve_secrets,
)
from appliance.daemon.wiring import open_systems
from appliance.intent.write import write_intent
from appliance.model.fault import WrongUsage
from appliance.model.order import Commit


@click.group("connection")
def command() -> None:
    """The cloud connections of this machine."""


@command.command("list")
@json_option
def listing(as_json: bool) -> None:
    """Every connection with its cloud, mode and state."""
    status = see_status()
    keys = ("name", "id", "cloud", "mode", "speaker", "state", "redundant")
    rows = [{key: connection[key] for key in keys} for connection in status["connections"]]
    if as_json:
        print_json({"connections": rows})
        return
    for row in rows:
        click.echo(f"{row['name']:<20} {row['cloud']:<8} {row['mode']}/{row['speaker']:<8} {row['state']}")


@command.command("remove")
@click.argument("name")
@click.option("--no-protect", is_flag=True, help="Forget its prefixes too: traffic then leaves by ordinary routes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(name: str, no_protect: bool, yes: bool, as_json: bool) -> None:
    """Remove the connection NAME from this machine and its intent; no other is touched.

    Its prefixes stay blackholed unless --no-protect, so that nothing leaves in clear unseen.
    """
    asyncio.run(_remove(name, no_protect, yes, as_json))


async def _remove(name: str, no_protect: bool, yes: bool, as_json: bool) -> None:
    systems = open_systems()
    with writing(systems) as submit:
        loaded = load_intent(systems)
        gone = next((one for one in loaded.intent.connections if one.name == name), None)
        if gone is None:
            known = ", ".join(one.name for one in loaded.intent.connections) or "none"
            raise WrongUsage(f"there is no connection {name}", hint=f"connections: {known}")
        left = tuple(one for one in loaded.intent.connections if one is not gone)
        changed = parse_loaded(write_intent(replace(loaded.intent, connections=left)), str(systems.store.intent_file))
        wish = await make_wish(systems, changed.intent, resolve_secrets(systems, changed.intent))
        learned = {other: prefixes for other, prefixes in wish.learned.items() if other != name}
        if not no_protect:
            learned[name] = (*wish.learned.get(name, ()), *gone.networks)
        prepared = await prepare(systems, replace(wish, learned=learned))
        show_plan(prepared)
        say_what_leaves(prepared)
        await refuse_strangers(systems, prepared, adopt=False)
        ask(f"Remove {name}?", yes)
        order = Commit(
            changed.text,
            f"remove {name}",
            loaded.text,
            secrets=wish.secrets,
            dropped=frozenset(tunnel.name for tunnel in gone.tunnels),
            down=wish.down,
            unprotected=wish.unprotected,
            remembered={} if no_protect else {name: gone.networks},
            forgotten=frozenset({name} if no_protect else ()),
        )
        refuse_failure(await submit(order, show_step))
    if as_json:
        print_json(plan_as_data(prepared))
