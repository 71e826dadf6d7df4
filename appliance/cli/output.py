"""What a verb prints: one JSON value on stdout, people's text and progress on stderr, colour only on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any

import click

from appliance.model.fault import ApplianceError, Fault, WrongUsage

SCHEMA = 1


def print_json(value: Mapping[str, Any]) -> None:
    """The verb's one JSON value, with the schema number first."""
    click.echo(json.dumps({"schema": SCHEMA, **value}, indent=2, default=str))


def say(text: str = "", **style: Any) -> None:
    """A line for people, on stderr; styled only when stderr is a terminal (click strips it otherwise)."""
    click.secho(text, err=True, **style)


def describe_fault(fault: Fault) -> str:
    """One fault as people read it: place, what is wrong, what is allowed, how to mend it."""
    place = ":".join(str(part) for part in (fault.file, fault.line) if part is not None)
    head = " ".join(part for part in (place and f"{place}:", fault.key and f"{fault.key}:", fault.message) if part)
    details = (("found", fault.found), ("allowed", fault.allowed), ("fix", fault.fix))
    return "\n".join([head, *(f"    {name}: {text}" for name, text in details if text)])


def report_error(error: ApplianceError | click.ClickException, as_json: bool) -> int:
    """Say what failed and what to do; returns the exit code."""
    if isinstance(error, click.ClickException):
        hint = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx else None
        error = WrongUsage(error.format_message(), hint=hint)
    if as_json:
        faults = [asdict(fault) for fault in error.faults]
        body = {"exit": error.exit, "code": error.code, "message": error.message, "hint": error.hint, "faults": faults}
        print_json({"error": body})
        return error.exit
    for fault in error.faults:
        say(describe_fault(fault))
    say(f"appliance: {error.message}", fg="red", bold=True)
    if error.hint:
        say(f"  {error.hint}")
    return error.exit


def report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None, as_json: bool) -> None:
    """A fault of ours: one sentence for the user, the rest into a file for whoever mends it."""
    if issubclass(kind, KeyboardInterrupt):
        report_error(ApplianceError("interrupted", code="interrupted"), as_json)
        return
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="appliance-defect-", suffix=".txt", delete=False) as file:
        traceback.print_exception(kind, error, trace, file=file)
    hint = f"please report it with {file.name}; what was being changed can be seen by `appliance plan`"
    report_error(ApplianceError(f"a defect of the appliance: {kind.__name__}", hint=hint, code="defect"), as_json)


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
