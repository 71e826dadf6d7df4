"""``appliance first-boot``: what user-data asks for, once per instance; then the line that says the machine carries.

Every boot runs it, so what only the first needs is loaded there.
"""

from __future__ import annotations

import sys
from time import monotonic, sleep
from typing import Any

import click

from appliance.cli.guiding import agrees, ask_for_all, wait_for_somebody
from appliance.cli.output import report_error, say
from appliance.cli.statuses import see_status
from appliance.history.store import Store
from appliance.image.seed import Note, Seed
from appliance.image.settings import parse_settings, render_settings
from appliance.model.fault import ApplianceError

EVERY = 1.0  # seconds between two looks
LONG = 60.0
"""Seconds after which the console hears what is waited for."""


@click.command("first-boot")
@click.option("--again", is_flag=True, help="Do what user-data says once more, though it was done.")
def command(again: bool) -> None:
    """Configure this machine as its user-data says, unless that was done; say on stdout when its tunnels carry.

    User-data leaves documents, secrets and `configure.yaml` (the flags of `configure`), or a whole intent.yaml, in
    /etc/appliance. It counts once per instance: afterwards the machine's own state does, and files that differ are
    said. `appliance import --user-data` makes such user-data. A machine that got none asks on its terminal.
    """
    seed = Seed()
    for path in seed.tighten():
        say(f"appliance: {path} could be read by others: closed")
    note, instance, digest = seed.note(), seed.instance(), seed.digest()
    if again or note is None or note.instance != instance or not note.done:
        _configure(seed, instance, digest)
    elif note.seed != digest:
        say("appliance: user-data's files differ from what was configured: appliance first-boot --again takes them")
    if not _is_configured():
        click.echo("appliance: NOT CONFIGURED: log in and run `appliance configure`, or give user-data")
        if not sys.stdin.isatty():
            return
        _guide(seed)
    seed.settle()
    _wait()


def _is_configured() -> bool:
    return Store().last_revision() is not None


def _guide(seed: Seed) -> None:
    """Until the machine is configured, by whoever sits at its console or from elsewhere."""
    while not _is_configured() and wait_for_somebody(_is_configured):
        try:
            answers = ask_for_all()
            if not agrees("Configure it so?"):
                continue
        except (click.Abort, KeyboardInterrupt):
            click.echo()
            continue
        settings = render_settings({"from": [str(seed.pasted_file)], **answers.settings})
        seed.bring(answers.document, settings, answers.key)
        _configure(seed, seed.instance(), seed.digest())


def _configure(seed: Seed, instance: str, digest: str) -> None:
    """Run ``configure`` and keep what it came to. Faults are shown, and the machine stays reachable."""
    from appliance.cli.configure import command as configure

    done, error = True, None
    try:
        words = _words(seed)
        if words is None:
            return
        configure.main(args=["--yes", *words], prog_name="appliance configure", standalone_mode=False)
    except click.ClickException as usage:
        done, error = False, usage.format_message()
        report_error(usage, as_json=False)
    except ApplianceError as failure:
        done, error = _is_configured(), failure.message
        report_error(failure, as_json=False)
    seed.keep(Note(instance, digest, done, error))


def _words(seed: Seed) -> tuple[str, ...] | None:
    """The words after ``configure``; None when user-data brought nothing to configure."""
    text = seed.settings()
    if text is not None:
        return parse_settings(text, str(seed.settings_file), known_options())
    intent = seed.config_dir / "intent.yaml"
    if intent.exists() and not _is_configured():
        return ("--bgp", "--intent", str(intent))
    return None


def known_options() -> dict[str, bool]:
    """The options of ``configure`` that make sense at a boot, and whether each is a flag."""
    from appliance.cli.configure import command as configure
    from appliance.cli.user_data import NOT_AT_BOOT

    options = [option for option in configure.params if isinstance(option, click.Option)]
    names = {name.removeprefix("--"): option for option in options for name in option.opts if name.startswith("--")}
    return {
        name: bool(option.is_flag) for name, option in names.items() if option.name not in NOT_AT_BOOT or name == "from"
    }


def _wait() -> None:
    """Until everything is up; what is missing is said once it takes long."""
    begun, said = monotonic(), None
    while True:
        status, why = _status()
        if status is not None and status["healthy"]:
            click.echo(describe_ready(status))
            return
        if why != said and monotonic() - begun > LONG:
            click.echo(f"appliance: NOT READY: {why}")
            said = why
        sleep(EVERY)


def _status() -> tuple[dict[str, Any] | None, str]:
    """The status, and why it is not what it should be."""
    try:
        status = see_status()
    except ApplianceError as error:
        return None, error.message
    return status, status["why"]


def describe_ready(status: dict[str, Any]) -> str:
    """The console's line: what carries or stands by, of how many, and the prefixes that have a way."""
    tunnels = [tunnel["state"] for connection in status["connections"] for tunnel in connection["tunnels"]]
    up = sum(state in ("carrying", "standby") for state in tunnels)
    prefixes = {
        prefix["prefix"]
        for connection in status["connections"]
        for prefix in connection["prefixes"]
        if prefix["source"] != "blackhole"
    }
    return f"appliance: READY revision={status['revision']} tunnels={up}/{len(tunnels)} prefixes={len(prefixes)}"
