"""What holds for every verb: usage errors as JSON, help, no traceback, and a quick start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from appliance.cli.main import VERBS, cli
from tests.cli.calling import Run
from tests.fakes.box import Box


@pytest.mark.parametrize("verb", VERBS)
def test_a_usage_error_is_one_json_value(box: Box, run: Run, verb: str) -> None:
    done = run(verb, "--no-such-option", "--json")
    assert done.code == 2
    assert done.error["code"] == "usage"
    assert "--no-such-option" in done.error["message"]
    assert done.err == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(box: Box, run: Run, verb: str) -> None:
    done = run(verb, "--help")
    assert done.code == 0
    assert "Usage: appliance" in done.out
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert command.help
    assert len(command.get_short_help_str(200).split()) > 2


def test_no_such_verb(box: Box, run: Run) -> None:
    done = run("frobnicate", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")


def test_interrupted(box: Box, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("appliance.cli.planning.open_systems", interrupt)
    done = run("plan", "--json")
    assert (done.code, done.error["code"]) == (1, "interrupted")


def test_no_permission_is_told_with_the_remedy(box: Box, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied", "/etc/appliance/intent.yaml")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = run("plan", "--json")
    assert (done.code, done.error["code"]) == (6, "privilege")
    assert "root" in done.error["hint"]


def test_help_imports_no_door() -> None:
    """The verbs' libraries are slow to load; a person who asks for help should not wait for them."""
    slow = {"pyroute2", "vici", "jinja2", "yaml"}
    code = f"import sys; from appliance.cli.main import cli; print(sorted({slow} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
