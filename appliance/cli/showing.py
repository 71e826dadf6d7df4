"""How plans and their outcome look, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from appliance.cli.output import is_terminal, say
from appliance.daemon.passes import Prepared
from appliance.model.change import Change
from appliance.model.fault import SystemFailure, WrongUsage
from appliance.model.order import Made
from appliance.model.resources import Sysctl
from appliance.plan.effect import judge_change, judge_plan
from appliance.plan.text import describe_change
from appliance.todo.task import Task

COLOURS = {"add": "green", "change": "yellow", "remove": "red"}


def plan_as_data(prepared: Prepared) -> dict[str, Any]:
    """A plan for programs; ``changes`` is how many there are."""
    effect = judge_plan(prepared.changes)
    return {
        "changes": len(prepared.changes),
        "traffic": effect.traffic,
        "why": effect.why,
        "plan": [_change_as_data(change) for change in prepared.changes],
        "untouched": untouched(prepared),
    }


def _change_as_data(change: Change) -> dict[str, Any]:
    return {
        "verb": change.verb,
        "key": change.resource.key,
        "machine_wide": isinstance(change.resource, Sysctl) and change.resource.machine_wide,
        "traffic": judge_change(change).traffic,
        "text": describe_change(change).splitlines(),
    }


def untouched(prepared: Prepared) -> list[str]:
    """The tunnels that no change is about."""
    touched = " ".join(change.resource.key for change in prepared.changes).split()
    names = [tunnel.name for _, tunnel in prepared.wish.tunnels]
    return [name for name in names if name not in touched and f"appliance-{name}" not in touched]


def show_plan(prepared: Prepared) -> None:
    """The plan for people: what, what it does to traffic, what is left alone."""
    if not prepared.changes:
        say("Nothing to change: this machine is as it should be.", fg="green")
        return
    say("The plan:", bold=True)
    for change in prepared.changes:
        first, *more = describe_change(change).splitlines()
        say(f"  {first}", fg=COLOURS[change.verb])
        for line in more:
            say(f"  {line}")
    wide = [c.resource.key for c in prepared.changes if isinstance(c.resource, Sysctl) and c.resource.machine_wide]
    if wide:
        say(f"For the whole machine ({len(wide)}; `appliance down` restores them): {', '.join(wide)}")
    effect = judge_plan(prepared.changes)
    say(f"Traffic: {effect.traffic} ({effect.why})", bold=effect.traffic != "none")
    if prepared.wish.tunnels:
        say(f"Left untouched: {', '.join(untouched(prepared)) or 'no tunnel stood before'}")


def todo_as_data(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """What is left to do on the cloud's side, for programs: ``cloud``, ``why`` and ``command`` (or null)."""
    return [asdict(task) for task in tasks]


def show_todo(tasks: Sequence[Task]) -> None:
    """The same for people."""
    if tasks:
        say("To do on the cloud's side (fill in the words in capitals):", bold=True)
    for number, task in enumerate(tasks, start=1):
        say(f"  {number}. {task.why}")
        if task.command is not None:
            say(f"     {task.command}")


def ask(question: str, yes: bool) -> None:
    """Go on only with consent. Without a terminal and without ``--yes`` nothing is applied."""
    if yes:
        return
    if not is_terminal():
        raise WrongUsage("nothing was applied: there is nobody to ask", hint="give --yes to apply without a question")
    if not click.confirm(question, err=True):
        raise WrongUsage("nothing was applied: you said no")


def show_step(step: Made) -> None:
    """A step that did not work, or that took something over, as it happens."""
    if step.error is not None:
        say(f"  failed: {step.verb} {step.key}: {step.error}", fg="red")
    elif step.verb == "adopt":
        say(f"taken over: {step.key}")


def refuse_failure(made: Sequence[Made]) -> None:
    """Raise when part of a plan did not work: what, why, and what is left."""
    failed = [step for step in made if step.error is not None]
    if failed:
        done = len(made) - len(failed)
        first = failed[0]
        raise SystemFailure(
            f"{done} of {len(made)} changes made; {first.key}: {first.error}",
            hint="mend the cause and run it again: only what is left will be done",
            code="partly-applied",
        )


def listing(items: Sequence[str]) -> str:
    """Words in a sentence."""
    return ", ".join(items)
