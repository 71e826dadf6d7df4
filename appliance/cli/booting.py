"""What ``configure`` does so that its result survives a reboot: the daemon's unit, where systemd is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from appliance.boot.systemctl import others_may_write, this_program
from appliance.boot.unit import BootStep
from appliance.cli.output import say
from appliance.daemon.wiring import Systems
from appliance.model.fault import ApplianceError
from appliance.model.intent import Intent


async def plan_boot(systems: Systems, intent: Intent) -> tuple[BootStep, ...]:
    """What is left to do; nothing where no systemd runs: there somebody else starts `appliance run`."""
    if not systems.systemd.runs:
        return ()
    program = this_program(sys.argv[0], [intent.frr_extra] if intent.frr_extra else [])
    for path in others_may_write(program):
        say(f"note: {path} is not root's: who can write there becomes root through the daemon", fg="yellow")
    embedded = any(one.mode == "bgp" and one.speaker == "exabgp" for one in intent.connections)
    running = bool(systems.store.load_daemon()["running"])
    return await systems.systemd.steps(program, daemon=running, embedded=embedded)


def show_boot(steps: Sequence[BootStep]) -> None:
    """For people, under the plan."""
    if steps:
        say("So that it survives a reboot:", bold=True)
    for step in steps:
        say(f"  {step.verb} {step.text}", fg="green")


def boot_as_data(steps: Sequence[BootStep]) -> list[dict[str, str]]:
    """For programs."""
    return [{"verb": step.verb, "text": step.text} for step in steps]


async def keep_over_boots(systems: Systems, steps: Sequence[BootStep]) -> ApplianceError | None:
    """Do it. What hinders is no reason to leave the tunnels alone: it comes back, for the end."""
    if not steps:
        return None
    try:
        await systems.systemd.carry_out(steps)
    except ApplianceError as error:
        say(f"the daemon is not enabled: {error.message}", fg="red")
        return error
    say("the daemon runs, and starts with the machine", fg="green")
    return None


def with_boot(value: dict[str, Any], steps: Sequence[BootStep]) -> dict[str, Any]:
    """A verb's JSON with the steps in it, where there are any."""
    return {**value, "boot": boot_as_data(steps)} if steps else value
