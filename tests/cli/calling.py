"""The command in this process: what it printed, how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from appliance.cli.main import main


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


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``appliance`` with these arguments; no terminal unless a test makes one."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["appliance", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else int(bool(code)), captured.out, captured.err)

    return call
