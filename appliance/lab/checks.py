"""What a lab's checks say, one JSON line each, and the report made of it.

A program of checks first tells its plan, ``{"plan": [{"name", "timeout"}]}`` (seconds), then one line per check:
``{"name", "passed", "seconds", "message", "gap_ms"}``. A check it planned and never told of has failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

PATIENCE_SECONDS = 15.0
"""How long a check may overrun its own timeout before its program is ended."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a lab is run. ``keep``: a failed one stays up; ``quick``: without the checks that it sets apart as long;
    ``speaker``: who speaks BGP on its appliance, None for the lab's own choice."""

    keep: bool = False
    quick: bool = False
    speaker: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The same as options of `lab run`."""
        flags = (("--keep", self.keep), ("--quick", self.quick))
        chosen = ("--speaker", self.speaker) if self.speaker else ()
        return (*(word for word, wanted in flags if wanted), *chosen)

    @property
    def environment(self) -> dict[str, str]:
        """The same for a program of checks (labs/checking.py)."""
        quick = {"LAB_QUICK": "1"} if self.quick else {}
        return quick | ({"LAB_SPEAKER": self.speaker} if self.speaker else {})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``message``: a sentence; ``gap_ms``: the longest time without a packet, where it was measured."""

    name: str
    passed: bool
    seconds: float
    message: str
    gap_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LabReport:
    """One lab's run. ``kept``: the folder with captures and logs of a failed one."""

    name: str
    seconds: float
    checks: tuple[CheckResult, ...]
    kept: str | None = None

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "seconds": round(self.seconds, 2),
            "checks": [asdict(check) for check in self.checks],
            "kept": self.kept,
        }


def parse_report(found: Mapping[str, Any]) -> LabReport:
    """Reads what ``as_json`` wrote."""
    checks = tuple(CheckResult(**check) for check in found["checks"])
    return LabReport(found["name"], found["seconds"], checks, found["kept"])


def parse_plan(line: str) -> dict[str, float] | None:
    """Check -> its timeout in seconds, when the line is a plan."""
    found = _mapping(line)
    plan = found.get("plan")
    if not isinstance(plan, list):
        return None
    return {str(entry["name"]): float(entry["timeout"]) for entry in plan}


def parse_result(line: str) -> CheckResult | None:
    """The result a line tells, None for any other line."""
    found = _mapping(line)
    if not isinstance(found.get("name"), str) or not isinstance(found.get("passed"), bool):
        return None
    gap = found.get("gap_ms")
    return CheckResult(
        found["name"],
        found["passed"],
        float(found.get("seconds") or 0.0),
        str(found.get("message") or ""),
        None if gap is None else float(gap),
    )


def judge_missing(plan: Iterable[str], results: Sequence[CheckResult], why: str) -> list[CheckResult]:
    """Failures for the checks that never told their result."""
    told = {result.name for result in results}
    return [CheckResult(name, False, 0.0, f"no result: {why}") for name in plan if name not in told]


def describe_result(result: CheckResult) -> str:
    """One line for people."""
    gap = "" if result.gap_ms is None else f"  gap {result.gap_ms:.0f} ms"
    return f"{'ok  ' if result.passed else 'FAIL'} {result.name}  {result.seconds:.1f} s{gap}  {result.message}"


def _mapping(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
