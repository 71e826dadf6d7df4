"""A machine of fakes, and a folder for a real speaker."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.announce import process
from tests.fakes.box import Box


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path)
    made.take_time(monkeypatch)
    return made


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Readable by whoever runs ExaBGP: nobody else can where this Python lies in root's own folders."""
    if not all(folder.stat().st_mode & 1 for folder in Path(sys.executable).resolve().parents):
        monkeypatch.setattr(process, "unprivileged_user", lambda: None)
    made = Path(tempfile.mkdtemp(prefix="speaker-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the tests wait for must come from an event: no timer does it within a test's patience. Passes are counted by
    what systemd hears of them."""
    for name in ("EVERY", "AT_LEAST_EVERY"):
        monkeypatch.setattr(f"appliance.daemon.loop.{name}", 600.0)
    for name in ("UNEASY", "EASY"):
        monkeypatch.setattr(f"appliance.daemon.tending.{name}", 600.0)
    monkeypatch.setattr("appliance.daemon.loop.SPACING", 0.01)
    heard: list[str] = []
    monkeypatch.setattr("appliance.daemon.loop.notify", heard.append)
    return heard


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.daemon.operating.POLL", 0.002)
