"""What we last told FRR, kept beside it, and what of a running configuration is ours where that record is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from appliance.frr.diff import Parts
from appliance.frr.marks import MARK, SOURCE_MAP
from appliance.frr.tree import Tree, merge_trees, setting, sort_tree

VERSION = 2

Instances = Mapping[str, str]
"""Per daemon, the process and its start: a restarted one has forgotten what it was told."""


@dataclass(frozen=True, slots=True)
class Record:
    """The text that all of ``instances`` were brought to."""

    instances: Instances
    text: str


def render_head(instances: Instances) -> str:
    """The first line of the record's file; the text as it is follows."""
    return json.dumps({"version": VERSION, "instances": dict(instances)}) + "\n"


def parse_record(text: str, instances: Instances) -> Record | None:
    """The record of these very daemons; None when it is of others, or cannot be read as a record."""
    try:
        head, end, rest = text.partition("\n")
        value = json.loads(head)
        if not end or value["version"] != VERSION or value["instances"] != dict(instances):
            return None
        return Record(instances, rest)
    except (ValueError, KeyError, TypeError):
        return None


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
