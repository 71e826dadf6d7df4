"""A containerlab topology file as values: nodes with their settings, and the links between them.

The keys understood are those a lab of Linux namespaces can honour. Settings come from four layers, the later over the
earlier: ``defaults``, ``kinds``, ``groups``, the node itself; lists grow, mappings merge, everything else is replaced
(https://containerlab.dev/manual/topo-def-file/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.lab.links import Link, parse_link
from appliance.lab.places import Findings, Place, parse_places
from appliance.lab.settings import (
    DOCKER_ONLY,
    KINDS,
    Bind,
    Healthcheck,
    StagePlan,
    command_of,
    merge_layers,
    read_settings,
)
from appliance.lab.stages import find_circle
from appliance.model.fault import FaultyInput, Notice

LAB_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
NODE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._|-]{0,62}")
NO_NETWORK = ("network-mode", "none")
"""As every node here is: Docker's network would be one more way between them."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``command``: entry point and arguments, () for a bridge; ``startup_delay`` in seconds."""

    name: str
    kind: str
    image: str
    command: tuple[str, ...]
    execs: tuple[tuple[str, ...], ...]
    binds: tuple[Bind, ...]
    env: Mapping[str, str]
    sysctls: Mapping[str, str]
    labels: Mapping[str, str]
    healthcheck: Healthcheck | None
    startup_delay: int
    stages: Mapping[str, StagePlan]
    line: int


@dataclass(frozen=True, slots=True)
class Topology:
    """A lab as its file describes it. ``notices``: keys that were accepted and have no effect here."""

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    notices: tuple[Notice, ...]

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


def parse_topology(text: str, file: str) -> Topology:
    """Read a topology. Raises FaultyInput with every fault found, each with its line and key."""
    document = parse_places(text, file)
    findings = Findings(file)
    top = findings.mapping(document)
    findings.known(document, ("name", "mgmt", "topology"))
    if "mgmt" in top:
        findings.notice(top["mgmt"], "mgmt is Docker's network: nodes here have only the links of the topology")
    name = _lab_name(document, findings)
    topology = top.get("topology", Place(None, document.line, "topology"))
    nodes = _nodes(topology, findings)
    links = _links(topology, nodes, findings)
    _check_stages(nodes, topology, findings)
    if findings.faults:
        raise FaultyInput(f"{file} has {_count(findings.faults)}", faults=tuple(findings.faults))
    return Topology(name, nodes, links, tuple(findings.notices))


def _count(faults: Sequence[object]) -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"


def _lab_name(document: Place, findings: Findings) -> str:
    place = findings.mapping(document).get("name")
    if place is None:
        findings.fault(Place(None, document.line, "name"), "a topology needs a name")
        return ""
    name = findings.text(place)
    if name and not LAB_NAME.fullmatch(name):
        findings.fault(place, "not a lab's name", allowed="a letter or digit, then letters, digits, . _ -")
    return name


def _nodes(topology: Place, findings: Findings) -> tuple[Node, ...]:
    parts = findings.mapping(topology)
    findings.known(topology, ("defaults", "kinds", "groups", "nodes", "links"))
    defaults = read_settings(parts["defaults"], findings) if "defaults" in parts else {}
    kinds = {name: read_settings(entry, findings) for name, entry in _entries(parts, "kinds", findings)}
    groups = {name: read_settings(entry, findings) for name, entry in _entries(parts, "groups", findings)}
    for name, entry in _entries(parts, "kinds", findings):
        if name not in KINDS:
            findings.fault(Place(name, entry.line, entry.key), "no such kind here", allowed=", ".join(KINDS))
    if not _entries(parts, "nodes", findings):
        findings.fault(parts.get("nodes", topology), "a topology needs nodes")
    return tuple(
        _node(name, entry, _settings_of(entry, defaults, kinds, groups, findings), findings)
        for name, entry in _entries(parts, "nodes", findings)
    )


Layer = Mapping[str, Any]


def _settings_of(
    place: Place, defaults: Layer, kinds: Mapping[str, Layer], groups: Mapping[str, Layer], findings: Findings
) -> dict[str, Any]:
    """The node's own settings over its group's, its kind's and the defaults."""
    own = read_settings(place, findings)
    named: Place | None = merge_layers(defaults, own).get("group")
    group = groups.get(named.value, {}) if named else {}
    kind: Place | None = merge_layers(defaults, group, own).get("kind")
    return merge_layers(defaults, kinds.get(kind.value, {}) if kind else {}, group, own)


def _entries(parts: Mapping[str, Place], key: str, findings: Findings) -> Sequence[tuple[str, Place]]:
    return list(findings.mapping(parts[key]).items()) if key in parts else []


def _node(name: str, place: Place, settings: Mapping[str, Any], findings: Findings) -> Node:
    at = Place(name, place.line, place.key)
    if not NODE_NAME.fullmatch(name):
        findings.fault(at, "not a node's name", allowed="a letter or digit, then letters, digits, . _ - |")
    kind = settings.get("kind", Place(None, place.line, f"{place.key}.kind"))
    if kind.value not in KINDS:
        findings.fault(kind, "no such kind here" if kind.value else "a node needs a kind", allowed=", ".join(KINDS))
    absent = Place(None, place.line, f"{place.key}.image")
    command = command_of(absent, settings, findings) if kind.value == "linux" else ()
    for key in DOCKER_ONLY:
        if key in settings and (key, settings[key]) != NO_NETWORK:
            findings.notice(at, f"{key} of node {name} has no effect: only Docker can honour it")
    return Node(
        name,
        str(kind.value),
        str(settings.get("image", absent).value or ""),
        command,
        settings.get("exec", ()),
        settings.get("binds", ()),
        settings.get("env", {}),
        settings.get("sysctls", {}),
        settings.get("labels", {}),
        settings.get("healthcheck"),
        settings.get("startup-delay", 0),
        settings.get("stages", {}),
        place.line,
    )


def _links(topology: Place, nodes: Sequence[Node], findings: Findings) -> tuple[Link, ...]:
    parts = findings.mapping(topology)
    links = [parse_link(entry, findings) for entry in (findings.items(parts["links"]) if "links" in parts else ())]
    names = {node.name for node in nodes}
    taken: set[tuple[str, str]] = set()
    for link in (link for link in links if link):
        for end in link.ends:
            place = Place(f"{end.node}:{end.interface}", link.line, link.key)
            if end.node not in names:
                findings.fault(place, f"no node is named {end.node!r}", allowed=", ".join(sorted(names)))
            if (end.node, end.interface) in taken:
                findings.fault(place, f"{end.node}:{end.interface} ends two links")
            taken.add((end.node, end.interface))
    return tuple(link for link in links if link)


def _check_stages(nodes: Sequence[Node], topology: Place, findings: Findings) -> None:
    names = {node.name for node in nodes}
    for node in nodes:
        for stage, plan in node.stages.items():
            for wait in plan.wait_for:
                if wait.node not in names:
                    place = Place(wait.node, wait.line, f"topology.nodes.{node.name}.stages.{stage}.wait-for")
                    findings.fault(place, f"no node is named {wait.node!r}", allowed=", ".join(sorted(names)))
    waits = {
        (node.name, stage): [(wait.node, wait.stage) for wait in plan.wait_for]
        for node in nodes
        for stage, plan in node.stages.items()
    }
    circle = find_circle([node.name for node in nodes], waits)
    if circle:
        path = " -> ".join(f"{name} ({stage})" for name, stage in circle)
        findings.fault(Place(None, topology.line, "stages"), f"nodes wait for each other in a circle: {path}")
