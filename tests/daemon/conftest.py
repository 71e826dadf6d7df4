"""A machine of fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.box import Box


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path)
    made.take_time(monkeypatch)
    return made
