"""The protocol between a program of checks and what reports on it, and the library such programs use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from appliance.lab.checks import (
    CheckResult,
    LabReport,
    Manner,
    describe_result,
    judge_missing,
    parse_plan,
    parse_report,
    parse_result,
)

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
from checking import Failed, check, main, wait_for

@check(timeout=5)
def it_holds():
    '''It holds.'''

@check(timeout=5)
def it_takes_time():
    '''It is measured.'''
    return 12.5

@check(timeout=5)
def it_breaks():
    '''It never breaks.'''
    raise Failed("it broke")

@check(timeout=0.2)
def it_hangs():
    '''It ends.'''
    wait_for(lambda: False, 60, "the end")

@check(timeout=5)
def it_is_awaited():
    '''It comes.'''
    wait_for(lambda: 1 / 0, 0.05, "a quotient")

main()
"""


def run_program(text: str, folder: Path, *words: str) -> tuple[int, list[str]]:
    (folder / "checks.py").write_text(text)
    done = subprocess.run([sys.executable, "checks.py", *words], cwd=folder, env={"PYTHONPATH": str(ROOT / "labs")},
                          capture_output=True, text=True, check=False)  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def test_a_program_of_checks_tells_its_plan_and_every_result(tmp_path: Path) -> None:
    code, lines = run_program(PROGRAM, tmp_path)
    plan = parse_plan(lines[0])
    results = [result for line in lines[1:] if (result := parse_result(line))]
    assert code == 1
    assert plan == {"it-holds": 5, "it-takes-time": 5, "it-breaks": 5, "it-hangs": 0.2, "it-is-awaited": 5}
    assert [(result.name, result.passed, result.gap_ms) for result in results] == [
        ("it-holds", True, None),
        ("it-takes-time", True, 12.5),
        ("it-breaks", False, None),
        ("it-hangs", False, None),
        ("it-is-awaited", False, None),
    ]
    assert results[0].message == "It holds."
    assert results[2].message == "It never breaks. But: it broke"
    assert "0.2 s" in results[3].message
    assert "a quotient (division by zero)" in results[4].message
    assert judge_missing(plan or {}, results, "x") == []


def test_some_checks_can_be_picked(tmp_path: Path) -> None:
    code, lines = run_program(PROGRAM, tmp_path, "it-holds")
    assert (code, len(lines)) == (0, 2)


def test_a_check_that_never_told_has_failed() -> None:
    told = CheckResult("a", True, 1.0, "")
    assert judge_missing(["a", "b"], [told], "it died") == [CheckResult("b", False, 0.0, "no result: it died")]


def test_other_lines_are_no_results() -> None:
    for line in ("", "text", "[]", "1", '{"name": 1, "passed": true}', '{"name": "x"}', '{"plan": 3}'):
        assert parse_result(line) is None
        assert parse_plan(line) is None


def test_a_report_survives_its_json() -> None:
    checks = (CheckResult("a", True, 1.5, "It holds.", 3.0), CheckResult("b", False, 0.0, "It does not."))
    report = LabReport("lab", 2.5, checks, "/somewhere")
    assert not report.passed
    assert parse_report(json.loads(json.dumps(report.as_json()))) == report
    assert describe_result(checks[0]) == "ok   a  1.5 s  gap 3 ms  It holds."


def test_a_manner_reaches_a_guest_and_a_program_of_checks_whole() -> None:
    manner = Manner(keep=True, quick=True, speaker="exabgp")
    assert manner.options == ("--keep", "--quick", "--speaker", "exabgp")
    assert manner.environment == {"LAB_QUICK": "1", "LAB_SPEAKER": "exabgp"}
    assert (Manner().options, Manner().environment) == ((), {})
