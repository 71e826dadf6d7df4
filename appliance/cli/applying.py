"""``appliance apply``: make this machine what its intent says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from appliance.cli.options import PATIENCE, administrators, json_option, safety_options
from appliance.cli.output import print_json, say
from appliance.cli.showing import ask, plan_as_data, refuse_failure, show_outcome, show_plan
from appliance.daemon.passes import (
    Prepared,
    adopt_strangers,
    apply,
    load_intent,
    make_wish,
    prepare,
    refuse_strangers,
    refuse_unsafe,
    resolve_secrets,
)
from appliance.daemon.protecting import learn
from appliance.daemon.wiring import Systems, open_systems
from appliance.history.revision import Down


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
    with systems.store.lock(PATIENCE):
        loaded = load_intent(systems, file)
        secrets = resolve_secrets(systems, loaded.intent)
        wish = await make_wish(systems, loaded.intent, secrets, Down())
        if not await _is_silent(systems) and await learn(systems, wish):
            wish = await make_wish(systems, loaded.intent, secrets, Down())
        prepared = await prepare(systems, wish)
        refuse_unsafe(prepared, administrators(), allowed)
        await refuse_strangers(systems, prepared, adopt=adopt)
        show_plan(prepared)
        if prepared.changes:
            ask("Apply this?", yes)
        if file is not None and loaded.text != systems.store.read_intent():
            systems.store.write_intent(loaded.text)
        systems.store.save_down(Down())
        await _carry_out(systems, prepared, loaded.text, adopt)
    if as_json:
        print_json(plan_as_data(prepared))


async def _is_silent(systems: Systems) -> bool:
    return bool(await systems.frr.lacks())


async def _carry_out(systems: Systems, prepared: Prepared, text: str, adopt: bool) -> None:
    """What is wanted is written down already: whatever fails now is left to be done, by hand or by the daemon."""
    for taken in await adopt_strangers(systems, prepared) if adopt and prepared.changes else ():
        say(f"taken over: {taken}")
    report = await apply(systems, prepared, text, "apply", show_outcome)
    refuse_failure(report)
    if report.outcomes:
        say(f"{len(report.outcomes)} changes made", fg="green")
