"""``appliance import``: clouds' documents to an intent, with what they leave open and get wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from appliance.cli.output import print_json, say
from appliance.history.store import Store
from appliance.model.document import ImportReport
from appliance.model.fault import FaultyInput, Refused, WrongUsage
from appliance.vendors import FORMATS, read_documents
from appliance.vendors.intent_of import secret_ref, secrets_of
from appliance.vendors.intent_text import intent_text
from appliance.vendors.report import report_as_data

LARGEST = 16 * 1024 * 1024
"""Bytes of a document that we look at; downloads have some 20 kB."""

_FORMATS = "\n".join(f"  {name:<21} {known.title}\n      {known.example}" for name, known in FORMATS.items())
_EPILOG = f"""
\b
Formats, recognised by content:
{_FORMATS}

\b
Examples:
  appliance import vpn-0123.txt
      what it says, as an intent, and what it lacks
  appliance import vpn-0123.txt -o site
      site/intent.yaml and site/secrets/*.psk
  appliance import strongswan.txt generic.txt
      two documents about one connection
  appliance import --json - < vpn-0123.txt | jq .missing

\b
Exit codes:
  0  read; what is missing is listed
  2  wrong usage, or no connection with that ID
  3  faults: all are listed with file and line, nothing was written
  4  -o would overwrite something different (--force does it)
"""


@click.command("import", epilog=_EPILOG)
@click.argument(
    "documents",
    nargs=-1,
    required=True,
    metavar="DOCUMENT...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(file_okay=False), help="Write DIR/intent.yaml and DIR/secrets/."
)
@click.option("--force", is_flag=True, help="With -o: overwrite files that hold something else.")
@click.option("--connection", metavar="ID", help="Take only this connection, when there are several.")
@click.option("--show-secrets", is_flag=True, help="Show the pre-shared keys.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON value on stdout.")
def command(
    documents: Sequence[str], output: str | None, force: bool, connection: str | None, show_secrets: bool, as_json: bool
) -> None:
    """Read a cloud's VPN documents and print the intent they make.

    DOCUMENT is a file as the cloud's console or API gave it, whatever an editor or a mail program did to it since; `-`
    is standard input. Several may describe one connection: they complete each other and must not contradict.

    The intent (YAML) goes to standard output without the pre-shared keys: it refers to files, which -o DIR writes
    beside it. What the documents do not say is left out of it and listed, each with the option of `appliance
    configure` that gives it. Nothing is changed on this machine.
    """
    contents = [_read(name) for name in _once(documents)]
    report = read_documents(contents, connection)
    if connection and not (report.connections or report.faults):
        names = ", ".join(found.name for found in read_documents(contents).connections)
        raise WrongUsage(f"no connection {connection} in these documents", hint=f"they hold {names}")
    if report.faults:
        _refuse(report, show_secrets, as_json)
    if output is not None:
        _write(report, Path(output), force)
    if as_json:
        print_json(report_as_data(report, show_secrets))
        return
    if output is None:
        click.echo(intent_text(report, show_secrets=show_secrets), nl=False)
    _say_findings(report, missing=output is not None)


def _once(documents: Sequence[str]) -> Sequence[str]:
    if documents.count("-") > 1:
        raise WrongUsage("standard input can be read only once", hint="give - one time")
    return list(dict.fromkeys(documents))


def _read(name: str) -> tuple[str, bytes]:
    if name == "-":
        return "<stdin>", _read_from(sys.stdin.buffer, "<stdin>")
    with open(name, "rb") as file:
        return name, _read_from(file, name)


def _read_from(file: BinaryIO, name: str) -> bytes:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise WrongUsage(f"{name} is larger than {LARGEST // 2**20} MiB", hint="name the cloud's document")
    return content


def _refuse(report: ImportReport, show_secrets: bool, as_json: bool) -> None:
    """Faults: as an error for people, or within the report for programs. Never returns."""
    count = "1 fault" if len(report.faults) == 1 else f"{len(report.faults)} faults"
    error = FaultyInput(f"{count} in the documents", hint="nothing was written", faults=report.faults)
    if not as_json:
        raise error
    body = {"exit": error.exit, "code": error.code, "message": error.message, "hint": error.hint}
    faults = [asdict(fault) for fault in report.faults]
    print_json({**report_as_data(report, show_secrets), "error": {**body, "faults": faults}})
    raise click.exceptions.Exit(error.exit)


def _write(report: ImportReport, folder: Path, force: bool) -> None:
    """The intent and its keys, each file whole or not at all; keys first, so that no intent refers to nothing."""
    text = intent_text(report, written=True)
    secrets = {name: key for read in report.connections for name, key in secrets_of(read).items()}
    wanted = {folder / secret_ref(name).name: key.reveal() + "\n" for name, key in secrets.items()}
    if not force:
        _demand_room({**wanted, folder / "intent.yaml": text})
    store = Store(config_dir=folder)
    for name, key in secrets.items():
        store.write_secret(name, key)
    store.write_intent(text)
    say(f"wrote {folder / 'intent.yaml'} and {len(secrets)} key{'' if len(secrets) == 1 else 's'} beside it")


def _demand_room(wanted: Mapping[Path, str]) -> None:
    different = [path for path, text in wanted.items() if path.exists() and path.read_bytes() != text.encode()]
    if different:
        names = ", ".join(map(str, different))
        raise Refused(f"would overwrite what is different: {names}", hint="--force overwrites", code="overwrite")


def _say_findings(report: ImportReport, missing: bool) -> None:
    """What the text on stdout does not say; with ``missing`` also what it does, for it is in a file then."""
    for found in report.documents:
        say(f"{found.path}: {found.format}")
    for notice in report.warnings:
        say(f"warning: {notice.where}: {notice.message}", fg="yellow")
    for item in report.missing if missing else ():
        say(f"missing: {item.field}, for {item.needed_for}: {item.why}; {item.hint}")
    if report.ignored:
        say(f"{len(report.ignored)} lines were understood and left out (--json lists them with the reason)")
