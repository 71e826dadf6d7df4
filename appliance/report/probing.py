"""What came back over a tunnel, for the status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.model.health import ANSWERING, LOST, SUSPECT, UNARMED, TargetHealth

_BEST_FIRST = (ANSWERING, SUSPECT, LOST, UNARMED)


def describe_probe(healths: Sequence[TargetHealth]) -> dict[str, Any]:
    """The tunnel's best target speaks for it: ``up``, ``suspect``, ``lost``; ``unarmed`` while none ever answered."""
    best = min(healths, key=lambda health: _BEST_FIRST.index(health.state), default=None)
    if best is None:
        return {"state": "unknown", "armed": False, "loss": None, "rtt_ms": None, "targets": []}
    return {
        "state": best.state,
        "armed": any(health.armed for health in healths),
        "loss": round(best.loss, 4),
        "rtt_ms": _milliseconds(best.rtt),
        "targets": [_target(health) for health in healths],
    }


def _target(health: TargetHealth) -> dict[str, Any]:
    return {
        "target": health.target.name,
        "state": health.state,
        "loss": round(health.loss, 4),
        "rtt_ms": _milliseconds(health.rtt),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
