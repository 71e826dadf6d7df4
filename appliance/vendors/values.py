"""One written value to a typed one, a placeholder or a fault. No fault ever quotes a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import TypeVar

from appliance.model.address import IPAddress, IPInterface, IPNetwork
from appliance.model.fault import Fault

T = TypeVar("T")

_UNITS = {"": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9}) ?([a-z]*?)s?", re.IGNORECASE)
_BRACKETED = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}?\}|\$\{?\w+\}?|%\w+%")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([ _-]+[A-Za-z0-9]+)*")
_MASKED = re.compile(r"(?=.*[xX*#])[\dxX*#]{1,3}(\.[\dxX*#]{1,3}){3}(/[\dxX*#]{1,2})?")
_HEX = re.compile(r"[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Text that stands where a value belongs (``<VPC CIDR>``, ``aliyun_public_ip``, ``203.0.x.x``)."""

    literal: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was found: file, line, and the key as the document writes it."""

    file: str
    line: int
    key: str

    @property
    def where(self) -> str:
        """The place as a notice names it."""
        return f"{self.file}, line {self.line}"

    def fault(
        self, message: str, *, found: str | None = None, allowed: str | None = None, fix: str | None = None
    ) -> Fault:
        """A fault at this place. ``found`` is clipped, so that a pasted page does not fill the screen."""
        shown = None if found is None else show(found)
        return Fault(message, self.file, self.line, self.key, shown, allowed, fix)


_TELLTALE = re.compile(
    r"(?i)(?<![a-z0-9])((?:pre-?shared-?|shared-?)?(?:psk|secret|key|passw(?:or)?d|passphrase))(?![a-z0-9-])(?=.*[^\s<>]{6})"
)
"""A word that a key stands behind; nothing so long behind it: a placeholder, a name."""


_LOOKED_AT = 400
"""Characters of a text: no more are shown of it than 80, whatever it is."""


def show(text: str) -> str:
    """Text from a document as one printable line of at most 80 characters. Where lines ran into one another, a key may
    stand in the text of anything: what follows the word for one is not shown."""
    plain = "".join(char if char.isprintable() else "?" for char in text[:_LOOKED_AT])
    if match := _TELLTALE.search(plain):
        plain = f"{plain[: match.end()]} ***"
    return plain if len(plain) <= 80 else f"{plain[:77]}..."


def placeholder(text: str) -> Placeholder | None:
    """The placeholder this text is, or None. A word that cannot be an address or a number is one; a mistyped address
    (digits, dots and colons only) is not, nor is a host name."""
    if _BRACKETED.fullmatch(text) or _MASKED.fullmatch(text):
        return Placeholder(show(text))
    if _NAME.fullmatch(text) and not _HEX.fullmatch(text):
        return Placeholder(show(text))
    return None


def _parse(
    text: str, place: Place, faults: list[Fault], read: Callable[[str], T], what: str, allowed: str
) -> T | Placeholder | None:
    stand_in = placeholder(text)
    if stand_in is not None:
        return stand_in
    try:
        return read(text)
    except ValueError:
        faults.append(place.fault(f"not {what}", found=text or "nothing", allowed=allowed))
        return None


def parse_address(text: str, place: Place, faults: list[Fault]) -> IPAddress | Placeholder | None:
    """An IPv4 or IPv6 address; a host length (``/32``) after it is dropped."""
    return _parse(text, place, faults, _host, "an address", "an IPv4 or IPv6 address")


def _host(text: str) -> IPAddress:
    interface = ip_interface(text)
    if interface.network.prefixlen != interface.max_prefixlen:
        raise ValueError(text)
    return interface.ip


def parse_interface(text: str, place: Place, faults: list[Fault]) -> IPInterface | Placeholder | None:
    """An address with its prefix length (``169.254.23.6/30``)."""
    return _parse(text, place, faults, _with_length, "an address with its length", "A.B.C.D/30")


def _with_length(text: str) -> IPInterface:
    if "/" not in text:
        raise ValueError(text)
    return ip_interface(text)


def parse_network(text: str, place: Place, faults: list[Fault]) -> IPNetwork | Placeholder | None:
    """A network in CIDR notation, without host bits."""
    return _parse(text, place, faults, ip_network, "a network", "a network without host bits: 10.0.0.0/16")


def parse_number(
    text: str, place: Place, faults: list[Fault], low: int, high: int, unit: str = ""
) -> int | Placeholder | None:
    """A whole number between ``low`` and ``high``; its ``unit`` may follow (``1379 bytes``)."""
    match = re.fullmatch(rf"([0-9]{{1,10}})(?: ?{unit})?" if unit else r"([0-9]{1,10})", text, re.IGNORECASE)
    if match and low <= int(match[1]) <= high:
        return int(match[1])
    return _no_number(text, place, faults, f"{low} to {high}{' ' if unit else ''}{unit}")


def parse_seconds(text: str, place: Place, faults: list[Fault], low: int, high: int) -> int | Placeholder | None:
    """A duration (``8h``, ``60m``, ``28800``, ``28800 seconds``) between ``low`` and ``high``, both in seconds."""
    match = _DURATION.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match and unit and low <= int(match[1]) * unit <= high:
        return int(match[1]) * unit
    return _no_number(text, place, faults, f"{low} to {high} seconds")


def parse_asn(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    """An AS number, also as asdot (``1.1092`` is 66628, RFC 5396)."""
    dotted = re.fullmatch(r"([0-9]{1,5})\.([0-9]{1,5})", text)
    if dotted and max(int(dotted[1]), int(dotted[2])) < 1 << 16:
        text = str((int(dotted[1]) << 16) + int(dotted[2]))
    return parse_number(text, place, faults, 0, 4294967295)


def _no_number(text: str, place: Place, faults: list[Fault], allowed: str) -> Placeholder | None:
    stand_in = placeholder(text)
    if stand_in is None:
        digits = any(char.isdigit() for char in text)
        message = "outside what is possible" if digits else "not a number"
        faults.append(place.fault(message, found=text or "nothing", allowed=allowed))
    return stand_in


def parse_choice(text: str, place: Place, faults: list[Fault], choices: Mapping[str, T]) -> T | Placeholder | None:
    """One of a few words, in any case."""
    if text.lower() in choices:
        return choices[text.lower()]
    if _BRACKETED.fullmatch(text):
        return Placeholder(show(text))
    faults.append(place.fault("not one of the known values", found=text or "nothing", allowed=", ".join(choices)))
    return None
