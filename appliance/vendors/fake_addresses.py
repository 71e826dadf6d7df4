"""Addresses that stand for others: the same for the same, with the networks between them kept as far as they matter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

from appliance.model.address import IPAddress, IPNetwork

_V4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:/(\d{1,2}))?(?![\w]|\.\d)")
_V6 = re.compile(r"(?<![\w:.])((?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?:/(\d{1,3}))?(?![\w:])")
_PUBLIC = tuple(ip_network(text) for text in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"))
_MORE_PUBLIC = IPv4Network("198.18.0.0/15")
"""RFC 5737; where those do not suffice, and for whole networks, RFC 2544."""
_LINK_LOCAL = IPv4Network("169.254.0.0/16")
_FIRST_INSIDE = 16 * 64  # 169.254.16.0, above what clouds reserve
_PRIVATE = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
_MASK = re.compile(r"255(\.(255|254|252|248|240|224|192|128|0)){3}|0\.0\.0\.(0|1|3|7|15|31|63|127|255)|127\.0\.0\.1")


class FakeAddresses:
    """Remembers what stands for what. ``insides`` are networks of tunnels: their hosts stay beside each other. Nothing
    of the text comes to stand for something else in it."""

    def __init__(self, text: str, insides: Iterable[IPNetwork]) -> None:
        self._insides = list(dict.fromkeys(insides))
        self._taken = {address for match in _V4.finditer(text) if (address := _address(match[1])) is not None}
        self._taken |= {address for match in _V6.finditer(text) if (address := _address(match[1])) is not None}
        self._fakes: dict[tuple[str, int | None], str] = {}
        self._blocks: dict[IPNetwork, IPNetwork] = {}
        self._octets: dict[tuple[int, ...], dict[int, int]] = {}

    def replace(self, text: str) -> str:
        """The text with every address replaced."""
        return _V6.sub(self._written, _V4.sub(self._written, text))

    @property
    def count(self) -> int:
        """How many different ones were replaced."""
        return len({address for address, _ in self._fakes})

    def _written(self, match: re.Match[str]) -> str:
        address = _address(match[1])
        if address is None or _MASK.fullmatch(match[1]) or address.is_unspecified or address.is_multicast:
            return match[0]
        length = None if match[2] is None or int(match[2]) == address.max_prefixlen else int(match[2])
        key = (str(address), length)
        if key not in self._fakes:
            self._fakes[key] = self._fake(address, length)
        return self._fakes[key] + (f"/{match[2]}" if match[2] is not None else "")

    def _fake(self, address: IPAddress, length: int | None) -> str:
        inside = next((net for net in self._insides if address in net), None)
        if inside is None and isinstance(address, IPv4Address) and address in _LINK_LOCAL and (length or 30) >= 28:
            inside = IPv4Network((address, 30), strict=False)
        if inside is not None:
            return str(self._block(inside)[int(address) - int(inside.network_address)])
        if isinstance(address, IPv6Address):
            return str(self._sixth(address, length))
        if any(address in net for net in (*_PRIVATE, _LINK_LOCAL)):
            return str(self._private(address))
        return str(self._public(address, length))

    def _block(self, inside: IPNetwork) -> IPNetwork:
        """Another network of the same size, of link-local addresses where it was one of them."""
        if inside not in self._blocks:
            is_four = isinstance(inside, IPv4Network)
            is_local = is_four and inside.subnet_of(_LINK_LOCAL)  # type: ignore[arg-type]
            if is_four:
                base = _LINK_LOCAL if is_local else IPv4Network("192.168.240.0/20")
                start = int(base.network_address) + (_FIRST_INSIDE * 4 if is_local else 0)
            else:
                start = int(IPv6Address("fd00:fa4e::"))
            size, number = inside.num_addresses, len(self._blocks)
            while True:
                found = ip_network((type(inside.network_address)(start + number * size), inside.prefixlen))
                if not any(address in found for address in self._taken):
                    break
                number += 1
            self._blocks[inside] = found
        self._taken |= {self._blocks[inside].network_address}
        return self._blocks[inside]

    def _sixth(self, address: IPv6Address, length: int | None) -> IPv6Address:
        """One of RFC 3849; of a network its own /48."""
        number = len(self._fakes) + 1
        base = int(IPv6Address("2001:db8::"))
        while (found := IPv6Address(base + (number << 80 if length is not None else number))) in self._taken:
            number += 1
        return found

    def _private(self, address: IPv4Address) -> IPv4Address:
        """Octet by octet, so that what shared a network still does; zeros, and how an octet ends, stay."""
        octets = list(address.packed)
        first = 2 if octets[0] == 192 else 1
        for index in range(first, 4):
            known = self._octets.setdefault(tuple(address.packed[:index]), {})
            octet = octets[index]
            if octet not in known:
                known[octet] = _other_octet(octet, set(known) | set(known.values()))
            octets[index] = known[octet]
        if octets[0] in (172, 100):
            octets[1] = address.packed[1]
        return IPv4Address(bytes(octets))

    def _public(self, address: IPv4Address, length: int | None) -> IPv4Address:
        if length is not None:
            size = 1 << max(1, 32 - length)
            number = len(self._fakes) + 1
            return IPv4Address(int(_MORE_PUBLIC.network_address) + (number * size) % _MORE_PUBLIC.num_addresses)
        pool = (host for net in (*_PUBLIC, _MORE_PUBLIC) for host in net.hosts())
        found = next(host for host in pool if host not in self._taken)
        self._taken.add(found)
        return found  # type: ignore[return-value]


def _other_octet(octet: int, taken: set[int]) -> int:
    """Another one that ends in as many zero bits; itself where there is none."""
    if octet in (0, 255):
        return octet
    step = octet & -octet
    fitting = [other for other in range(step, 255, step * 2) if other not in taken and other != octet]
    return fitting[0] if fitting else octet


def is_address(text: str) -> bool:
    """Whether it is one: addresses are identities too."""
    return _address(text) is not None


def _address(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
