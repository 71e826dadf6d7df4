"""FRR's configuration as sections of lines: read from text, written back in FRR's own layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby

Where = tuple[str, ...]
"""The headers that lead to a section, outermost first; () is the top level."""

Tree = dict[Where, list[str]]
"""Lines by section, in the order of the text. A section without lines counts too (an empty route-map permits all)."""

_HEADERS = re.compile(r"(router|route-map|interface|vrf|nexthop-group|key chain|line|bfd)( |$)")
_NESTED = re.compile(r"(address-family|vnc|segment-routing|peer|profile) ")
_NOISE = re.compile(r"(Building configuration|Current configuration|frr (version|defaults) |hostname |service |log )")
_LAST = re.compile(r"(ip|ipv6) (protocol|nht) ")


def parse_tree(text: str) -> Tree:
    """Sections of a configuration file or of ``show running-config``. Comments and the file's own headings are left
    out. An unindented line ends every section, whether or not an ``exit`` stands before it."""
    tree: Tree = {(): []}
    here: Where = ()
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if not line or line[0] in "!#" or (not here and _NOISE.match(line)):
            continue
        if line == "end":
            here = ()
        elif line == "exit" or line.startswith("exit-"):
            here = here[:-1]
        else:
            here = _outward(here, raw, line)
            if _opens(here, line):
                here = (*here, line)
                tree.setdefault(here, [])
            else:
                tree[here].append(line)
    return tree


def render_tree(tree: Mapping[Where, list[str]]) -> str:
    """The text in FRR's layout: lists, then sections, then what says how zebra takes routes."""
    top = tree.get((), [])
    first = [line for line in top if not _LAST.match(line)]
    last = [line for line in top if _LAST.match(line)]
    blocks = [[*lines, "!"] for _, lines in groupby(first, key=lambda line: line.split()[:2])]
    blocks += [[*_section(tree, path), "!"] for path in tree if len(path) == 1]
    blocks += [[*last, "!"]] if last else []
    return "".join(f"{line}\n" for block in blocks for line in block)


def merge_trees(tree: Mapping[Where, list[str]], more: Mapping[Where, list[str]]) -> Tree:
    """Both together; where both set the same thing, ``more`` has the last word."""
    merged = {where: list(lines) for where, lines in tree.items()}
    for where, lines in more.items():
        here = {setting(line): line for line in merged.get(where, [])}
        here.update((setting(line), line) for line in lines)
        merged[where] = list(here.values())
    return merged


def sort_tree(tree: Mapping[Where, list[str]]) -> Tree:
    """Lists and route-maps by name and number, BGP after them: the order in which FRR writes its file. (A daemon asked
    over its own socket uses another.) Lines inside of sections stay in order."""
    sections = sorted((where for where in tree if where), key=_turn)
    return {(): sorted(tree.get((), []), key=_rank)} | {where: tree[where] for where in sections}


def _turn(where: Where) -> tuple[object, ...]:
    head, *words = where[0].split()
    if head == "route-map" and words[-1].isdecimal():
        return (False, head, words[0], int(words[-1]), where[1:])
    return (head == "router", head, " ".join(words), 0, where[1:])


def _rank(line: str) -> tuple[object, ...]:
    words = line.split()
    if words[1:2] == ["prefix-list"]:
        number = int(words[4]) if words[3] == "seq" and words[4].isdecimal() else 0
        return (0, words[0], words[2], number)
    return (1, "", "", 0)


@lru_cache(maxsize=4096)
def setting(line: str) -> str:
    """What a line sets: two lines with the same setting replace each other, all others stand side by side."""
    positive = line.removeprefix("no ")
    for pattern in _SETTINGS:
        if found := pattern.match(positive):
            return " ".join(found.groups())
    return positive


_SETTINGS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(neighbor \S+ timers connect)",
        r"(neighbor \S+ (?:route-map|prefix-list|filter-list|distribute-list)) \S+ (in|out)$",
        r"(neighbor \S+ (?:remote-as|local-as|description|update-source|timers|maximum-prefix-out|maximum-prefix"
        r"|weight|password|ebgp-multihop|ttl-security|allowas-in|port|advertisement-interval))(?: |$)",
        r"(network \S+)",
        r"(bgp (?:router-id|cluster-id|route-map delay-timer|graceful-restart (?:restart|select-defer)-time))",
        r"(maximum-paths(?: ibgp)?)",
        r"(set (?:as-path|ip|ipv6|extcommunity) \S+)",
        r"(set \S+)",
        r"(match .*) \S+$",
        r"(ip(?:v6)? protocol \S+)",
        r"(ip(?:v6)? prefix-list \S+ seq \d+)",
    )
)


def _opens(here: Where, line: str) -> bool:
    return bool((_NESTED if here else _HEADERS).match(line))


def _outward(here: Where, raw: str, line: str) -> Where:
    """Where this line stands: a section may end without ``exit``, by its indentation or by its sibling's header."""
    if not raw[0].isspace():
        return ()
    return here[:1] if _NESTED.match(line) else here


def _section(tree: Mapping[Where, list[str]], path: Where) -> Iterator[str]:
    indent = " " * (len(path) - 1)
    yield f"{indent}{path[-1]}"
    yield from (f"{indent} {line}" for line in tree[path])
    for inner in tree:
        if len(inner) == len(path) + 1 and inner[: len(path)] == path:
            yield f"{indent} !"
            yield from _section(tree, inner)
    yield f"{indent}exit-address-family" if path[-1].startswith("address-family") else f"{indent}exit"
