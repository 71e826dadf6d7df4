"""The two IP families between bytes, Linux's numbers and ``ipaddress``."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from appliance.kernel.wire import INET, INET6
from appliance.model.address import IPAddress, IPInterface, IPNetwork

FAMILIES = {INET: 4, INET6: 6}
"""Linux's family number -> IP version."""

NUMBERS = {4: INET, 6: INET6}
"""IP version -> Linux's family number."""


def family_of(value: IPAddress | IPInterface | IPNetwork) -> int:
    """Linux's number for the family of an address or network."""
    return NUMBERS[value.version]


def parse_address(raw: bytes) -> IPAddress:
    """An address of four or of sixteen bytes."""
    return IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)


def parse_network(family: int, raw: bytes | None, length: int) -> IPNetwork:
    """A network; no bytes mean the default one of its family."""
    if family == INET:
        return IPv4Network((raw or bytes(4), length))
    return IPv6Network((raw or bytes(16), length))
