"""``appliance tunnel`` as it is typed: help, usage, keys from standard input. What it does: daemon/test_operating."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from tests.cli.calling import Run
from tests.daemon.sites import key_of
from tests.fakes.box import Box

VERBS = ("drain", "undrain", "switch", "restart", "set-psk", "rotate-psk")
NEW = "Another.fake.key_of_vpc_1"


def given(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    """What is on standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw), isatty=lambda: False))


@pytest.mark.parametrize("verb", VERBS)
def test_each_explains_itself_with_examples_and_exit_codes(run: Run, verb: str) -> None:
    done = run("tunnel", verb, "--help")
    assert done.code == 0
    assert f"appliance tunnel {verb} vpc-" in done.out
    for word in ("Examples", "Exit codes", "--json", "--timeout"):
        assert word in done.out


@pytest.mark.parametrize("verb", VERBS)
def test_a_usage_error_is_one_json_value(box: Box, run: Run, verb: str) -> None:
    done = run("tunnel", verb, "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert "NAME" in done.error["message"]


@pytest.mark.parametrize("verb", ["drain", "undrain", "switch"])
def test_what_only_the_daemon_can_do_asks_for_it(running: Box, run: Run, verb: str) -> None:
    done = run("tunnel", verb, "vpc-1", "--json")
    assert (done.code, done.error["code"]) == (6, "daemon")
    assert "appliance run" in done.error["hint"]


def test_no_such_tunnel(running: Box, run: Run) -> None:
    done = run("tunnel", "restart", "vpc-9", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert "vpc-1, vpc-2" in done.error["hint"]


def test_nothing_applied_yet(box: Box, run: Run) -> None:
    assert run("tunnel", "restart", "vpc-1", "--json").code == 2


def test_a_connection_that_is_down_has_no_tunnel_to_operate(running: Box, run: Run) -> None:
    run("down", "vpc", "--yes")
    done = run("tunnel", "restart", "vpc-1", "--json")
    assert done.code == 2
    assert "vpc is down" in done.error["message"]


def test_a_restart_without_a_daemon(running: Box, run: Run) -> None:
    before = dict(running.charon.standing)
    done = run("tunnel", "restart", "vpc-1", "--json")
    assert done.code == 0, done.err
    assert done.json["state"] == "carrying"
    assert running.charon.standing["vpc-1"].ike_id != before["vpc-1"].ike_id
    assert {name: sa for name, sa in running.charon.standing.items() if name != "vpc-1"} == {
        name: sa for name, sa in before.items() if name != "vpc-1"
    }


def test_a_key_from_standard_input(running: Box, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, f"{NEW}\n".encode())
    done = run("tunnel", "set-psk", "vpc-1", "--json")
    assert done.code == 0, done.err
    assert done.json["changed"]
    assert running.charon.authenticated == ["vpc-1"]
    assert NEW not in done.out + done.err
    assert run("plan", "--json").json["changes"] == 0


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\xff\xfe\n", b"two\nlines\n", b"x" * 5000, b"short\n", b"0begins.with.zero\n"]
)
def test_what_is_no_key_changes_nothing(running: Box, run: Run, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    written = running.writes
    given(monkeypatch, raw)
    done = run("tunnel", "set-psk", "vpc-1", "--json")
    assert done.code == 3, done.out
    assert running.writes == written
    assert key_of("vpc-1").reveal() in running.files()["etc/secrets/vpc-1.psk"]


def test_a_key_that_is_kept_elsewhere_is_changed_there(running: Box, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = str(running.store.read_intent()).replace("{file: secrets/vpc-1.psk}", "{env: VPC_1}")
    monkeypatch.setenv("VPC_1", key_of("vpc-1").reveal())
    running.store.write_intent(text)
    assert run("apply", "--yes").code == 0
    given(monkeypatch, f"{NEW}\n".encode())
    done = run("tunnel", "set-psk", "vpc-1", "--json")
    assert done.code == 2
    assert "env VPC_1" in done.error["message"]


def test_a_rotation_asks_first(running: Box, run: Run) -> None:
    """Without a daemon it does not even come to that."""
    assert run("tunnel", "rotate-psk", "vpc-1", "--json").code == 6


def test_a_span_of_time_is_one(running: Box, run: Run) -> None:
    done = run("tunnel", "drain", "vpc-1", "--for", "soon", "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
