"""One layer of a node's settings (``defaults``, a kind, a group, the node): how each key is read and merged."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from appliance.lab.places import Findings, Place
from appliance.lab.stages import STAGES

KINDS = ("linux", "bridge")
DOCKER_ONLY = ("ports", "cpu", "memory", "network-mode")
IMAGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "appliance": (("/usr/lib/appliance-entrypoint",), ()),
    "appliance-lab": ((), ("sleep", "infinity")),
}
"""Image -> its entry point and its default command, as in a container image."""

NAMESPACED = re.compile(r"net\.|fs\.mqueue\.|kernel\.(msg|sem|shm)")
"""Kernel settings that belong to a node's own namespaces; any other would change the machine under every lab."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the machine seen in the node. ``source``: absolute, or relative to the topology file."""

    source: str
    target: PurePosixPath
    read_only: bool
    line: int


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """When a node counts as healthy; times in seconds, as Docker means them."""

    test: tuple[str, ...]
    interval: int = 30
    retries: int = 3
    timeout: int = 30
    start_period: int = 0


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Another node's stage that has to be reached first."""

    node: str
    stage: str
    line: int


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What a node waits for before a stage, and what it runs on entering and leaving it."""

    wait_for: tuple[WaitFor, ...] = ()
    on_enter: tuple[tuple[str, ...], ...] = ()
    on_exit: tuple[tuple[str, ...], ...] = ()


def read_settings(place: Place, findings: Findings) -> dict[str, Any]:
    """The layer's keys, each read; an unknown key is a fault, one only Docker can honour is kept as it stands."""
    findings.known(place, (*READERS, *DOCKER_ONLY))
    entries = findings.mapping(place)
    settings = {key: READERS[key](entry, findings) for key, entry in entries.items() if key in READERS}
    return settings | {key: entry.value for key, entry in entries.items() if key in DOCKER_ONLY}


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win; lists grow and mappings merge."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[key] = before | value
            elif key == "exec" and before is not None:
                merged[key] = before + value
            elif key == "binds" and before is not None:
                targets = {bind.target for bind in value}
                merged[key] = tuple(bind for bind in before if bind.target not in targets) + value
            else:
                merged[key] = value
    return merged


def command_of(place: Place, settings: Mapping[str, Any], findings: Findings) -> tuple[str, ...]:
    """Entry point and command as a container of the image would combine them."""
    named: Place = settings.get("image", place)
    name, _, _tag = str(named.value or "").partition(":")
    if name not in IMAGES:
        message = f"no image is named {name!r}" if name else "a linux node needs an image"
        findings.fault(named, message, allowed=", ".join(IMAGES))
        return ()
    entry, default = IMAGES[name]
    if "entrypoint" in settings:
        entry, default = settings["entrypoint"], ()
    command = (*entry, *settings.get("cmd", default))
    if not command:
        findings.fault(place, "nothing to run: an entrypoint of its own takes the image's command away")
    return command


def _words(place: Place, findings: Findings) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(findings.text(place)))
    except ValueError as error:
        findings.fault(place, f"not a command line: {error}")
        return ()


def _commands(place: Place, findings: Findings) -> tuple[tuple[str, ...], ...]:
    return tuple(words for item in findings.items(place) if (words := _words(item, findings)))


def _pairs(place: Place, findings: Findings) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for key, entry in findings.mapping(place).items():
        value = entry.value
        if isinstance(value, list | dict) or "=" in key or not key.isprintable():
            findings.fault(Place(None, entry.line, entry.key), f"{key} is not a name with a plain value")
        else:
            pairs[key] = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    return pairs


def _sysctls(place: Place, findings: Findings) -> dict[str, str]:
    pairs = _pairs(place, findings)
    for key, entry in findings.mapping(place).items():
        if not NAMESPACED.match(key) or ".." in key or key.startswith("/"):
            findings.fault(
                Place(key, entry.line, entry.key),
                "not a setting of a node's own namespaces",
                allowed="net.*, kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.*",
            )
    return pairs


def _binds(place: Place, findings: Findings) -> tuple[Bind, ...]:
    binds = (_bind(item, findings) for item in findings.items(place))
    return tuple(bind for bind in binds if bind)


