"""Of two long configurations the parts in which they can differ: what is told to FRR follows from those alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator
from functools import lru_cache

from appliance.frr.marks import DEFAULT_LIST, MARK

_BLOCK, _PART = "\n!\n", "\n !\n"
"""What ends a list or section, and the lines before an address family."""

_NEIGHBOR = re.compile(r" {1,2}neighbor (\S+) ")
_POLICY = re.compile(rf"(?:route-map|ip prefix-list|ipv6 prefix-list) {MARK}(\S+)-(?:in|out)6? ")
_BOUND = re.compile(rf" *neighbor (\S+) route-map {MARK}(\S+)-(?:in|out)6? (?:in|out)$")
"""By what a neighbour goes."""
_OWNED = (
    " neighbor ",
    "  neighbor ",
    *(f"{word} {MARK}" for word in ("ip prefix-list", "ipv6 prefix-list", "route-map")),
)
_COMMON = f"prefix-list {DEFAULT_LIST} "


def narrowed(had: str, want: str) -> tuple[str, str]:
    """Both texts without the lines about neighbours that are the same in both. Where what many neighbours go by has
    changed: both as they are."""
    before, after = had.split(_BLOCK), want.split(_BLOCK)
    others = set(before) ^ set(after)
    old, new = (_sections(block for block in blocks if block in others) for blocks in (before, after))
    if any(under for under in old.keys() ^ new.keys()):
        return had, want
    changed = [line for under in old.keys() | new.keys() for line in old.get(under, set()) ^ new.get(under, set())]
    found = {line: _owner(line) for line in changed}
    if any(owner is None and _is_policy(line) for line, owner in found.items()):
        return had, want
    owners = {owner for owner in found.values() if owner}
    routers = [block for block in (*before, *after) if block.startswith("router ")]
    owners |= {tunnel for address, tunnel in _bound(routers, owners) if address in owners}
    owners |= {address for address, tunnel in _bound(routers, owners) if tunnel in owners}
    return _written(before, owners, others), _written(after, owners, others)


def _sections(blocks: Iterable[str]) -> dict[str, set[str]]:
    """Lines by what they stand under; a route-map is one, whole."""
    found: dict[str, set[str]] = {}
    for block in blocks:
        if block.startswith("router "):
            header = block.partition("\n")[0]
            for part in block.split(_PART):
                first, _, rest = part.partition("\n")
                under = header if first == header else f"{header}\n{first}"
                found.setdefault(under, set()).update(rest.split("\n"))
        else:
            one = {block} if block.startswith("route-map ") else block.split("\n")
            found.setdefault("", set()).update(one)
    return found


def _owner(text: str) -> str | None:
    """Whose it is: a neighbour's by its address, its policies by the tunnel's name."""
    found = _NEIGHBOR.match(text) or _POLICY.match(text)
    return found[1] if found else None


def _bound(routers: Iterable[str], owners: Collection[str]) -> set[tuple[str, str]]:
    """Addresses and tunnels of neighbours, at least of those by whose address or tunnel we ask."""
    lines = {line for block in routers for owner in owners for line in _lines_with(block, owner)}
    return {(found[1], found[2]) for line in lines if (found := _BOUND.match(line))}


def _is_policy(text: str) -> bool:
    """What no neighbour's name stands on, and yet verdicts may hang on it."""
    return text.startswith("route-map ") or " prefix-list " in text


def _written(blocks: Iterable[str], owners: Collection[str], changed: Container[str]) -> str:
    """As text again: what belongs to these neighbours, and what to none. Of lists that are the same in both texts
    nobody's lines matter; who goes by a route-map does where that is another."""
    theirs = tuple(f"route-map {MARK}{owner}-" for owner in owners)
    kept = []
    for block in blocks:
        if block.startswith("route-map "):
            kept.append(block if block.startswith(theirs) or not block.startswith(_OWNED) else "")
        else:
            same = block not in changed and not block.startswith("router ")
            kept.append(_common(block) if same else "\n".join(_kept(block, owners)))
    return _BLOCK.join(block for block in kept if block)


@lru_cache(maxsize=8)
def _common(block: str) -> str:
    return "\n".join(_kept(block, ()))


def _kept(block: str, owners: Collection[str]) -> list[str]:
    """A line that only looks like one of theirs is kept too, in both texts."""
    theirs = {line for owner in (*owners, _COMMON) if owner in block for line in _lines_with(block, owner)}
    return [line for line in block.split("\n") if not line.startswith(_OWNED) or line in theirs]


def _lines_with(block: str, words: str) -> Iterator[str]:
    """Found by the words, for most lines have none of them."""
    at = block.find(words)
    while at >= 0:
        end = block.find("\n", at)
        end = len(block) if end < 0 else end
        yield block[block.rfind("\n", 0, at) + 1 : end]
        at = block.find(words, end)
