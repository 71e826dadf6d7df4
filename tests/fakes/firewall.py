"""nftables in memory, behind the same door."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from appliance.firewall.ruleset import COUNTERS, REMOVAL
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.resources import FirewallTable, Resource

_REFERENCE = re.compile(r"(?<![\w.])@(\w+)|\bjump (\w+)|\bcounter name (\w+)")
_DEFINITION = re.compile(r"^\s*(?:set|map|chain|counter) (\w+) \{", re.MULTILINE)


class FakeNft:
    """``loaded`` is the text of our table, None without one; ``loads`` counts transactions that went through.

    Like nft it refuses a text whose braces do not close, or that refers to what it does not define: then the old table
    stands.
    """

    owns = (FirewallTable,)

    def __init__(self) -> None:
        self.loaded: str | None = None
        self.loads = 0
        self.refused: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.missing: SystemLacks | None = None
        self._drift = ""

    async def lacks(self) -> tuple[SystemLacks, ...]:
        return (self.missing,) if self.missing else ()

    async def observe(self) -> frozenset[Resource]:
        if self.missing:
            raise self.missing
        return frozenset() if self.loaded is None else frozenset({FirewallTable(self.loaded + self._drift)})

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return [self._outcome(change) for change in changes]

    async def counters(self) -> Mapping[str, int]:
        if self.missing:
            raise self.missing
        return {} if self.loaded is None else dict(self.refused)

    def meddle(self) -> None:
        """Somebody else adds a rule to our table."""
        assert self.loaded is not None
        self._drift = "# a rule of somebody else\n"

    def flush(self) -> None:
        """Somebody else flushes every table there is."""
        self.loaded = None

    def _outcome(self, change: Change) -> Outcome:
        try:
            self._load(change.new)
        except (SystemFailure, SystemLacks) as error:
            return Outcome(change, error.message)
        return Outcome(change)

    def _load(self, table: Resource | None) -> None:
        if self.missing:
            raise self.missing
        if isinstance(table, FirewallTable):
            _judge(table.text)
        self.loaded = table.text if isinstance(table, FirewallTable) else None
        self.loads += 1
        self._drift = ""
        self.refused = dict.fromkeys(COUNTERS, 0)


def _judge(text: str) -> None:
    if not text.startswith(REMOVAL) and REMOVAL not in text:
        raise SystemFailure("nft: the table would be added to the one there is")
    if text.count("{") != text.count("}"):
        raise SystemFailure("nft: syntax error, unexpected end of file")
    defined = set(_DEFINITION.findall(text))
    for found in _REFERENCE.finditer(text):
        name = next(filter(None, found.groups()))
        if name not in defined:
            raise SystemFailure(f"nft: No such file or directory: {name}")
