"""From one text of our table to another where nothing differs but what stands in sets: elements come and go, in one
transaction, and the rest of the table is not touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from appliance.firewall.elements import GONE, NEW, Change
from appliance.firewall.sets import Listed
from appliance.firewall.words import Elements
from appliance.model.resources import FirewallTable

_WRITTEN = re.compile(
    r"(?m)^\t(?:set|map) (\w+) \{\n((?:\t\t\w.*\n)*?)(\t\telements = \{\n((?:\t\t\t.*,\n)*)\t\t\}\n)?\t\}\n"
)
"""A set as we write it: its name, its type, its elements."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What goes out of sets, and what comes in."""

    gone: Elements
    come: Elements

    @property
    def changes(self) -> Iterator[Change]:
        """What goes first: in a map the same key may come again with another value."""
        for verb, sets in ((GONE, self.gone), (NEW, self.come)):
            yield from ((verb, name, sorted(elements)) for name, elements in sorted(sets.items()) if elements)


def find_difference(had: FirewallTable, want: FirewallTable) -> Amendment | None:
    """As :func:`find_amendment`, looking only at parts that are not the same."""
    if len(had.parts) != len(want.parts) or not want.parts:
        return find_amendment(had.text, want.text)
    gone: dict[str, frozenset[str]] = {}
    come: dict[str, frozenset[str]] = {}
    for old, new in zip(had.parts, want.parts, strict=True):
        if old is new or old == new:
            continue
        if isinstance(old, Listed) and isinstance(new, Listed) and old.around == new.around:
            name = new.around[0]
            gone[name], come[name] = (_spelled(found) for found in new.elements.since(old.elements))
        else:
            (head, before), (other, after) = _lines(old), _lines(new)
            found = _NAMED.match(head)
            if head != other or found is None or "interval" in head:
                return None
            gone[found[1]], come[found[1]] = _stripped(before - after), _stripped(after - before)
    return Amendment(gone, come)


_NAMED = re.compile(r"\t(?:set|map) (\w+) \{\n")


def _lines(part: str) -> tuple[str, frozenset[str]]:
    """A set's text without its elements, and those."""
    head, _, rest = part.partition("\t\telements = {\n")
    inside, _, tail = rest.partition("\t\t}\n")
    return head + tail, frozenset(inside.split(",\n"))


def _spelled(elements: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(map(itemgetter(-1), elements))


def _stripped(lines: frozenset[str]) -> frozenset[str]:
    return frozenset(line.strip() for line in lines if line.strip())


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
