"""A store in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.history.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "etc", tmp_path / "var", tmp_path / "run")
