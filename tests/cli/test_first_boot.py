"""The verb that a machine runs at each boot: user-data counts once per instance, and again where somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.cli import configure, first_boot
from appliance.image.seed import Seed

SETTINGS = "from: [/etc/appliance/documents/a.txt]\nbgp: true\n"
HEALTHY = {"healthy": True, "why": "", "revision": 1, "connections": []}
DIFFER = "files differ from what was configured"


class Machine:
    """A configured machine's files, and the words that `configure` was run with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configured: list[list[str]] = []
        (folder / "etc/documents").mkdir(parents=True)
        self.bring(SETTINGS)
        self.become("i-1")

    def seed(self) -> Seed:
        return Seed(self.folder / "etc", self.folder / "state", self.folder / "instance-id", self.folder / "uuid")

    def bring(self, settings: str) -> None:
        (self.folder / "etc/configure.yaml").write_text(settings)

    def become(self, instance: str) -> None:
        (self.folder / "instance-id").write_text(f"{instance}\n")

    def configure(self, args: list[str], **_: Any) -> None:
        self.configured.append(args)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setattr(first_boot, "Seed", machine.seed)
    monkeypatch.setattr(first_boot, "_is_configured", lambda: bool(machine.configured))
    monkeypatch.setattr(first_boot, "see_status", lambda: HEALTHY)
    monkeypatch.setattr(configure.command, "main", machine.configure)
    return machine


def boot(*words: str, line: str = "appliance: READY revision=1") -> str:
    """What the console shows, this line at least."""
    done = CliRunner().invoke(first_boot.command, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert line in done.output
    return done.output


def test_user_data_is_done_at_the_first_boot_and_at_no_other(machine: Machine) -> None:
    said = boot() + boot()
    assert machine.configured == [["--yes", "--from", "/etc/appliance/documents/a.txt", "--bgp"]]
    assert DIFFER not in said


def touch_document(machine: Machine) -> None:
    (machine.folder / "etc/documents/a.txt").write_text("another")


def touch_flags(machine: Machine) -> None:
    machine.bring(f"{SETTINGS}asn: 65010\n")


@pytest.mark.parametrize("change", [touch_document, touch_flags])
def test_files_that_differ_are_said_and_done_when_asked_for(
    machine: Machine, change: Callable[[Machine], None]
) -> None:
    boot()
    change(machine)
    assert DIFFER in boot()
    assert len(machine.configured) == 1
    assert DIFFER not in boot("--again")
    assert len(machine.configured) == 2
    assert DIFFER not in boot()


def test_another_instance_is_told_anew(machine: Machine) -> None:
    boot()
    machine.become("i-2")
    boot()
    assert len(machine.configured) == 2


def test_what_failed_is_tried_at_the_next_boot(machine: Machine) -> None:
    machine.bring(f"{SETTINGS}lann: 192.0.2.0/24\n")
    said = boot(line="appliance: NOT CONFIGURED")
    assert "lann: not an option of configure" in said
    assert machine.configured == []
    machine.bring(SETTINGS)
    boot()
    assert len(machine.configured) == 1
