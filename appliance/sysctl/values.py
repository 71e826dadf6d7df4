"""Kernel settings by name and value, and the record of what they were before us."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from appliance.model.fault import SystemFailure

Originals = Mapping[str, str]
"""Name -> the value that a machine-wide setting had before our first change."""

RECORD_VERSION = 1


def path_of(name: str) -> PurePosixPath:
    """Where a setting lies below /proc/sys.

    As for sysctl(8), a dot inside an interface name is written ``/``: ``net.ipv4.conf.eth0/100.rp_filter`` is the
    setting of eth0.100. Raises SystemFailure for what cannot be a name.
    """
    parts = [part.replace("/", ".") for part in name.split(".")]
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise SystemFailure(f"not the name of a kernel setting: {name!r}")
    return PurePosixPath(*parts)


def setting_of(link: str, family: int, leaf: str) -> str:
    """The name of an interface's own setting, for example ``rp_filter`` of family 4."""
    return f"net.ipv{family}.conf.{link.replace('.', '/')}.{leaf}"


def parse_value(text: str) -> str:
    """A value as read: the kernel parts several numbers by tabs and ends with a line break."""
    return " ".join(text.split())


def is_same(one: str, other: str) -> bool:
    """Whether two spellings are one value."""
    return parse_value(one) == parse_value(other)


def parse_record(text: str, where: str) -> Originals:
    """The record as :func:`render_record` wrote it. Raises SystemFailure for anything else: no value is guessed."""
    try:
        document = json.loads(text)
        originals = document["originals"]
        sound = document["version"] == RECORD_VERSION and all(isinstance(value, str) for value in originals.values())
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise SystemFailure(
            f"{where} does not hold a record of kernel settings",
            hint="move it away; the settings of before our first change are then not restored",
        )
    return dict(originals)


def render_record(originals: Originals) -> str:
    """The record as text, in order of the names."""
    return json.dumps({"version": RECORD_VERSION, "originals": dict(sorted(originals.items()))}, indent=1) + "\n"
