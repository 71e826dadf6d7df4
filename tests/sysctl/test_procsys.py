"""The record on disk: who may read it, and what a crash at any instant leaves."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.resources import Sysctl
from appliance.sysctl.procsys import Procsys

FORWARD = Sysctl("net.ipv4.ip_forward", "1", machine_wide=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree like /proc/sys."""
    root = tmp_path / "sys"
    (root / "net/ipv4").mkdir(parents=True)
    (root / "net/ipv4/ip_forward").write_text("0\n")
    return root


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sysctl.json"


def apply(door: Procsys, *changes: Change) -> list[Outcome]:
    return list(asyncio.run(door.apply(changes)))


def test_the_record_is_for_us_alone_and_goes_empty_with_the_last_setting(root: Path, record: Path) -> None:
    door = Procsys(record, root)
    apply(door, Change(None, FORWARD))
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert json.loads(record.read_text())["originals"] == {"net.ipv4.ip_forward": "0"}
    apply(door, Change(FORWARD, None))
    assert json.loads(record.read_text())["originals"] == {}
    assert [path.name for path in record.parent.iterdir()] == [record.name]


def test_nothing_is_changed_when_it_cannot_be_recorded(root: Path, record: Path) -> None:
    record.parent.write_text("a file where the folder should be")
    (outcome,) = apply(Procsys(record, root), Change(None, FORWARD))
    assert "cannot read" in (outcome.error or "") or "cannot write" in (outcome.error or "")
    assert (root / "net/ipv4/ip_forward").read_text() == "0\n"


def test_a_broken_record_is_said_and_nothing_is_overwritten(root: Path, record: Path) -> None:
    record.parent.mkdir()
    record.write_text("{")
    door = Procsys(record, root)
    with pytest.raises(SystemFailure, match=r"sysctl\.json does not hold a record"):
        asyncio.run(door.observe())
    (outcome,) = apply(door, Change(None, FORWARD))
    assert outcome.error is not None
    assert record.read_text() == "{"
    assert (root / "net/ipv4/ip_forward").read_text() == "0\n"


def test_the_draft_of_a_killed_process_is_in_nobodys_way(root: Path, record: Path) -> None:
    record.parent.mkdir()
    (record.parent / "sysctl.json.new").write_text("half a rec")
    (outcome,) = apply(Procsys(record, root), Change(None, FORWARD))
    assert outcome.error is None
    assert json.loads(record.read_text())["originals"] == {"net.ipv4.ip_forward": "0"}


def test_a_recorded_setting_whose_module_is_gone_is_forgotten(root: Path, record: Path) -> None:
    door = Procsys(record, root)
    apply(door, Change(None, FORWARD))
    (root / "net/ipv4/ip_forward").unlink()
    (seen,) = asyncio.run(door.observe())
    assert isinstance(seen, Sysctl)
    assert seen.name == FORWARD.name
    assert [outcome.error for outcome in apply(door, Change(seen, None))] == [None]
    assert asyncio.run(door.observe()) == frozenset()