def _bind(place: Place, findings: Findings) -> Bind | None:
    parts = findings.text(place).split(":")
    if len(parts) not in (2, 3) or not parts[0] or not parts[1].startswith("/"):
        findings.fault(place, "not a bind", allowed="SOURCE:/TARGET or SOURCE:/TARGET:OPTIONS")
        return None
    target = PurePosixPath(parts[1])
    if ".." in target.parts or target == PurePosixPath("/"):
        findings.fault(place, "a bind's target is a path below /, without ..")
        return None
    options = set(parts[2].split(",")) if len(parts) == 3 else set()
    if unknown := options - {"ro", "rw", "z", "Z"}:
        findings.fault(place, f"unknown option {', '.join(sorted(unknown))}", allowed="ro, rw, z, Z")
    return Bind(parts[0], target, "ro" in options, place.line)


def _healthcheck(place: Place, findings: Findings) -> Healthcheck | None:
    findings.known(place, ("test", "interval", "retries", "timeout", "start-period"))
    entries = findings.mapping(place)
    if "test" not in entries:
        findings.fault(Place(None, place.line, place.key), "a healthcheck needs a test")
        return None
    words = tuple(findings.text(item) for item in findings.items(entries["test"]))
    kind, *rest = words or ("",)
    if kind == "CMD-SHELL" and len(rest) == 1:
        test: tuple[str, ...] = ("/bin/sh", "-c", rest[0])
    elif kind == "CMD" and rest:
        test = tuple(rest)
    else:
        findings.fault(entries["test"], "not a test", allowed='["CMD", PROGRAM, ...] or ["CMD-SHELL", "COMMAND LINE"]')
        return None
    numbers = {
        key.replace("-", "_"): findings.whole(entries[key], least, 86400)
        for key, least in (("interval", 1), ("retries", 1), ("timeout", 1), ("start-period", 0))
        if key in entries
    }
    return Healthcheck(test, **numbers)


def _stages(place: Place, findings: Findings) -> dict[str, StagePlan]:
    findings.known(place, STAGES)
    plans = {}
    for stage, entry in findings.mapping(place).items():
        findings.known(entry, ("wait-for", "exec"))
        parts = findings.mapping(entry)
        waiting = findings.items(parts["wait-for"]) if "wait-for" in parts else ()
        waits = tuple(_wait(item, findings) for item in waiting)
        enter, leave = _stage_exec(parts["exec"], findings) if "exec" in parts else ((), ())
        plans[stage] = StagePlan(waits, enter, leave)
    return plans


def _wait(place: Place, findings: Findings) -> WaitFor:
    entries = findings.mapping(place)
    findings.known(place, ("node", "stage"))
    for key in ("node", "stage"):
        if key not in entries:
            findings.fault(Place(None, place.line, place.key), f"wait-for needs a {key}")
    stage = findings.text(entries["stage"]) if "stage" in entries else STAGES[0]
    if stage not in STAGES:
        findings.fault(entries["stage"], "no such stage", allowed=", ".join(STAGES))
    return WaitFor(findings.text(entries["node"]) if "node" in entries else "", stage, place.line)


Commands = tuple[tuple[str, ...], ...]


def _stage_exec(place: Place, findings: Findings) -> tuple[Commands, Commands]:
    """Two forms: a mapping of phase to command lines, or a list of commands that name their phase."""
    if isinstance(place.value, dict):
        findings.known(place, ("on-enter", "on-exit"))
        phases = findings.mapping(place)
        enter, leave = (_commands(phases[key], findings) if key in phases else () for key in ("on-enter", "on-exit"))
        return enter, leave
    found: dict[str, list[tuple[str, ...]]] = {"on-enter": [], "on-exit": []}
    for item in findings.items(place):
        findings.known(item, ("command", "target", "phase"))
        entries = findings.mapping(item)
        if "command" not in entries or "phase" not in entries or entries["phase"].value not in found:
            findings.fault(Place(None, item.line, item.key), "needs a command and a phase", allowed="on-enter, on-exit")
            continue
        if "target" in entries and entries["target"].value != "container":
            findings.fault(entries["target"], "commands of a stage run in the node", allowed="container")
        found[entries["phase"].value].append(_words(entries["command"], findings))
    return tuple(found["on-enter"]), tuple(found["on-exit"])


READERS: Mapping[str, Callable[[Place, Findings], Any]] = {
    "kind": lambda place, findings: Place(findings.text(place), place.line, place.key),
    "group": lambda place, findings: Place(findings.text(place), place.line, place.key),
    "image": lambda place, findings: Place(findings.text(place), place.line, place.key),
    "cmd": _words,
    "entrypoint": _words,
    "exec": _commands,
    "binds": _binds,
    "env": _pairs,
    "sysctls": _sysctls,
    "labels": _pairs,
    "healthcheck": _healthcheck,
    "startup-delay": lambda place, findings: findings.whole(place, 0, 86400),
    "stages": _stages,
}
