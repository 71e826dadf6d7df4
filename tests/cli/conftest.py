"""The command on a machine of fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import Run, caller
from tests.daemon.sites import TWO, announce, settle_in
from tests.fakes.box import Box
from tests.vendors.samples import GENERIC, STRONGSWAN


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path / "machine")
    made.stand_in(monkeypatch)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return caller(monkeypatch, capsys)


@pytest.fixture
def generic(tmp_path: Path) -> Path:
    """A download that names everything but the networks on our side."""
    path = tmp_path / "vpn.txt"
    path.write_text(GENERIC)
    return path


@pytest.fixture
def strongswan(tmp_path: Path) -> Path:
    """A download that names no ASN."""
    path = tmp_path / "strongswan.txt"
    path.write_text(STRONGSWAN)
    return path


@pytest.fixture
def running(box: Box, run: Run) -> Box:
    """Two connections up, and what they announce learned."""
    announce(box)
    settle_in(box, TWO)
    assert run("apply", "--yes").code == 0
    assert run("apply", "--yes").code == 0
    return box
