"""Text to value, one kind of scalar each, and back. What YAML 1.1 would read as something else must be quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_network,
)
from typing import Any

from appliance.intent.shape import Misread, Scalar
from appliance.intent.tree import Text
from appliance.model.address import IPAddress, IPNetwork

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,11}")
_DURATION = re.compile(r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_HIGHEST_ASN = 0xFFFF_FFFF
_STRING: Mapping[str, Any] = {"type": "string"}


def words(text: Text) -> str:
    """A string. Refuses a plain scalar that YAML reads as a number, a boolean or nothing: another tool would."""
    if text.kind == "null":
        raise Misread("no value")
    if text.kind != "str":
        kind = _KINDS.get(text.kind, text.kind)
        raise Misread(f"YAML reads this as a {kind}, not as text", f'quote it: "{text.value}"')
    return text.value


_KINDS = {"bool": "yes-or-no", "int": "number", "float": "number", "timestamp": "date"}


def whole(text: Text) -> int:
    """A decimal number. Octal, hexadecimal, grouped and sexagesimal ones (YAML 1.1 reads 1:30 as 90) are refused."""
    if text.kind == "null":
        raise Misread("no value")
    if text.kind != "int":
        quoted = text.kind == "str" and _DECIMAL.fullmatch(text.value)
        raise Misread("not a whole number", f"without quotes: {text.value}" if quoted else None)
    if not _DECIMAL.fullmatch(text.value):
        raise Misread("not a plain decimal number: YAML reads it as another one", _meant(text.value))
    return int(text.value)


def _meant(value: str) -> str:
    stripped = value.lstrip("+0")
    return f"write {stripped}" if _DECIMAL.fullmatch(stripped) else "digits only, no leading zero"


def number(low: int, high: int, allowed: str | None = None) -> Scalar:
    """A whole number within bounds."""

    def parse(text: Text) -> int:
        value = whole(text)
        if not low <= value <= high:
            raise Misread("out of range")
        return value

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(allowed or f"{low} to {high}", parse, schema, low, int)


def choice(*values: str) -> Scalar:
    """One of some words."""

    def parse(text: Text) -> str:
        if text.kind == "str" and text.value in values:
            return text.value
        lowered = text.value.lower()
        raise Misread("not one of the values", f"write {lowered}" if lowered in values else None)

    return Scalar(", ".join(values), parse, {"enum": list(values)}, values[0])


def pattern(regex: str, allowed: str, placeholder: str = "", most: int = 255) -> Scalar:
    """Text that fully matches, of ``most`` characters."""
    compiled = re.compile(regex)

    def parse(text: Text) -> str:
        value = words(text)
        if not compiled.fullmatch(value):
            raise Misread("not allowed here")
        if len(value) > most:
            raise Misread(f"{len(value)} characters")
        return value

    schema = {"type": "string", "pattern": f"^(?:{regex})$(?!\\n)", "maxLength": most}
    return Scalar(allowed, parse, schema, placeholder)


def name(most: int = 40) -> Scalar:
    """A name that the kernel, charon, FRR and nft all take as one word."""
    return pattern(NAME, f"letters, digits, . _ -, beginning with a letter or digit, at most {most}", most=most)


def _text(allowed: str, parse_value: Callable[[str], Any], placeholder: Any) -> Scalar:
    """A scalar whose text ``parse_value`` reads; a ValueError of it is the misreading."""

    def parse(text: Text) -> Any:
        value = words(text)
        try:
            return parse_value(value)
        except ValueError as error:
            raise Misread(f"not {allowed.split(' like ')[0]}", _fix_of(error)) from None

    return Scalar(allowed, parse, _STRING, placeholder)


class _Fixable(ValueError):
    """A ValueError that knows what was meant."""


def _fix_of(error: ValueError) -> str | None:
    return str(error) if isinstance(error, _Fixable) else None


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
        raise _Fixable(f"add a prefix length, like {value}/{'128' if ':' in value else '32'}")
    if not value.partition("/")[2].isascii() or not value.partition("/")[2].isdecimal():
        raise ValueError("a netmask")
    try:
        return ip_network(_without_zone(value))
    except ValueError:
        whole_network = ip_network(value, strict=False)  # a ValueError again when it is no network at all
        raise _Fixable(f"write {whole_network}") from None


def _interface4(value: str) -> IPv4Interface:
    _network_length(value)
    return IPv4Interface(value)


def _interface6(value: str) -> IPv6Interface:
    _network_length(value)
    return IPv6Interface(_without_zone(value))


def _network_length(value: str) -> None:
    if "/" not in value:
        raise _Fixable(f"add a prefix length, like {value}/{'126' if ':' in value else '30'}")
    if not value.partition("/")[2].isdecimal():
        raise ValueError("a netmask")


ADDRESS = _text("an address like 192.0.2.1 or 2001:db8::1", _address, IPv4Address(0))
ADDRESS4 = _text("an IPv4 address like 192.0.2.1", IPv4Address, IPv4Address(0))
ADDRESS6 = _text("an IPv6 address like 2001:db8::1", lambda value: IPv6Address(_without_zone(value)), IPv6Address(0))
NETWORK = _text("a network like 192.0.2.0/24", _network, ip_network("0.0.0.0/32"))
INSIDE4 = _text("an IPv4 address with its length like 169.254.23.6/30", _interface4, None)
INSIDE6 = _text("an IPv6 address with its length like fd00::2/126", _interface6, None)


def _flag(text: Text) -> bool:
    if text.kind == "bool" and text.value in ("true", "false"):
        return text.value == "true"
    if text.kind == "bool":
        raise Misread("only some YAML readers take this for yes or no", f"write {_TRUTH[text.value.lower()]}")
    raise Misread("not true or false")


_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}

FLAG = Scalar("true, false", _flag, {"type": "boolean"}, False, bool)


def duration(low: int, high: int) -> Scalar:
    """Whole seconds: a number, or a number with s, m, h or d."""

    def parse(text: Text) -> int:
        seconds = whole(text) if text.kind == "int" else _seconds(text)
        if not low <= seconds <= high:
            raise Misread("out of range")
        if seconds != int(seconds):
            raise Misread("not whole seconds")
        return int(seconds)

    whole_number = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(
        f"{low}s to {high}s, as seconds or like 60s, 5m, 8h",
        parse,
        {"anyOf": [whole_number, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]},
        low,
        int,
    )


def _seconds(text: Text) -> float:
    found = _DURATION.fullmatch(words(text))
    if not found:
        raise Misread("not a duration")
    return round(int(found[1]) * _UNITS[found[2]], 3)


def _interval(text: Text) -> float:
    seconds = float(whole(text)) if text.kind == "int" else _seconds(text)
    if not 0.01 <= seconds <= 3600:
        raise Misread("out of range")
    return seconds


INTERVAL = Scalar(
    "10ms to 1h, like 100ms or 1s",
    _interval,
    {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]},
    1.0,
    lambda seconds: f"{round(seconds * 1000)}ms",
)


def _asn(text: Text) -> int:
    if text.kind == "float":
        raise Misread("YAML reads this as a fraction", f'quote it: "{text.value}"')
    if text.kind == "str":
        high, dot, low = text.value.partition(".")
        parts = [int(part) for part in (high, low) if _DECIMAL.fullmatch(part)]
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


AUTO_ADDRESS = Scalar("auto, or " + ADDRESS.allowed, _auto_or_address, _STRING, None, lambda a: str(a) if a else "auto")


def keyword(word: str, value: Any) -> Scalar:
    """One word that stands for ``value``."""
    single = choice(word)

    def parse(text: Text) -> Any:
        single.parse(text)
        return value

    return Scalar(word, parse, {"const": word}, value, lambda _: word)


_COMMUNITY = re.compile(r"(0|[1-9][0-9]{0,9})(:(0|[1-9][0-9]{0,9})){1,2}")


def _community(value: str) -> str:
    """A standard (RFC 1997) or large (RFC 8092) community."""
    if not _COMMUNITY.fullmatch(value):
        raise ValueError("shape")
    parts = [int(part) for part in value.split(":")]
    if max(parts) > (0xFFFF if len(parts) == 2 else _HIGHEST_ASN):
        raise ValueError("range")
    return value


COMMUNITY = _text('a community like "64512:100" (16 bit each) or "64512:1:2" (32 bit each)', _community, "0:0")


def _metrics(value: str) -> str:
    host, _, port = value.rpartition(":")
    ip_address(_without_zone(host.removeprefix("[").removesuffix("]")))
    if not _DECIMAL.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError("port")
    return value


ENDPOINT = _text("an address with a port like 127.0.0.1:9342 or [::1]:9342", _metrics, "127.0.0.1:1")

PROPOSAL = pattern(r"[a-z0-9_]+(-[a-z0-9_]+)*", "strongSwan's keywords like aes256-sha256-modp2048", most=200)
PATH = pattern(r"[A-Za-z0-9._+@/-]+", "a path of letters, digits and . _ + @ / -", most=1024)
IDENTITY = pattern(
    r"[A-Za-z0-9.:@%_=,+*/-]([A-Za-z0-9.:@%_=,+*/ -]*[A-Za-z0-9.:@%_=,+*/-])?",
    "an address, a name or a distinguished name: letters, digits and . : @ % _ = , + * / - and spaces within",
)
LABEL = pattern(r"[A-Za-z0-9][A-Za-z0-9._:/ -]*", "letters, digits, . _ : / - and spaces, at most 512", most=512)
INTERFACE = pattern(NAME, "an interface name: letters, digits, . _ -, at most 15", most=15)
VARIABLE = pattern(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _")
