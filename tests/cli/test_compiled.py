"""Methods of dataclasses are compiled once, not at every start."""

from __future__ import annotations

import dataclasses
import marshal
import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest

from appliance.cli.compiled import Methods

STARTING = """
import sys
from appliance.cli.main import main
compiled = []
sys.addaudithook(lambda event, given: compiled.append(given[0]) if event == "compile" and given[1] == "<string>" else 0)
sys.argv = ["appliance", *sys.argv[1:]]
try:
    main()
finally:
    print(len(compiled), file=sys.stderr)
"""


def start(kept: Path, *words: str) -> tuple[int, int]:
    """How a start of the program ended that keeps what it compiled in that folder, and how many texts it compiled."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(kept), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", STARTING, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, int(done.stderr.splitlines()[-1])


def test_the_next_start_compiles_no_method_again(tmp_path: Path) -> None:
    code, first = start(tmp_path, "validate", "--help")
    assert code == 0
    assert first > 50
    code, second = start(tmp_path, "validate", "--help")
    assert code == 0
    assert second < first / 10  # what is left stands in the few modules that come before


def shaped_by(methods: Methods, monkeypatch: pytest.MonkeyPatch) -> type:
    """A dataclass whose methods go through these."""
    monkeypatch.setattr(dataclasses, "exec", methods.execute, raising=False)
    return dataclasses.make_dataclass("Shaped", [("one", int), ("two", str)], frozen=True, slots=True)


def test_what_was_kept_works_as_what_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    place = str(tmp_path / "methods")
    methods = Methods(place)
    shaped_by(methods, monkeypatch)
    methods.save()
    monkeypatch.setattr("appliance.cli.compiled.compile", None, raising=False)  # all of it is known now
    shaped = shaped_by(Methods(place), monkeypatch)
    assert shaped(1, "a") == shaped(1, two="a") != shaped(2, "a")
    assert hash(shaped(1, "a")) == hash(shaped(1, "a"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        shaped(1, "a").one = 2


def test_two_starts_at_once_keep_the_methods_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    both = [Methods(str(tmp_path / "methods")) for _ in range(2)]
    for number, methods in enumerate(both):
        methods.execute(f"found = {number}", {}, {})
    for methods in both:
        methods.save()
    assert len(marshal.loads((tmp_path / "methods").read_bytes())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["methods"]


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"no marshal at all", marshal.dumps([1]), b"x" * 9_000_000])
def test_a_file_that_is_none_of_ours_is_passed_over(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "methods").write_bytes(content)
    found: dict[str, int] = {}
    Methods(str(tmp_path / "methods")).execute("found = 7", {}, found)
    assert found == {"found": 7}


@pytest.mark.parametrize("damaged", [b"", b"\0\0", marshal.dumps(7), "found = 8"])
def test_a_method_that_was_damaged_is_compiled_anew(damaged: object, tmp_path: Path) -> None:
    kept = {blake2b(b"found = 7", digest_size=16).digest(): damaged}
    (tmp_path / "methods").write_bytes(marshal.dumps(kept))
    found: dict[str, int] = {}
    Methods(str(tmp_path / "methods")).execute("found = 7", {}, found)
    assert found == {"found": 7}


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    methods = Methods(str(tmp_path / "no such folder" / "methods"))
    methods.execute("found = 7", {}, {})
    methods.save()
    assert list(tmp_path.iterdir()) == []
