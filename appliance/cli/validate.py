"""``appliance validate``: an intent's faults, all of them, and what is worth knowing about a valid one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import click

from appliance.cli.output import print_json, say
from appliance.design.tunnels import tunnel_if_id, tunnel_link
from appliance.history.store import Store
from appliance.intent.finding import Place, tunnels_of
from appliance.intent.read import locate, read_intent
from appliance.intent.rules import check_numbers, check_psk
from appliance.intent.tree import MOST_CHARACTERS
from appliance.model.fault import Fault, FaultyInput, Notice, SystemLacks, WrongUsage
from appliance.model.intent import Intent

MOST_BYTES = 4 * MOST_CHARACTERS + 4  # of UTF-8; more is refused as too long, not read
DEFAULT = "/etc/appliance/intent.yaml"


@click.command("validate")
@click.argument("file", default=DEFAULT, type=click.Path(allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout.")
def command(file: str, as_json: bool) -> None:
    """Check an intent: its shape, itself, its cloud's rules, and the keys it refers to. Changes nothing.

    FILE is an intent, `-` is standard input; without it, the one that this machine runs by.
    """
    shown = "<stdin>" if file == "-" else file
    data = sys.stdin.buffer.read(MOST_BYTES) if file == "-" else _read(Path(file))
    intent, faults, notices = read_intent(data, shown)
    if intent is not None:
        problems, remarks = _check_surroundings(intent, None if file == "-" else Path(file).parent)
        faults, notices = locate(data, shown, problems), (*notices, *remarks)
    if intent is None or faults:
        _say_notices(notices)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise FaultyInput(f"{shown} has {count}", hint="nothing was changed", faults=faults)
    _print_summary(intent, shown, notices, as_json)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES)
    except FileNotFoundError:
        hint = "`appliance schema --example aws-bgp` prints an intent to start from"
        raise WrongUsage(f"there is no {path}", hint=hint) from None
    except IsADirectoryError:
        raise WrongUsage(f"{path} is a directory", hint="name the intent's file") from None
    except PermissionError:
        raise SystemLacks(f"no permission to read {path}", hint="run it as root", code="privilege") from None


def _check_surroundings(intent: Intent, folder: Path | None) -> tuple[tuple[Fault, ...], tuple[Notice, ...]]:
    """What the text alone does not show: numbers derived from names, and the secrets that are referred to."""
    faults = list(check_numbers(intent, tunnel_if_id, lambda _, tunnel: tunnel_link(tunnel)))
    notices = []
    for place in tunnels_of(intent):
        unseen = _unseen(place, folder)
        if unseen:
            notices.append(Notice(place.tunnel.name, f"its pre-shared key was not checked: {unseen}"))
        else:
            faults += _secret_faults(place, folder)
    return tuple(faults), tuple(notices)


def _unseen(place: Place, folder: Path | None) -> str | None:
    """Why the secret cannot be looked at from here, or None when it can."""
    ref = place.tunnel.psk
    if ref is None:
        return "there is none"
    if ref.kind == "env":
        return None if ref.name in os.environ else f"{ref.name} is not set here"
    if ref.kind == "credential":
        return None if "CREDENTIALS_DIRECTORY" in os.environ else "only its unit gets the credential"
    if folder is None and not Path(ref.name).is_absolute():
        return "its path is relative to a file, and this is standard input"
    return next(_barriers((folder or Path()) / ref.name), None)


def _barriers(path: Path) -> Iterator[str]:
    """What is not there or not ours to read on the way to ``path``: a check may run far from the machine's secrets."""
    for parent in reversed(path.parents):
        if parent.is_dir() and not os.access(parent, os.X_OK):
            yield f"no permission for {parent}"
            return
    if not path.exists():
        yield f"there is no {path}"
    elif not os.access(path, os.R_OK):
        yield f"no permission for {path}"


def _secret_faults(place: Place, folder: Path | None) -> tuple[Fault, ...]:
    key = f"{place.key}.psk"
    assert place.tunnel.psk is not None
    try:
        secret = Store().resolve(place.tunnel.psk, folder or Path())
    except FaultyInput as error:
        return tuple(replace(fault, key=key) for fault in error.faults)
    return check_psk(secret, place.connection.cloud, key)


def _print_summary(intent: Intent, shown: str, notices: tuple[Notice, ...], as_json: bool) -> None:
    if as_json:
        connections = [
            {
                "name": connection.name,
                "cloud": connection.cloud,
                "mode": connection.mode,
                "speaker": connection.speaker,
                "tunnels": [tunnel.name for tunnel in connection.tunnels],
            }
            for connection in intent.connections
        ]
        notes = [asdict(notice) for notice in notices]
        site = intent.site.name
        print_json({"file": shown, "valid": True, "site": site, "connections": connections, "notices": notes})
        return
    _say_notices(notices)
    tunnels = sum(len(connection.tunnels) for connection in intent.connections)
    click.echo(f"{shown}: valid: site {intent.site.name}, {_count(len(intent.connections), 'connection')}, "
               f"{_count(tunnels, 'tunnel')}")  # fmt: skip


def _say_notices(notices: tuple[Notice, ...]) -> None:
    for notice in notices:
        say(f"note: {notice.where}: {notice.message}", fg="yellow")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
