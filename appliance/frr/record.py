"""What we last told FRR, kept beside it, and what of a running configuration is ours where that record is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from zlib import crc32

from appliance.frr.diff import Parts
from appliance.frr.marks import MARK, SOURCE_MAP
from appliance.frr.pieces import Splice
from appliance.frr.tree import Tree, merge_trees, setting, sort_tree

VERSION = 3

Instances = Mapping[str, str]
"""Per daemon, the process and its start: a restarted one has forgotten what it was told."""


def render_record(instances: Instances, text: str) -> str:
    """What all of ``instances`` were told, as its file: after a line about it the text as it is, and then lines that
    say what changed since."""
    head = {"version": VERSION, "instances": dict(instances), "length": len(text)}
    return f"{json.dumps(head)}\n{text}"


def render_amendment(splices: Iterable[Splice], length: int) -> str:
    """What makes the text before to one of this length, as a line with its checksum."""
    line = json.dumps({"length": length, "splices": [*splices]})
    return f"{crc32(line.encode()):08x} {line}\n"


def parse_record(text: str, instances: Instances) -> str | None:
    """What these very daemons were told; None when the record is of others, or not whole to its last character."""
    try:
        head, _, rest = text.partition("\n")
        value = json.loads(head)
        if value["version"] != VERSION or value["instances"] != dict(instances):
            return None
        told, more = rest[: value["length"]], rest[value["length"] :]
        if len(told) != value["length"] or not (more == "" or more.endswith("\n")):
            return None
        return _amended(told, more.splitlines())
    except (ValueError, KeyError, TypeError):
        return None


def _amended(text: str, lines: Iterable[str]) -> str:
    """Raises ValueError, KeyError or TypeError for a line that is none of ours, or belongs to another text."""
    for line in lines:
        checksum, _, said = line.partition(" ")
        value = json.loads(said)
        if checksum != f"{crc32(said.encode()):08x}":
            raise ValueError("a damaged line")
        text = _spliced(text, value["splices"])
        if len(text) != value["length"]:
            raise ValueError("a line about another text")
    return text


def _spliced(text: str, splices: Iterable[Splice]) -> str:
    parts, at = [], 0
    for start, end, instead in splices:
        if not at <= start <= end <= len(text):
            raise ValueError("a place that is not there")
        parts += [text[at:start], instead]
        at = end
    return "".join((*parts, text[at:]))


def ours(running: Parts) -> Parts:
    """What carries our mark in each daemon's running configuration."""
    return {daemon: _marked(tree) for daemon, tree in running.items()}


def together(parts: Parts) -> Tree:
    """What several daemons hold as one configuration; {} for nothing."""
    found: Tree = {(): []}
    for tree in parts.values():
        found = merge_trees(found, tree)
    return sort_tree(found) if len(found) > 1 or found[()] else {}


def strangers(running: Tree) -> tuple[str, ...]:
    """BGP instances of bgpd that we did not make, as the headers of their sections."""
    routers = [where for where in running if len(where) == 1 and where[0].startswith("router bgp ")]
    return tuple(where[0] for where in routers if not _is_ours(running, where))


def routers(running: Tree) -> Tree:
    """The BGP instances alone, ours or not."""
    return {(): []} | {where: lines for where, lines in running.items() if where and where[0].startswith("router bgp ")}


def missing_and_foreign(applied: Tree, running: Tree) -> tuple[str, ...]:
    """What somebody changed behind our back: our lines that are gone (``-``), and lines in our sections that are not
    ours (``+``)."""
    drift = []
    for where, lines in applied.items():
        there = running.get(where, [])
        place = f"{' / '.join(where)}: " if where else ""
        drift += [f"- {place}{line}" for line in lines if line not in there]
        known = {setting(line) for line in lines}
        foreign = [line for line in there if where and line not in lines] if known or where else []
        drift += [f"+ {place}{line}" for line in foreign]
    return tuple(drift)


def _marked(running: Tree) -> Tree:
    strange = strangers(running)
    return {
        where: [line for line in lines if where or _line_is_ours(line)]
        for where, lines in running.items()
        if not where or _section_is_ours(where[0], strange)
    }


def _section_is_ours(header: str, strange: tuple[str, ...]) -> bool:
    words = header.split()
    return (words[0] == "route-map" and words[1].startswith(MARK)) or (words[0] == "router" and header not in strange)


def _line_is_ours(line: str) -> bool:
    words = line.split()
    return (words[1:2] == ["prefix-list"] and words[2].startswith(MARK)) or words[-1] == SOURCE_MAP


def _is_ours(running: Tree, router: tuple[str, ...]) -> bool:
    """Every neighbour of ours goes by route-maps with our mark; nobody else's does."""
    inside = (line for where, lines in running.items() if where[:1] == router for line in lines)
    return any(f" route-map {MARK}" in line for line in inside)
