"""What a start of the program does not load: libraries that a verb does not use cost time and memory."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from appliance.cli.main import SUMMARIES, VERBS

PROGRAM = """
import json, sys
from appliance.cli.main import main
sys.argv = ["appliance", *sys.argv[1:]]
try:
    main()
finally:
    print(json.dumps([name for name, module in sys.modules.items() if module]), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """The modules that are there when the verb has ended."""
    command = [sys.executable, "-c", PROGRAM, *words]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return set(json.loads(next(line for line in said.splitlines() if line.startswith("["))))


@pytest.mark.parametrize(
    ("words", "without"),
    [
        ("--help", {"asyncio", "yaml", "jinja2", "appliance.daemon.passes"}),
        ("import --help", {"asyncio", "jinja2", "appliance.daemon.passes"}),
        ("status --help", {"jinja2"}),
        ("run --help", {"jinja2"}),
    ],
)
def test_a_verb_loads_what_it_uses(words: str, without: set[str]) -> None:
    there = loaded(*words.split())
    assert "appliance.cli.main" in there
    assert there & (without | {"ssl", "_ssl", "_hashlib"}) == set()


MOST = {
    "status": 20, "image": 20, "schema": 25, "lab": 35, "first-boot": 40, "import": 45, "validate": 70, "render": 180,
    "plan": 185, "apply": 195, "down": 195, "connection": 200, "run": 230, "tunnel": 235, "configure": 265,
}  # fmt: skip
"""Verb -> files of our own that it may load before it does anything: each costs half a millisecond at every start."""


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_loads_no_more_files_than_before(verb: str) -> None:
    ours = {name for name in loaded(verb, "--help") if name.startswith("appliance")}
    assert len(ours) <= MOST[verb], sorted(ours)


ASKING = """
import appliance.control.asking
from pathlib import Path
appliance.control.asking.SOCKET = Path(sys.argv.pop(1))
"""
HEAVY = {"asyncio", "yaml", "jinja2", "pyroute2", "appliance.model.intent", "appliance.model.resources",
         "appliance.daemon.looking", "appliance.daemon.passes", "appliance.daemon.wiring"}  # fmt: skip


def test_who_is_told_the_status_loads_nothing_of_what_looking_takes(tmp_path: Path) -> None:
    answer = {"state": "ok", "healthy": True, "site": "dc1", "why": None}
    program = PROGRAM.replace("from appliance.cli", f"{ASKING}from appliance.cli", 1)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()

        def tell() -> None:
            heard, _ = server.accept()
            with heard:
                heard.recv(4096)
                heard.sendall(json.dumps({"status": answer}).encode() + b"\n")

        teller = Thread(target=tell)
        teller.start()
        command = [sys.executable, "-c", program, str(tmp_path / "socket"), "status", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        teller.join(10)
    assert json.loads(done.stdout) == {"schema": 1, **answer}
    assert set(json.loads(done.stderr.splitlines()[-1])) & HEAVY == set()


def test_every_summary_is_of_a_verb_and_fits_its_line() -> None:
    assert SUMMARIES.keys() <= VERBS.keys()
    assert max(map(len, SUMMARIES.values())) <= 66
