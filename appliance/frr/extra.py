"""The operator's own text for FRR: what of it can be passed on, and to which daemon each line belongs."""

from __future__ import annotations

import re

from appliance.frr.tree import Tree, parse_tree
from appliance.model.fault import Fault, FaultyInput

_ROUTING = re.compile(
    r"(router bgp |route-map |(ip|ipv6) prefix-list |bgp (as-path access-list|community-list|large-community-list"
    r"|extcommunity-list|route-map delay-timer) |(ipv6 )?access-list )"
)
"""Lines that bgpd holds."""

_ZEBRA = re.compile(r"(ip|ipv6) (protocol|route|nht) ")
"""Lines that mgmtd holds for zebra and staticd."""

_ALLOWED = "router bgp, route-map, prefix-list, access-list, bgp ...-list, ip|ipv6 route|protocol|nht"


def parse_extra(text: str, router: str) -> Tree:
    """The sections of the text, {} for none. ``router`` is the header of our BGP instance, the only one there is.

    Raises FaultyInput with every line that FRR would not get from us.
    """
    faults = [fault for number, line in enumerate(text.splitlines(), 1) for fault in _faults(number, line, router)]
    if faults:
        raise FaultyInput("FRR's extra text has lines that cannot be merged in", faults=tuple(faults))
    tree = parse_tree(text)
    return tree if any(tree.values()) or len(tree) > 1 else {}


def _faults(number: int, raw: str, router: str) -> list[Fault]:
    line = " ".join(raw.split())

    def fault(message: str, allowed: str) -> list[Fault]:
        return [Fault(message, line=number, key="frr-extra", found=repr(line), allowed=allowed)]

    if not line or line[0] in "!#" or line in ("exit", "end", "exit-address-family"):
        return []
    if not line.isascii() or not line.isprintable() or "?" in line:
        return fault("a character that FRR's command line acts on", "printable ASCII without ?")
    if raw[0].isspace():
        return []
    if line.startswith("router bgp ") and line != router:
        return fault("another BGP instance", router)
    if not (_ROUTING.match(line) or _ZEBRA.match(line)):
        return fault("not a line that is passed on to FRR", _ALLOWED)
    return []


def belongs_to_zebra(line: str) -> bool:
    """Whether a line of the top level is mgmtd's (for zebra and staticd) rather than bgpd's."""
    return bool(_ZEBRA.match(line))
