"""The file of what an operator asked of single tunnels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.model.operation import Drain, Operations


def render_operations(operations: Operations) -> str:
    """The file's text."""
    drained = {name: {"since": _text(one.since), "until": _text(one.until)} for name, one in operations.drained.items()}
    return json.dumps({"version": 1, "drained": drained, "pinned": dict(operations.pinned)}, indent=1) + "\n"


def parse_operations(text: str) -> Operations:
    """What :func:`render_operations` wrote. ValueError for anything else."""
    try:
        value = json.loads(text)
        drained = {str(name): _drain(one) for name, one in value["drained"].items()}
        return Operations(drained, {str(name): str(tunnel) for name, tunnel in value["pinned"].items()})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not what was asked of tunnels: {error}") from error


def _drain(one: Mapping[str, Any]) -> Drain:
    since, until = datetime.fromisoformat(one["since"]), one["until"]
    drain = Drain(since, None if until is None else datetime.fromisoformat(until))
    if any(at is not None and at.tzinfo is None for at in (drain.since, drain.until)):
        raise ValueError("a time without a time zone")
    return drain


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
