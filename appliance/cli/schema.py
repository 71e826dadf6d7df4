"""``appliance schema``: the intent's JSON Schema, or an example to start from."""

from __future__ import annotations

import json

import click

from appliance.cli.output import print_json
from appliance.intent.examples import EXAMPLES
from appliance.intent.schema import intent_schema


@click.command("schema")
@click.option("--example", type=click.Choice(list(EXAMPLES)), help="Print this commented intent instead; it validates.")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout (the schema is one either way).")
def command(example: str | None, as_json: bool) -> None:
    """Print the JSON Schema of an intent, for editors and other programs, or a commented example."""
    if example is None:
        click.echo(json.dumps({"schema": 1, **intent_schema()} if as_json else intent_schema(), indent=2))
    elif as_json:
        print_json({"example": example, "text": EXAMPLES[example]})
    else:
        click.echo(EXAMPLES[example], nl=False)
