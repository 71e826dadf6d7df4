"""From one text of our table to another where nothing differs but what stands in sets: elements come and go, in one
transaction, and the rest of the table is not touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appliance.model.resources import TABLE_MARK

_WRITTEN = re.compile(
    r"(?m)^\t(?:set|map) (\w+) \{\n((?:\t\t\w.*\n)*?)(\t\telements = \{\n((?:\t\t\t.*,\n)*)\t\t\}\n)?\t\}\n"
)
"""A set as we write it: its name, its type, its elements."""
_LISTED = re.compile(
    r"(?m)^(\t(?:set|map) (\w+) \{\n(?:\t\t(?!elements ).*\n)*)(?:\t\telements = \{([^}]*)\}\n)?(?=\t\}\n)"
)
"""The same as nft lists it."""

Elements = Mapping[str, frozenset[str]]
"""By the name of a set or map."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What goes out of sets, and what comes in."""

    gone: Elements
    come: Elements

    @property
    def script(self) -> str:
        """For ``nft -f``."""
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for verb, sets in (("delete", self.gone), ("add", self.come)):
            for name, elements in sorted(sets.items()):
                if elements:
                    yield f"{verb} element inet {TABLE_MARK} {name} {{ {', '.join(sorted(elements))} }}\n"

    def foretell(self, listing: str) -> str:
        """The table's listing as it is afterwards, from that before; the order of elements is another."""

        def amended(found: re.Match[str]) -> str:
            head, name, inside = found[1], found[2], found[3] or ""
            if name not in self.gone:
                return found[0]
            before = {" ".join(one.split()) for one in inside.split(",") if one.strip()}
            after = sorted(before - self.gone[name] | self.come[name])
            return f"{head}\t\telements = {{ {', '.join(after)} }}\n" if after else head

        return _LISTED.sub(amended, listing)


def find_amendment(had: str, want: str) -> Amendment | None:
    """None where more differs, or a set of intervals does: those take no single elements in any order."""
    before, after = dict(_sets(had)), dict(_sets(want))
    if _WRITTEN.sub(_emptied, had) != _WRITTEN.sub(_emptied, want):
        return None
    changed = {name for name in after if before[name] != after[name]}
    if any(after[name][0] for name in changed):
        return None
    gone = {name: before[name][1] - after[name][1] for name in changed}
    return Amendment(gone, {name: after[name][1] - before[name][1] for name in changed})


def _sets(text: str) -> Iterator[tuple[str, tuple[bool, frozenset[str]]]]:
    """By name, whether it is of intervals, and its elements."""
    for found in _WRITTEN.finditer(text):
        lines = (found[4] or "").split(",\n")
        yield found[1], ("interval" in found[2], frozenset(line.strip() for line in lines if line.strip()))


def _emptied(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2]}"
