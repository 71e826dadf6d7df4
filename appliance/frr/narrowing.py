"""Of two long configurations the parts in which they can differ: what is told to FRR follows from those alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.frr.marks import DEFAULT_LIST, MARK

Unit = tuple[str, str]
"""A line with what it stands under; of a route-map all of it."""

_OWNED = re.compile(rf"(?: neighbor |(?:route-map|prefix-list) {MARK}(?=[0-9a-f.:]+-(?:in|out) ))([0-9a-f.:]+)")
_COMMON_LISTS = f"prefix-list {DEFAULT_LIST} "


def narrowed(had: str, want: str) -> tuple[str, str]:
    """Both texts without the lines about neighbours that are the same in both. Where what many neighbours go by has
    changed: both as they are."""
    before, after = list(_units(had)), list(_units(want))
    changed = set(before) ^ set(after)
    found = {unit: _OWNED.search(unit[1]) for unit in changed}
    if any(owner is None and _is_common_policy(unit) for unit, owner in found.items()):
        return had, want
    owners = {owner[1] for owner in found.values() if owner}
    return _written(before, owners), _written(after, owners)


def _units(text: str) -> Iterator[Unit]:
    """Every line, in order; an end of a section is none."""
    for block in text.split("\n!\n"):
        if not block.startswith("router "):
            under = ("",) if block.startswith("route-map ") else None
            yield from (
                (("", block),) if under else (("", line) for line in block.split("\n") if line not in ("", "!"))
            )
            continue
        header = ""
        for part in block.split("\n !\n"):
            first, _, rest = part.partition("\n")
            header = header or first
            under_part = header if first == header else f"{header}\n{first}"
            yield under_part, ""
            yield from ((under_part, line) for line in rest.split("\n") if line.strip())


def _is_common_policy(unit: Unit) -> bool:
    """What no neighbour's name stands on, and yet verdicts may hang on it: or another router."""
    under, text = unit
    return text.startswith(("route-map ", _COMMON_LISTS)) or " prefix-list " in text or (bool(under) and not text)


def _written(units: Iterable[Unit], owners: set[str]) -> str:
    """As text again: what belongs to these neighbours, and what to none."""
    lines, here = [], ""
    for under, text in units:
        if under != here:
            here = under
            lines += under.split("\n")
        if text and ((owner := _OWNED.search(text)) is None or owner[1] in owners):
            lines += [text, *(["!"] if not under else [])]
    return "\n".join(lines) + "\n"
