"""Groups of tests run side by side, each when it may, and one that fails or hangs takes no other with it."""

from __future__ import annotations

import sys
import threading

from tests.lanes import Group, run_command, run_lanes


def group(name: str, *after: str) -> Group:
    return Group(name, name, (), 1, after=after)


def test_all_run_and_the_failed_one_is_named() -> None:
    said: list[str] = []
    ended = run_lanes(
        [group("a"), group("b"), group("c")], 2, lambda group, _lane, _say: group.name != "b", said.append
    )
    assert {each.name: each.passed for each in ended} == {"a": True, "b": False, "c": True}
    assert any(line.startswith("[b] == FAILED") for line in said)


def test_two_are_at_work_at_once() -> None:
    both = threading.Barrier(2, timeout=30)
    lanes = set()

    def meet(_group: Group, lane: int, _say: object) -> bool:
        both.wait()
        lanes.add(lane)
        return True

    assert all(each.passed for each in run_lanes([group("a"), group("b")], 2, meet, lambda _line: None))
    assert lanes == {0, 1}


def test_one_that_needs_anothers_results_waits_for_them() -> None:
    order: list[str] = []

    def note(each: Group, _lane: int, _say: object) -> bool:
        order.append(each.name)
        return True

    run_lanes([group("last", "first"), group("first")], 2, note, lambda _line: None)
    assert order == ["first", "last"]


def test_what_was_not_asked_for_is_not_waited_for() -> None:
    ended = run_lanes([group("doors", "host")], 1, lambda *_all: True, lambda _line: None)
    assert [each.name for each in ended] == ["doors"]


def test_a_command_gets_its_input_and_its_lines_are_said() -> None:
    said: list[str] = []
    copy = (sys.executable, "-c", "import os, sys; print(sys.stdin.read() + os.environ['WORD']); sys.exit(3)")
    assert not run_command(copy, b"one\n", {"WORD": "two"}, 1, said.append)
    assert said == ["one", "two"]


def test_a_command_that_hangs_ends_with_its_time_and_so_does_what_it_started() -> None:
    said: list[str] = []
    hang = (sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '600'])")
    assert not run_command(hang, b"", {}, 0.01, said.append)
    assert said == ["not done within 0.01 minutes"]
