"""The text of an intent cut into its connections, and cut again after a change: what did not change is the same."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from appliance.intent.tree import MOST_CHARACTERS
from appliance.model.sequel import Sequel, follow

_CONNECTIONS = re.compile(r"connections:[ \t]*\n(?=( *)- )")
_STRANGE = ("\r", "\ufeff", "\n---", "\n...", "\n%")
_NEXT_KEY = re.compile(r"\n(?=[^\s#])(?!- )")
"""What stands at the left edge ends the list; whatever else is out of place can be read in no part by itself."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Of a ``text``: what stands ``before`` the list of connections, each of its ``items``, what comes ``after``. Each
    item begins with ``beginning`` and ends its last line, one more than the text has at the end of the list."""

    text: str
    before: str
    beginning: str
    items: Sequel[str]
    after: str

    @property
    def frame(self) -> str:
        """What stands around the list, with an empty one."""
        return f"{self.before.rpartition('connections:')[0]}connections: []\n{self.after}"


def split_text(text: str, known: Pieces | None = None) -> Pieces | None:
    """None for a text of another manner. What was among the items ``known`` is the same object."""
    lines = f"\n{text}"
    place = lines.find("\nconnections:") + 1
    opening = _CONNECTIONS.match(lines, place) if place else None
    if opening is None or len(text) > MOST_CHARACTERS or any(words in lines for words in _STRANGE):
        return None
    ending = _NEXT_KEY.search(lines, opening.end()) if _has_edges(lines, opening.end()) else None
    end = ending.end() if ending else len(lines)
    beginning = f"{opening[1] or ''}- "
    items, same = _items(lines[opening.end() : end], beginning), {one: one for one in known.items} if known else {}
    return Pieces(text, lines[1 : opening.end()], beginning, Sequel(same.get(one, one) for one in items), lines[end:])


def follow_pieces(known: Pieces, text: str) -> Pieces | None:
    """The same, where what changed lies between items that did not; None where it takes a look at all of it."""
    if text == known.text:
        return known
    start, end = len(known.before), len(text) - len(known.after)
    alike = text.startswith(known.before) and text.endswith(known.after) and len(text) <= MOST_CHARACTERS
    if not alike or end <= start or not known.beginning.startswith(" ") or (known.after and text[end - 1] != "\n"):
        return None
    head, tail, start, end = _find_same(known, text, start, end)
    between = text[start:end]
    if (
        _is_strange(between, known.beginning)
        or (tail and not between.endswith("\n") and between)
        or not (tail or between)
    ):
        return None
    items = _items(between.removesuffix("\n") if tail else between, known.beginning) if between else []
    now = [*known.items[:head], *items, *known.items[len(known.items) - tail :]]
    changed = range(head, head + len(items))
    return Pieces(text, known.before, known.beginning, follow(known.items, now, changed), known.after)


def _items(text: str, beginning: str) -> list[str]:
    _, *items = f"\n{text}".split(f"\n{beginning}")
    return [f"{beginning}{item}\n" for item in items]


def _find_same(known: Pieces, text: str, start: int, end: int) -> tuple[int, int, int, int]:
    """How many items of the list, which now goes from ``start`` to ``end``, are the same at its start and at its end;
    and where what lies between begins and ends."""
    old, stop = known.text, len(known.text) - len(known.after)
    begins = [*accumulate(map(len, known.items), initial=start)]
    most = min(stop, end) - start
    alike = _count(most, lambda one, two: text.startswith(old[start + one : start + two], start + one))
    head = bisect_right(begins, start + alike) - 1
    alike = _count(most - alike, lambda one, two: text.startswith(old[stop - two : stop - one], end - two))
    first = bisect_left(begins, stop - alike, head)
    while first < len(known.items) and text[end - stop + begins[first] - 1] != "\n":
        first += 1
    last = end if first >= len(known.items) else end - stop + begins[first]
    return head, max(len(known.items) - first, 0), begins[head], last


def _count(most: int, same: Callable[[int, int], bool]) -> int:
    """How many characters are the same from the first on, when this tells of those from one place to another. No more
    than twice as many are looked at."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if same(least, middle) else (least, middle - 1)
    return least


def _is_strange(text: str, beginning: str) -> bool:
    """Whether it is anything but items, or something stands at the left edge."""
    lines = f"\n{text}"
    plain = text.startswith(beginning) and not any(words in lines for words in _STRANGE)
    return bool(text) and (not plain or _has_edges(lines, 0))


def _has_edges(lines: str, start: int) -> bool:
    """Whether anything but the end may stand at the left edge from there on: counted, which is quicker than a look at
    each line."""
    return lines.count("\n", start) - lines.count("\n ", start) > lines.endswith("\n")
