"""What ``nft`` prints, read: whether a listing is still the one that followed our load, and what was counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b, sha256

from appliance.firewall.words import Elements

_SET = re.compile(r"(?:set|map) (\w+) \{|\s*elements = \{(.*?)\}", re.DOTALL)
_ROOM = 1 << 128


def digest_listing(listing: str) -> str:
    """A digest of a stateless listing (``nft -s list table``): of all but the elements of sets, and of each of those.
    Their order does not count: the kernel keeps them in hash tables that it may re-arrange."""
    total, name, rest, at = 0, "", sha256(), 0
    for found in _SET.finditer(listing):
        if found[2] is None:
            name = found[1]
            continue
        rest.update(listing[at : found.start()].encode())
        at = found.end()
        total += _sum(name, (" ".join(element.split()) for element in found[2].split(",")))
    rest.update(listing[at:].encode())
    return f"{rest.hexdigest()} {total % _ROOM:x}"


def amend_digest(digest: str, gone: Elements, come: Elements) -> str:
    """The digest of the same listing after these elements went and came."""
    rest, _, total = digest.partition(" ")
    change = sum(_sum(name, elements) for name, elements in come.items())
    change -= sum(_sum(name, elements) for name, elements in gone.items())
    return f"{rest} {(int(total, 16) + change) % _ROOM:x}"


def _sum(name: str, elements: Iterable[str]) -> int:
    """Of digests of elements, so that one more or less is one step."""
    each = (blake2b(f"{name} {element}".encode(), digest_size=16).digest() for element in elements if element)
    return sum(int.from_bytes(one, "big") for one in each)


def parse_counters(text: str) -> Mapping[str, int]:
    """Packets by counter name, from ``nft -j list counters``. ValueError when it is no such thing."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    items = [item["counter"] for item in value.get("nftables", ()) if "counter" in item]
    return {str(item["name"]): int(item["packets"]) for item in items}


def first_error(stderr: str) -> str:
    """nft's own sentence, with the line it points at: ``Could not process rule: Operation not permitted``."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "Error: " in line:
            sentence = line.split("Error: ", 1)[1]
            follows = [text for text in lines[number + 1 : number + 2] if set(text) - set("^~ ")]
            return ": ".join((sentence, *follows))
    return lines[0] if lines else "no reason given"
