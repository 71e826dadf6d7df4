"""What ``nft`` prints, read: whether a listing is still the one that followed our load, and what was counted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256

_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)


def digest_listing(listing: str) -> str:
    """A digest of a stateless listing (``nft -s list table``). The order of a set's elements does not count: the kernel
    keeps them in hash tables that it may re-arrange."""
    return sha256(_ELEMENTS.sub(_sorted_elements, listing).encode()).hexdigest()


def _sorted_elements(found: re.Match[str]) -> str:
    return "elements = { " + ", ".join(sorted(" ".join(element.split()) for element in found[1].split(","))) + " }"


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
