"""Each case is an intent and, beside it, everything that is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.cli.output import describe_fault
from appliance.intent.read import read_intent
from appliance.model.fault import Fault, Notice

CASES = sorted(Path(__file__).parent.glob("cases/*.yaml"))


def describe(faults: tuple[Fault, ...], notices: tuple[Notice, ...]) -> str:
    """What people see."""
    lines = [describe_fault(fault) for fault in faults]
    lines += [f"note: {notice.where}: {notice.message}" for notice in notices]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_everything_that_is_said_about_an_intent(path: Path, request: pytest.FixtureRequest) -> None:
    intent, faults, notices = read_intent(path.read_bytes(), path.name)
    said, golden = describe(faults, notices), path.with_suffix(".txt")
    if request.config.getoption("--update", default=False):
        golden.write_text(said)
    assert said == golden.read_text()
    assert (intent is None) == bool(faults)


def test_ten_faults_are_ten() -> None:
    _, faults, _ = read_intent((Path(__file__).parent / "cases/ten-faults.yaml").read_text())
    assert len(faults) == 10
    assert all(fault.line and fault.key for fault in faults)


@pytest.mark.parametrize(
    "written",
    ["KEY", "{KEY: a}", "[KEY]", "{file: 'KEY+ '}", "!KEY x", "*KEY", "'KEY", "{env: {KEY: 1}}", "{file: [KEY, 1]}",
     "@KEY", "{file: KEY, env: KEY+}", "{env: KEY, KEY: KEY}", "|\n  KEY", "%KEY", "KEY: KEY", "{fil: KEY}", "\"KEY"],
)  # fmt: skip
def test_no_key_is_ever_shown(written: str) -> None:
    key = "FAKE.key.that.must.not.show"
    text = (Path(__file__).parent / "cases/ten-faults.yaml").read_text().replace(key, written.replace("KEY", key))
    _, faults, notices = read_intent(text)
    assert faults
    assert key not in repr((faults, notices))
