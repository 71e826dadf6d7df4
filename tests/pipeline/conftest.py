"""The command, for the cases that go the whole way."""

from __future__ import annotations

import pytest

from tests.cli.calling import Run, caller


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(monkeypatch, capsys)
