"""What labs/README.md says that something shows must exist: a test, or a check of a lab."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`")


def named() -> set[str]:
    """The names in the last column of the README's tables."""
    rows = [line for line in (ROOT / "labs/README.md").read_text().splitlines() if line.startswith("| ")]
    return {name for row in rows for name in NAME.findall(row.rstrip(" |").rpartition(" | ")[2])}


def defined() -> set[str]:
    """Every test's name without its `test_`, and every check's."""
    tests = (name for path in (ROOT / "tests").rglob("test_*.py")
             for name in re.findall(r"def test_(\w+)\(", path.read_text()))  # fmt: skip
    checks = (name for path in (ROOT / "labs").rglob("*.py")
              for name in re.findall(r"@(?:check|injury)\(.*\)\ndef (\w+)\(", path.read_text()))  # fmt: skip
    return {*tests, *checks}


def test_what_is_said_to_be_shown_is_shown() -> None:
    assert len(named()) > 80, "the README's tables were not understood"
    assert named() <= defined(), f"nothing has these names: {sorted(named() - defined())}"
