"""What is taken from a neighbour: by default nothing, then what the rules permit of what is sound."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes
from appliance.model.peering import Neighbor, PrefixRule

DENY_ANY = "deny any"

Compiled = tuple[tuple[bool, int, int, int, int, str], ...]
"""Per rule: permit, network as a number shifted to its length, that length's distance from the whole, the shortest and
the longest prefix it fits, and the rule in words."""


class Inbound:
    """One neighbour's rules, ready for many prefixes."""

    def __init__(self, neighbor: Neighbor, own_asns: Iterable[int]) -> None:
        self.neighbor = neighbor
        self._family = neighbor.address.version
        self._rules = _compile(neighbor.accept)
        self._own = frozenset(own_asns)

    def judge_attributes(self, attributes: Attributes) -> str | None:
        """Why no prefix of an UPDATE can be taken, or None."""
        if attributes.first_as is None:
            return "an empty AS path from another AS"
        if attributes.first_as != self.neighbor.peer_asn:  # RFC 4271, section 6.3
            return f"an AS path that begins with {attributes.first_as} instead of {self.neighbor.peer_asn}"
        if not self._own.isdisjoint(attributes.as_path):  # RFC 4271, section 9
            return "a loop: our own AS is in the path"
        return None

    def judge_prefix(self, prefix: IPNetwork, nexthop: IPAddress) -> str | None:
        """Why this prefix cannot be taken, or None. A next hop other than the neighbour is nobody whom
        the tunnel's own network holds: whoever lets that in has it go over the tunnel all the same. Over IPv6 a
        neighbour may name itself by its link-local address (RFC 2545, section 3): a tunnel has one other end."""
        if prefix.version != self._family:
            return f"an IPv{prefix.version} prefix over an IPv{self._family} session"
        itself = nexthop == self.neighbor.address or (nexthop.version == 6 and nexthop.is_link_local)
        if not itself and not self.neighbor.third_party:
            return f"the next hop {nexthop} is not the neighbour"
        number, length, whole = int(prefix.network_address), prefix.prefixlen, prefix.max_prefixlen
        for permit, network, bits, low, high, words in self._rules:
            if low <= length <= high and number >> (whole - bits) == network:
                return None if permit else words
        return DENY_ANY


@lru_cache(maxsize=1024)
def _compile(rules: tuple[PrefixRule, ...]) -> Compiled:
    return tuple(_compiled(rule) for rule in rules)


def _compiled(rule: PrefixRule) -> tuple[bool, int, int, int, int, str]:
    bits, whole = rule.prefix.prefixlen, rule.prefix.max_prefixlen
    low = bits if rule.ge is None else rule.ge
    high = rule.le if rule.le is not None else (whole if rule.ge is not None else bits)
    return rule.permit, int(rule.prefix.network_address) >> (whole - bits), bits, low, high, rule.words
