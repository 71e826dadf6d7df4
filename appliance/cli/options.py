"""Options that several verbs share, and what they are made of."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import click

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Uplink

F = TypeVar("F", bound=Callable[..., Any])

PATIENCE = 30.0
"""Seconds that a verb waits for another writer: the daemon's passes take less than one."""

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Network(click.ParamType[IPNetwork]):
    """A network in CIDR notation, without host bits."""

    name = "CIDR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPNetwork:
        try:
            return ip_network(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a network: {error}", param, ctx)


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


class UplinkOption(click.ParamType[Uplink]):
    """``isp1=eth0,gateway=A,public=B,address=C``: name and interface, the rest where it is known."""

    name = "NAME=INTERFACE[,gateway=A][,public=B][,address=C]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Uplink:
        if isinstance(value, Uplink):
            return value
        head, *rest = str(value).split(",")
        name, equals, interface = head.partition("=")
        if not (name and equals and interface):
            self.fail(f"{value!r}: begin with NAME=INTERFACE, as in isp1=eth0", param, ctx)
        given: dict[str, IPAddress] = {}
        for part in rest:
            key, _, text = part.partition("=")
            if key not in ("gateway", "public", "address") or key in given:
                self.fail(f"{part!r}: one each of gateway=, public=, address=", param, ctx)
            try:
                given[key] = ip_address(text)
            except ValueError:
                self.fail(f"{part!r}: {text!r} is not an address", param, ctx)
        return Uplink(name, interface, **given)


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
