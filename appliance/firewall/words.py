"""How nft spells names, networks and lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from appliance.model.address import IPNetwork

Elements = Mapping[str, frozenset[str]]
"""By the name of a set or map."""


def quoted(name: str) -> str:
    """An interface name. It was checked: nothing in it needs escaping."""
    return f'"{name}"'


def braces(words: Iterable[str]) -> str:
    """An anonymous set."""
    return "{ " + ", ".join(words) + " }"


def merged(networks: Iterable[IPNetwork], family: int) -> list[IPNetwork]:
    """Sorted, without overlaps: an interval set refuses them."""
    if family == 4:
        return list(collapse_addresses(network for network in networks if isinstance(network, IPv4Network)))
    return list(collapse_addresses(network for network in networks if isinstance(network, IPv6Network)))
