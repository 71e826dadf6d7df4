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
