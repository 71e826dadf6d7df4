"""``appliance validate`` and ``appliance schema`` as they are called."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from appliance.cli.main import main
from appliance.intent.examples import EXAMPLES

GOOD = (Path(__file__).parent / "cases/clean.yaml").read_text()
BAD = (Path(__file__).parent / "cases/ten-faults.yaml").read_text()
KEY = "FAKE_key_for_tests"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call the command; gives exit code, stdout and stderr."""

    def call(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["appliance", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as done:
            main()
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return call


@pytest.fixture
def intent(tmp_path: Path) -> Path:
    """A good intent with its two keys beside it."""
    path = tmp_path / "intent.yaml"
    path.write_text(GOOD)
    for name in ("a.psk", "b.psk"):
        (tmp_path / name).write_text(f"{KEY}\n")
        (tmp_path / name).chmod(0o600)
    return path


def test_a_good_intent(run: Any, intent: Path) -> None:
    assert run("validate", str(intent)) == (0, f"{intent}: valid: site dc1, 1 connection, 2 tunnels\n", "")


def test_a_good_intent_for_programs(run: Any, intent: Path) -> None:
    code, out, err = run("validate", str(intent), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "schema": 1,
        "file": str(intent),
        "valid": True,
        "site": "dc1",
        "connections": [
            {"name": "vpc", "cloud": "aws", "mode": "bgp", "speaker": "frr", "tunnels": ["vpc-1", "vpc-2"]}
        ],
        "notices": [],
    }


def test_every_fault_on_stderr_and_exit_3(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    code, out, err = run("validate", str(path))
    assert (code, out) == (3, "")
    assert err.count(f"{path}:") == 10
    assert f"appliance: {path} has 10 faults" in err


def test_every_fault_as_json(run: Any) -> None:
    code, out, _ = run("validate", "-", "--json", stdin=BAD.encode())
    assert code == 3
    error = json.loads(out)["error"]
    assert (error["exit"], error["code"], len(error["faults"])) == (3, "faults", 10)
    assert {frozenset(fault) for fault in error["faults"]} == {
        frozenset({"message", "file", "line", "key", "found", "allowed", "fix"})
    }
    assert all(fault["file"] == "<stdin>" and fault["line"] and fault["key"] for fault in error["faults"])


@pytest.mark.parametrize(
    ("key", "mode", "message"),
    [
        ("FAKE+key+for+tests\n", 0o600, "aws has no such pre-shared key"),
        (f"{KEY}\n", 0o644, "is open to others"),
        ("\n", 0o600, "is empty"),
        (f"{KEY}\n{KEY}\n", 0o600, "several lines"),
    ],
)
def test_a_key_that_will_not_do_is_a_fault(run: Any, intent: Path, key: str, mode: int, message: str) -> None:
    (intent.parent / "b.psk").write_text(key)
    (intent.parent / "b.psk").chmod(mode)
    code, out, err = run("validate", str(intent))
    assert (code, out) == (3, "")
    assert err.startswith(f"{intent}:10: connections[0].tunnels[1].psk: ")
    assert message in err
    assert "key_for" not in out + err
    assert "key+for" not in out + err


def test_keys_that_are_elsewhere_are_not_missed(run: Any, intent: Path) -> None:
    """An intent is checked where it is written, often not on the machine that has the keys."""
    (intent.parent / "b.psk").unlink()
    code, out, err = run("validate", str(intent))
    assert code == 0
    assert err == f"note: vpc-2: its pre-shared key was not checked: there is no {intent.parent / 'b.psk'}\n"
    code, out, err = run("validate", "-", stdin=GOOD.encode())
    assert (code, out) == (0, "<stdin>: valid: site dc1, 1 connection, 2 tunnels\n")
    assert err.count("was not checked") == 2


def test_keys_in_the_environment(run: Any, intent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intent.write_text(GOOD.replace("{file: b.psk}", "{env: FAKE_KEY}"))
    assert "FAKE_KEY is not set here" in run("validate", str(intent))[2]
    monkeypatch.setenv("FAKE_KEY", "0" + KEY)
    assert run("validate", str(intent))[0] == 3
    monkeypatch.setenv("FAKE_KEY", KEY)
    assert run("validate", str(intent))[0] == 0


def test_two_tunnels_that_get_one_interface(run: Any, intent: Path) -> None:
    """Names of 15 characters and more are shortened by a digest; an explicit interface may hit one."""
    intent.write_text(GOOD.replace("name: vpc-1,", "name: vpc-1, interface: vpc-2,"))
    code, _, err = run("validate", str(intent))
    assert code == 3
    assert "connections[0].tunnels[0] gets the same interface name" in err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"version: 1\nsite: {name: \xff}\n", ":2: not UTF-8"),
        (BAD.encode("utf-16"), "the file is UTF-16"),
        (GOOD[:150].encode(), "not YAML"),
        (
            GOOD.replace("name: vpc\n", "name:\tvpc\n").replace("    cloud", "\tcloud").encode(),
            ":5: a tab indents this line",
        ),
        (GOOD.replace("mode: ", "mode:\u00a0").encode(), ":6: a non-breaking"),
    ],
)
def test_damaged_files_are_refused_with_line_and_reason(run: Any, data: bytes, message: str) -> None:
    code, out, err = run("validate", "-", stdin=data)
    assert (code, out) == (3, "")
    assert message in err


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_line_ends_and_marks_of_other_systems_do_no_harm(run: Any, change: Any) -> None:
    assert run("validate", "-", stdin=change(GOOD).encode())[0] == 0


def test_a_file_that_is_not_there_is_wrong_usage(run: Any, tmp_path: Path) -> None:
    code, out, err = run("validate", str(tmp_path / "none.yaml"))
    assert (code, out) == (2, "")
    assert "appliance schema --example" in err
    assert run("validate", str(tmp_path))[0] == 2


def test_the_schema_is_printed(run: Any) -> None:
    code, out, err = run("schema")
    assert (code, err) == (0, "")
    schema = json.loads(out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert Draft202012Validator(schema).is_valid(yaml.safe_load(GOOD))
    assert json.loads(run("schema", "--json")[1]) == {"schema": 1, **schema}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_printed_and_validates(run: Any, name: str) -> None:
    code, out, err = run("schema", "--example", name)
    assert (code, err) == (0, "")
    assert out.startswith("# ")
    assert run("validate", "-", stdin=out.encode())[0] == 0
    assert json.loads(run("schema", "--example", name, "--json")[1]) == {"schema": 1, "example": name, "text": out}


def test_an_example_that_does_not_exist_names_those_that_do(run: Any) -> None:
    code, out, err = run("schema", "--example", "hairpin")
    assert (code, out) == (2, "")
    assert all(name in err for name in EXAMPLES)
