"""``appliance import``: clouds' documents to an intent, with what they leave open and get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from appliance.cli.output import print_json, say
from appliance.cli.reading import read_document
from appliance.model.document import ImportReport
from appliance.model.fault import FaultyInput, Refused, WrongUsage
from appliance.vendors import FORMATS, read_documents

_FORMATS = "\n".join(f"  {name:<22} {known.title}\n      {known.example}" for name, known in FORMATS.items())
_EPILOG = f"""
\b
Examples:
  appliance import vpn-0123.txt
      what it says, as an intent, and what it lacks
  appliance import vpn-0123.txt -o site
      site/intent.yaml and site/secrets/*.psk
  appliance import strongswan.txt generic.txt
      two documents about one connection
  appliance import --json - < vpn-0123.txt | jq .missing
  appliance import --redact vpn-0123.txt > sample.txt
      the same with fakes, to show to others
  appliance import --user-data vpn-0123.txt --bgp --lan 172.16.20.0/24 > user-data
      what a machine of ours does at its first boot, with the flags of `configure`

\b
Exit codes:
  0  read; what is missing is listed
  2  wrong usage, or no connection with that ID
  3  faults: all are listed with file and line, nothing was written
  4  -o would overwrite something different (--force does it)

\b
Formats, recognised by content, each with an example of how to get one:
{_FORMATS}
"""


@click.command("import", epilog=_EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(file_okay=False), help="Write DIR/intent.yaml and DIR/secrets/."
)
@click.option("--force", is_flag=True, help="With -o: overwrite files that hold something else.")
@click.option("--connection", metavar="ID", help="Take only this connection, when there are several.")
@click.option("--show-secrets", is_flag=True, help="Show the pre-shared keys.")
@click.option("--redact", is_flag=True, help="Print the document with fake keys, addresses and names instead.")
@click.option("--user-data", is_flag=True, help="Print cloud-init's data for a first boot; flags of configure follow.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON value on stdout.")
def command(
    words: Sequence[str],
    output: str | None,
    force: bool,
    connection: str | None,
    show_secrets: bool,
    redact: bool,
    user_data: bool,
    as_json: bool,
) -> None:
    """Read a cloud's VPN documents and print the intent they make.

    DOCUMENT is a file as the cloud's console or API gave it, whatever an editor or a mail program did to it since; `-`
    is standard input. Several may describe one connection: they complete each other and must not contradict.

    The intent (YAML) goes to standard output without the pre-shared keys: it refers to files, which -o DIR writes
    beside it. What the documents do not say is left out of it and listed, each with the option of `appliance
    configure` that gives it. Nothing is changed on this machine.
    """
    documents, flags = _told_apart(words, user_data)
    if redact + user_data + (as_json or bool(output)) > 1:
        raise WrongUsage(
            "one of --redact and --user-data at a time, without --json and -o: each prints a text of its own"
        )
    contents = [read_document(name) for name in documents]
    if redact:
        return _redact(contents)
    report = read_documents(contents, connection)
    if connection and not (report.connections or report.faults):
        names = ", ".join(found.name for found in read_documents(contents).connections)
        raise WrongUsage(f"no connection {connection} in these documents", hint=f"they hold {names}")
    if report.faults:
        _refuse(report, show_secrets, as_json)
    if user_data:
        return _user_data(contents, report, [*flags, *(["--connection", connection] if connection else [])])
    return _show(report, output, force, show_secrets, as_json)


def _show(report: ImportReport, output: str | None, force: bool, show_secrets: bool, as_json: bool) -> None:
    if output is not None:
        _write(report, Path(output), force)
    if as_json:
        from appliance.vendors.report import report_as_data

        return print_json(report_as_data(report, show_secrets))
    if output is None:
        from appliance.vendors.intent_text import intent_text

        click.echo(intent_text(report, show_secrets=show_secrets), nl=False)
    return _say_findings(report, missing=output is not None)


def _told_apart(words: Sequence[str], may_follow: bool) -> tuple[Sequence[str], Sequence[str]]:
    """Documents, and what follows them from the first flag on where flags of another verb may follow."""
    end = next((index for index, word in enumerate(words) if word.startswith("-") and word != "-"), len(words))
    documents, flags = words[:end], words[end:]
    if flags and not may_follow:
        raise click.NoSuchOption(flags[0], ctx=click.get_current_context())
    if documents.count("-") > 1:
        raise WrongUsage("standard input can be read only once", hint="give - one time")
    if not documents:
        raise WrongUsage("no document is given", hint="documents come first, then flags")
    return list(dict.fromkeys(documents)), flags


def _redact(contents: Sequence[tuple[str, bytes]]) -> None:
    from appliance.vendors.redacting import redact
    from appliance.vendors.text import decode

    if len(contents) != 1:
        raise WrongUsage("--redact takes one document at a time")
    made = redact(decode(contents[0][1]), read_documents(contents))
    click.echo(made.text, nl=False)
    say(f"replaced: {made.keys} keys, {made.addresses} addresses, {made.names} names; read it before you send it")


def _user_data(contents: Sequence[tuple[str, bytes]], report: ImportReport, flags: Sequence[str]) -> None:
    from appliance.cli.user_data import ROOM, compose_user_data

    text = compose_user_data(contents, flags)
    click.echo(text, nl=False)
    size = len(text.encode())
    say(f"{size} bytes of {ROOM} that user-data may have on AWS", fg="red" if size > ROOM else None)
    for item in report.missing:
        say(f"missing, unless a flag gives it: {item.field}: {item.why}; {item.hint}")


def _refuse(report: ImportReport, show_secrets: bool, as_json: bool) -> None:
    """Faults: as an error for people, or within the report for programs. Never returns."""
    from appliance.vendors.report import report_as_data

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
    from appliance.history.store import Store
    from appliance.vendors.intent_of import secret_ref, secrets_of
    from appliance.vendors.intent_text import intent_text

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
