"""Scalars of the network: addresses, networks, AS numbers, communities."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_network

from appliance.intent.scalars import DECIMAL, STRING, Fixable, from_text, whole
from appliance.intent.shape import Misread, Scalar
from appliance.intent.tree import Text
from appliance.model.address import IPAddress, IPNetwork

_HIGHEST_ASN = 0xFFFF_FFFF


def _address(value: str) -> IPAddress:
    return ip_address(_without_zone(value))


def _without_zone(value: str) -> str:
    """ipaddress takes ``fe80::1%eth0``; we have no use for zones."""
    if "%" in value:
        raise ValueError("a zone")
    return value


def _network(value: str) -> IPNetwork:
    if "/" not in value:
        ip_address(_without_zone(value))
        raise Fixable(f"add a prefix length, like {value}/{'128' if ':' in value else '32'}")
    if not value.partition("/")[2].isascii() or not value.partition("/")[2].isdecimal():
        raise ValueError("a netmask")
    try:
        return ip_network(_without_zone(value))
    except ValueError:
        whole_network = ip_network(value, strict=False)  # a ValueError again when it is no network at all
        raise Fixable(f"write {whole_network}") from None


def _interface4(value: str) -> IPv4Interface:
    _network_length(value)
    return IPv4Interface(value)


def _interface6(value: str) -> IPv6Interface:
    _network_length(value)
    return IPv6Interface(_without_zone(value))


def _network_length(value: str) -> None:
    if "/" not in value:
        raise Fixable(f"add a prefix length, like {value}/{'126' if ':' in value else '30'}")
    if not value.partition("/")[2].isdecimal():
        raise ValueError("a netmask")


ADDRESS = from_text("an address like 192.0.2.1 or 2001:db8::1", _address, IPv4Address(0))
ADDRESS4 = from_text("an IPv4 address like 192.0.2.1", IPv4Address, IPv4Address(0))
ADDRESS6 = from_text(
    "an IPv6 address like 2001:db8::1", lambda value: IPv6Address(_without_zone(value)), IPv6Address(0)
)
NETWORK = from_text("a network like 192.0.2.0/24", _network, ip_network("0.0.0.0/32"))
INSIDE4 = from_text("an IPv4 address with its length like 169.254.23.6/30", _interface4, None)
INSIDE6 = from_text("an IPv6 address with its length like fd00::2/126", _interface6, None)


def _asn(text: Text) -> int:
    if text.kind == "float":
        raise Misread("YAML reads this as a fraction", f'quote it: "{text.value}"')
    if text.kind == "str":
        high, dot, low = text.value.partition(".")
        parts = [int(part) for part in (high, low) if DECIMAL.fullmatch(part)]
        if not dot or len(parts) < 2 or max(parts) > 0xFFFF:
            raise Misread("not an AS number", f"without quotes: {high}" if not dot and parts else None)
        value = parts[0] << 16 | parts[1]
    else:
        value = whole(text)
    if not 1 <= value <= _HIGHEST_ASN:
        raise Misread("out of range")
    return value


ASN = Scalar(
    '1 to 4294967295, or RFC 5396\'s "64512.1" in quotes',
    _asn,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _HIGHEST_ASN},
            {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$"},
        ]
    },
    1,
    int,
)


def _auto_or_address(text: Text) -> IPAddress | None:
    if text.kind == "str" and text.value == "auto":
        return None
    value: IPAddress = ADDRESS.parse(text)
    return value


AUTO_ADDRESS = Scalar("auto, or " + ADDRESS.allowed, _auto_or_address, STRING, None, lambda a: str(a) if a else "auto")


_COMMUNITY = re.compile(r"(0|[1-9][0-9]{0,9})(:(0|[1-9][0-9]{0,9})){1,2}")


def _community(value: str) -> str:
    """A standard (RFC 1997) or large (RFC 8092) community."""
    if not _COMMUNITY.fullmatch(value):
        raise ValueError("shape")
    parts = [int(part) for part in value.split(":")]
    if max(parts) > (0xFFFF if len(parts) == 2 else _HIGHEST_ASN):
        raise ValueError("range")
    return value


COMMUNITY = from_text('a community like "64512:100" (16 bit each) or "64512:1:2" (32 bit each)', _community, "0:0")


def _metrics(value: str) -> str:
    host, _, port = value.rpartition(":")
    ip_address(_without_zone(host.removeprefix("[").removesuffix("]")))
    if not DECIMAL.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError("port")
    return value


ENDPOINT = from_text("an address with a port like 127.0.0.1:9342 or [::1]:9342", _metrics, "127.0.0.1:1")
