"""Options that several verbs share, and what they are made of."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PATIENCE = 30.0
"""Seconds that a verb waits for another writer: the daemon's passes take less than one."""

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """A time span such as 500ms, 90s or 2m; in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(value))
        if not found:
            self.fail(f"{value!r} is not a time span: a number and ms, s, m or h, as in 90s", param, ctx)
        return float(found[1]) * UNITS[found[2]]


def json_option(verb: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, people's text on stderr.")(
        verb
    )


def safety_options(verb: F) -> F:
    """``--yes``, ``--allow``, ``--adopt``."""
    for option in (
        click.option("--adopt", is_flag=True, help="Back up and take over what charon and FRR hold of others."),
        click.option("--allow", "allowed", metavar="RULE", multiple=True, help="Override one safety rule by its name."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ):
        verb = option(verb)
    return verb


def administrators() -> tuple[str, ...]:
    """From where this session came, when it came over SSH. sshd says UNKNOWN where it has no socket to ask."""
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    try:
        address = ip_address(client)
    except ValueError:
        return ()
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (str(mapped or address),)
