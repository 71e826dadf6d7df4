"""What a start of the program does not load: libraries that a verb does not use cost time and memory."""

from __future__ import annotations

import json
import subprocess
import sys

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


def test_every_summary_is_of_a_verb_and_fits_its_line() -> None:
    assert SUMMARIES.keys() <= VERBS.keys()
    assert max(map(len, SUMMARIES.values())) <= 66
