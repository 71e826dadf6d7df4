"""What our filters do with a prefix, read from their lines."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from appliance.frr.tree import Tree
from appliance.model.address import IPAddress, IPNetwork

CLOSED = "deny any"
"""What a path that should not carry is told."""


def inbound_rules(neighbor: IPAddress, applied: Tree) -> tuple[str, ...]:
    """The lines of the prefix-list that a neighbour's inbound route-map goes by, ``seq`` order, without their name.
    While the path is closed there is but one."""
    lines = [line for inner in applied.values() for line in inner]
    maps = {
        words[3]
        for line in lines
        if (words := line.split())[:3] == ["neighbor", str(neighbor), "route-map"] and words[-1] == "in"
    }
    if any(
        place and place[0].split()[:3:2] == ["route-map", "deny"] and place[0].split()[1] in maps for place in applied
    ):
        return (CLOSED,)
    lists = {
        line.split()[-1]
        for place, inner in applied.items()
        if place and place[-1].split()[:1] == ["route-map"] and place[-1].split()[1] in maps
        for line in inner
        if line.startswith("match ") and " prefix-list " in line
    }
    rules = [
        words for line in applied.get((), []) if (words := line.split())[1:2] == ["prefix-list"] and words[2] in lists
    ]
    return tuple(" ".join(words[5:]) for words in sorted(rules, key=lambda words: int(words[4])))


def first_match(prefix: IPNetwork, rules: Iterable[str]) -> str:
    """The rule that decides about a prefix."""
    return next((rule for rule in rules if _matches(prefix, rule.split()[1:])), "deny any")


def _matches(prefix: IPNetwork, words: list[str]) -> bool:
    if words[0] == "any":
        return True
    within = ip_network(words[0])
    bounds = dict(zip(words[1::2], map(int, words[2::2]), strict=False))
    low = bounds.get("ge", within.prefixlen)
    high = bounds.get("le", prefix.max_prefixlen if "ge" in bounds else within.prefixlen)
    inside = prefix.version == within.version and prefix.subnet_of(within)  # type: ignore[arg-type]
    return inside and low <= prefix.prefixlen <= high
