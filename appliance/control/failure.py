"""An error of ours as data, on its way from the daemon to whoever asked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.model.fault import ApplianceError, Fault


def error_as_data(error: ApplianceError) -> dict[str, Any]:
    """All that a verb shows of it."""
    faults = [asdict(fault) for fault in error.faults]
    return {"exit": error.exit, "code": error.code, "message": error.message, "hint": error.hint, "faults": faults}


def parse_error(value: Any) -> ApplianceError:
    """What :func:`error_as_data` made. KeyError, TypeError or AttributeError when it is something else."""
    faults = tuple(Fault(**fault) for fault in value["faults"])
    error = ApplianceError(value["message"], hint=value["hint"], code=value["code"], faults=faults)
    error.exit = int(value["exit"])
    return error
