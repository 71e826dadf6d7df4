"""A device's table: which statement says what of which thing. Statements to things, and the ways between these.

A pattern has the statement's words, and in their places: ``N`` the thing's name (several make one, with points
between), ``I`` the number of an item within it, ``V`` the value, ``V*`` the value of one word or several, ``_`` any
word, ``...`` any words. A key with a colon says a value that the statement only implies: ``version:1``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import takewhile

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.vendors.device.statements import Statement
from appliance.vendors.draft import Findings
from appliance.vendors.values import Place, show

_GAP = "\x1f"
_WORD = f"[^{_GAP}]+"
_PLACES = {
    "N": f"(?P<name>{_WORD}){_GAP}",
    "I": f"(?P<item>{_WORD}){_GAP}",
    "V": f"(?P<value>{_WORD}){_GAP}",
    "V*": f"(?P<value>(?:{_WORD}{_GAP})+)",
    "_": f"{_WORD}{_GAP}",
    "...": f"(?:{_WORD}{_GAP})*",
}
IGNORE = "ignore"
"""The kind of a rule whose statement is understood and left out; its key is the reason."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing's ``key`` is ``text``; ``item`` tells its proposals apart."""

    key: str
    item: str
    text: str
    place: Place
    section: int


@dataclass(slots=True)
class Thing:
    """What a device has under a name: an interface, a peer, a group of proposals."""

    kind: str
    name: str
    facts: list[Fact] = field(default_factory=list)

    def said(self, key: str) -> list[Fact]:
        """What is said under this key."""
        return [fact for fact in self.facts if fact.key == key]

    @property
    def section(self) -> int:
        """The section in which it is spoken of first."""
        return self.facts[0].section


Things = dict[tuple[str, str], Thing]


class Rules:
    """The table, made ready: patterns by their first word."""

    def __init__(self, table: Sequence[tuple[str, str, str]], scope: str) -> None:
        self._table = table
        self._scope = re.compile(scope)

    @cached_property
    def _rules(self) -> dict[str, list[tuple[tuple[str, ...], str, str, str]]]:
        """By their first word: the words before the first place, the whole pattern, kind and key."""
        found: dict[str, list[tuple[tuple[str, ...], str, str, str]]] = defaultdict(list)
        for pattern, kind, key in self._table:
            words = tuple(takewhile(lambda word: word not in _PLACES, pattern.split()))
            found[words[0]].append((words, pattern, kind, key))
        return found

    def read(self, statements: Iterable[Statement], file: str, findings: Findings) -> Things:
        """The things that the statements speak of. What is in the table's scope and not in the table is warned of."""
        things: Things = {}
        for statement in statements:
            matches = list(self._matches(statement))
            for match, kind, key in [each for each in matches if each[1] != IGNORE] or matches[:1]:
                self._take(match, kind, key, statement, file, things, findings)
            if not matches and self._scope.match(" ".join(statement.words)):
                place = Place(file, statement.line, "")
                message = f"{self._without_values(statement.words)}: not known, not taken over"
                findings.warnings.append(Notice(place.where, message))
        return things

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset(word for pattern, _, _ in self._table for word in pattern.split())

    def _without_values(self, words: tuple[str, ...]) -> str:
        """The statement's words as far as the table has them: another may be a name, a value, or worse, a key."""
        known = [word if word in self._vocabulary else "..." for word in words[:-1]]
        return show(" ".join(known))

    def _matches(self, statement: Statement) -> Iterator[tuple[re.Match[str], str, str]]:
        text = _GAP.join(statement.words) + _GAP
        for words, pattern, kind, key in self._rules.get(statement.words[0] if statement.words else "", ()):
            if statement.words[: len(words)] == words and (match := _compiled(pattern).fullmatch(text)):
                yield match, kind, key

    def _take(
        self,
        match: re.Match[str],
        kind: str,
        key: str,
        statement: Statement,
        file: str,
        things: Things,
        findings: Findings,
    ) -> None:
        if kind == IGNORE:
            findings.ignored.append(Ignored(statement.line, key))
            return
        groups = match.groupdict()
        key, _, implied = key.partition(":")
        text = implied or (groups.get("value") or "").rstrip(_GAP).replace(_GAP, " ")
        said = " ".join(word for word in statement.words if word != text)
        if " " in text:
            said = " ".join(match.string[: match.start("value")].split(_GAP)).strip()
        place = Place(file, statement.line, said)
        if statement.is_open:
            findings.faults.append(place.fault("a quote is never closed", fix="complete the line"))
            return
        name = ".".join(part for group, part in groups.items() if group.startswith("name") and part)
        name = name or str(statement.section)  # what has no name holds for its section
        thing = things.setdefault((kind, name), Thing(kind, name))
        thing.facts.append(Fact(key, groups.get("item") or "", text, place, statement.section))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Only now: a table has a hundred patterns, a document uses some."""
    made = []
    for number, word in enumerate(pattern.split()):
        place = _PLACES.get(word, re.escape(word) + _GAP)
        made.append(place.replace("<name>", f"<name{number}>"))
    return re.compile("".join(made))
