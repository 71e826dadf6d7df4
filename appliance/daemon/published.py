"""What the daemon holds of every tunnel, in a file for the verbs that show or plan, and for itself after a restart.

It lies under /run: its times are of a clock that begins with the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from appliance.model.health import ConnectionVerdict, PathVerdict
from appliance.model.machine import Carrying
from appliance.model.peering import Stances

FILE = "paths.json"


@dataclass(frozen=True, slots=True)
class Published:
    """The verdicts by connection; ``probes``, by tunnel, as status shows them; ``backups`` for the routes that carry
    while BGP brings none; ``stances``, by tunnel, how BGP sessions are held."""

    verdicts: Mapping[str, ConnectionVerdict] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    backups: Mapping[str, ConnectionVerdict] = field(default_factory=dict)
    stances: Stances = field(default_factory=dict)

    @property
    def carrying(self) -> Carrying:
        """Who carries what we route ourselves, by connection."""
        return {name: verdict.carrying for name, verdict in (*self.verdicts.items(), *self.backups.items())}

    @property
    def judged(self) -> tuple[ConnectionVerdict, ...]:
        """Every verdict there is."""
        return (*self.verdicts.values(), *self.backups.values())

    @property
    def paths(self) -> Mapping[str, PathVerdict]:
        """What is held of each tunnel."""
        return {name: path for verdict in self.verdicts.values() for name, path in verdict.paths.items()}


def load_published(run_dir: Path) -> Published:
    """What was published last; nothing when there is no such file, or it is of another version."""
    try:
        data = json.loads((run_dir / FILE).read_text(encoding="utf-8"))
        verdicts, backups = (
            {name: _parse(one) for name, one in data[kind].items()} for kind in ("connections", "backups")
        )
        return Published(verdicts, data["probes"], backups, data["stances"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Published()


def save_published(run_dir: Path, published: Published) -> None:
    """Replace the file; where that cannot be done the verbs go by an older one."""
    data = {
        "connections": {name: asdict(verdict) for name, verdict in published.verdicts.items()},
        "probes": {name: dict(one) for name, one in published.probes.items()},
        "backups": {name: asdict(verdict) for name, verdict in published.backups.items()},
        "stances": dict(published.stances),
    }
    fresh = run_dir / f".{FILE}.{os.getpid()}"
    with suppress(OSError):
        run_dir.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(data), encoding="utf-8")
        fresh.replace(run_dir / FILE)


def _parse(data: dict[str, Any]) -> ConnectionVerdict:
    paths = {name: PathVerdict(**(one | {"flaps": tuple(one["flaps"])})) for name, one in data["paths"].items()}
    return ConnectionVerdict(**(data | {"carrying": tuple(data["carrying"]), "paths": paths}))
