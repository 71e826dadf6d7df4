"""The text of an intent cut into its connections, and cut again after a change: what did not change is the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.intent.tree import MOST_CHARACTERS

_CONNECTIONS = re.compile(r"connections:[ \t]*\n(?=( *)- )")
_STRANGE = ("\r", "\ufeff", "\n---", "\n...", "\n%")
_NEXT_KEY = re.compile(r"\n(?=[^\s#])(?!- )")
"""What stands at the left edge ends the list; whatever else is out of place can be read in no part by itself."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """``before`` the list of connections, each of its ``items``, what comes ``after``. Each item begins with
    ``beginning`` and ends its last line, one more than the text has at the end of the list."""

    before: str
    beginning: str
    items: list[str]
    after: str

    @property
    def frame(self) -> str:
        """What stands around the list, with an empty one."""
        return f"{self.before.rpartition('connections:')[0]}connections: []\n{self.after}"


def split_text(text: str) -> Pieces | None:
    """None for a text of another manner."""
    lines = f"\n{text}"
    place = lines.find("\nconnections:") + 1
    opening = _CONNECTIONS.match(lines, place) if place else None
    if opening is None or len(text) > MOST_CHARACTERS or any(words in lines for words in _STRANGE):
        return None
    ending = _NEXT_KEY.search(lines, opening.end()) if _has_edges(lines, opening.end()) else None
    end = ending.end() if ending else len(lines)
    beginning = f"{opening[1] or ''}- "
    items = _items(lines[opening.end() : end], beginning)
    return Pieces(lines[1 : opening.end()], beginning, items, lines[end:])


def follow_pieces(known: Pieces, text: str) -> Pieces | None:
    """The same, where what changed lies between items that did not; None where it takes a look at all of it."""
    start, end = len(known.before), len(text) - len(known.after)
    alike = text.startswith(known.before) and text.endswith(known.after) and len(text) <= MOST_CHARACTERS
    if not alike or end <= start or not known.beginning.startswith(" ") or (known.after and text[end - 1] != "\n"):
        return None
    head, start = _same_at_start(known.items, text, start, end)
    tail, end = _same_at_end(known.items[head:], text, start, end)
    between = text[start:end]
    if (
        _is_strange(between, known.beginning)
        or (tail and not between.endswith("\n") and between)
        or not (tail or between)
    ):
        return None
    items = _items(between.removesuffix("\n") if tail else between, known.beginning) if between else []
    kept = known.items[len(known.items) - tail :]
    return Pieces(known.before, known.beginning, [*known.items[:head], *items, *kept], known.after)


def _items(text: str, beginning: str) -> list[str]:
    _, *items = f"\n{text}".split(f"\n{beginning}")
    return [f"{beginning}{item}\n" for item in items]


def _same_at_start(items: list[str], text: str, start: int, end: int) -> tuple[int, int]:
    """How many there are, and where they end."""
    for count, item in enumerate(items):
        if not text.startswith(item, start, end):
            return count, start
        start += len(item)
    return len(items), start


def _same_at_end(items: list[str], text: str, start: int, end: int) -> tuple[int, int]:
    """How many there are, and where they begin."""
    for count, item in enumerate(reversed(items)):
        piece = item if count else item[:-1]
        if not text.endswith(piece, start, end) or text[end - len(piece) - 1] != "\n":
            return count, end
        end -= len(piece)
    return len(items), end


def _is_strange(text: str, beginning: str) -> bool:
    """Whether it is anything but items, or something stands at the left edge."""
    lines = f"\n{text}"
    plain = text.startswith(beginning) and not any(words in lines for words in _STRANGE)
    return bool(text) and (not plain or _has_edges(lines, 0))


def _has_edges(lines: str, start: int) -> bool:
    """Whether anything but the end may stand at the left edge from there on: counted, which is quicker than a look at
    each line."""
    return lines.count("\n", start) - lines.count("\n ", start) > lines.endswith("\n")
