"""What a cloud's answers have in common, whichever tool shows them: names in several spellings, lists of one, flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TypeVar

from appliance.model.fault import Fault
from appliance.vendors.draft import Field
from appliance.vendors.tree import Node
from appliance.vendors.values import Place, Placeholder

T = TypeVar("T")

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


def spelled(node: Node | None, name: str) -> Node | None:
    """The value of this name, as the API spells it (``peerIp``), Terraform (``peer_ip``) or a CLI (``peer-ip``)."""
    if node is None:
        return None
    return next((found for spelling in _spellings(name) if (found := node.find(spelling))), None)


@cache
def _spellings(name: str) -> tuple[str, str, str]:
    small = _HUMP.sub("_", name).lower()
    return name, small, small.replace("_", "-")


def look(node: Node | None, *names: str) -> Node | None:
    """The value or block down these names; of a list of one that one, as Terraform keeps blocks."""
    for name in names:
        node = spelled(node, name)
        if node is not None and isinstance(node.value, list):
            node = node.find(0) if len(node.value) == 1 else None
    return node


def word(node: Node | None, *names: str) -> str | None:
    """The text down these names, None where there is none."""
    found = look(node, *names)
    return found.text if found else None


def listed(node: Node | None, *names: str) -> list[Node]:
    """What a list holds down these names, some of which a document may leave out."""
    for name in names:
        if node is not None and isinstance(node.value, list):
            break
        node = spelled(node, name)
    return node.items() if node else []


def say(
    node: Node | None,
    field: Field[T],
    parse: Callable[[str, Place, list[Fault]], T | Placeholder | None],
    faults: list[Fault],
) -> None:
    """What the node says, if it is there and not empty."""
    if node is not None and node.text is not None:
        field.say(parse(node.text, node.place, faults), node.place)


def flag(node: Node | None) -> bool | None:
    """Whether it says true or false, in any case; None when it says neither."""
    return _BOOLEANS.get((node.text or "").lower()) if node is not None else None


def last_part(node: Node | None, *names: str) -> str | None:
    """The name at the end of a path or URL (``.../regions/us-central1/vpnTunnels/tunnel-a``)."""
    text = word(node, *names)
    return text.rstrip("/").rpartition("/")[2] or None if text else None


Said = str | tuple[object, ...] | None


def distinct(nodes: Iterable[Node]) -> list[Node]:
    """The nodes without what is repeated word for word, as several answers do."""
    found: dict[Said, Node] = {}
    for node in nodes:
        found.setdefault(said(node), node)
    return list(found.values())


def grouped(nodes: Iterable[Node], name: Callable[[Node], str | None]) -> Mapping[str | None, list[Node]]:
    """The distinct nodes by name."""
    found: dict[str | None, list[Node]] = {}
    for node in nodes:
        found.setdefault(name(node), []).append(node)
    return {key: distinct(own) for key, own in found.items()}


def said(node: Node) -> Said:
    """What it says, wherever it stands: the same for two nodes that say the same."""
    if isinstance(node.value, dict):
        return ("", *((key, said(below)) for key, below in node.value.items()))
    return tuple(map(said, node.value)) if isinstance(node.value, list) else node.value


def as_it_is(text: str, _place: Place, _faults: list[Fault]) -> str:
    """Any text."""
    return text
