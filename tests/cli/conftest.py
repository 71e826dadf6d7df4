"""The command on a machine of fakes: what it printed, how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import main
from tests.fakes.box import Box
from tests.vendors.samples import GENERIC, STRONGSWAN


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one value on stdout."""
        value = json.loads(self.out)
        assert value["schema"] == 1
        return value

    @property
    def error(self) -> dict[str, Any]:
        """The failure as programs see it."""
        body: dict[str, Any] = self.json["error"]
        assert list(body) == ["exit", "code", "message", "hint", "faults"]
        assert body["exit"] == self.code
        return body


Run = Callable[..., Done]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = Box(tmp_path / "machine")
    made.stand_in(monkeypatch)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``appliance`` with these arguments, in this process; no terminal unless a test makes one."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["appliance", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else int(bool(code)), captured.out, captured.err)

    return call


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
