"""Building as an ordinary user: as root of a namespace of his own where the system lets him, else not at all so."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.image.cloud import REPO


@pytest.fixture
def mapping() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_mapping", REPO / "images/mapping.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def programs(tmp_path: Path, mapping: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every program that is needed; `unshare` there runs what it is given, or fails like a kernel."""
    for name in mapping.NEEDED:
        (tmp_path / name).write_text('#!/bin/sh\n[ ! -e "$(dirname "$0")/forbidden" ]\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(mapping, "SEARCHED", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The programs that took this one's place."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(os, "execvp", lambda program, words: found.append((program, *words)))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["images/disk.py", "out"])
    return found


def test_the_builder_becomes_root_of_a_namespace_with_everybody_else_in_it(
    mapping: ModuleType, programs: Path, begun: list[tuple[str, ...]]
) -> None:
    mapping.become_root(programs)
    [words] = begun
    assert words[:2] == ("unshare", "unshare")
    assert {"--user", "--map-root-user", "--map-auto", "--mount"} <= set(words)
    assert words[-3:] == (sys.executable, "images/disk.py", "out")


@pytest.mark.parametrize("lacking", ["newuidmap", "mmdebstrap"])
def test_without_the_programs_it_goes_on_as_it_is(
    mapping: ModuleType, programs: Path, begun: list[tuple[str, ...]], lacking: str
) -> None:
    (programs / lacking).unlink()
    mapping.become_root(programs)
    assert begun == []


def test_where_the_kernel_forbids_it_it_goes_on_as_it_is(
    mapping: ModuleType, programs: Path, begun: list[tuple[str, ...]]
) -> None:
    (programs / "forbidden").touch()
    mapping.become_root(programs)
    assert begun == []


def test_what_the_systems_root_made_is_left_to_it(
    mapping: ModuleType, programs: Path, begun: list[tuple[str, ...]]
) -> None:
    (programs / "tools-0123" / "root").mkdir(parents=True)
    if (programs / "tools-0123" / "root").stat().st_uid != 0:
        pytest.skip("only root makes what is root's")
    mapping.become_root(programs)
    assert begun == []


def test_root_is_root(mapping: ModuleType, programs: Path, begun: list[tuple[str, ...]],
                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    mapping.become_root(programs)
    assert begun == []
