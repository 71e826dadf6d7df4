"""Options whose values are networks and uplinks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import click

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Uplink


class Network(click.ParamType[IPNetwork]):
    """A network in CIDR notation, without host bits."""

    name = "CIDR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPNetwork:
        try:
            return ip_network(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a network: {error}", param, ctx)


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
