"""The door to systemd: a root of its own, and a systemctl that keeps what it was told."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from appliance.boot import systemctl
from appliance.boot.systemctl import Systemd, others_may_write, this_program
from appliance.boot.unit import DROP_IN, OWN, PACKAGED, SPEAKER, Program
from appliance.model.fault import SystemFailure

HOMES = "/home"
SYSTEMCTL = """#!/bin/sh
# Keeps its states in files beside it, and refuses to enable or start a unit that is not there after a reload.
here="$(dirname "$0")"; echo "$*" >> "$here/told"
unit="$here/root/etc/systemd/system/appliance.service"
case "$1" in
    is-enabled) cat "$here/enabled" 2>/dev/null || { echo not-found; exit 4; } ;;
    is-active) cat "$here/active" 2>/dev/null || { echo inactive; exit 3; } ;;
    daemon-reload) [ ! -e "$unit" ] || touch "$here/known" ;;
    *) [ -e "$here/known" ] || { echo "Unit appliance.service not found." >&2; exit 5; }
       case "$1" in enable) echo enabled > "$here/enabled" ;; start|restart) echo active > "$here/active" ;; esac ;;
esac
"""
HERE = Program(("/root/vpn/bin/appliance",), ("/root/vpn",))


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        (folder / "systemctl").write_text(SYSTEMCTL)
        (folder / "systemctl").chmod(0o755)
        self.systemd = Systemd(self.root, str(folder / "systemctl"))

    def boot(self) -> None:
        (self.root / "run/systemd/system").mkdir(parents=True)

    def steps(self, *, daemon: bool = False, embedded: bool = False) -> list[str]:
        found = asyncio.run(self.systemd.steps(HERE, daemon=daemon, embedded=embedded))
        self.last = found
        return [f"{step.verb} {step.path}" for step in found]

    def carry_out(self) -> None:
        asyncio.run(self.systemd.carry_out(self.last))

    def told(self) -> list[str]:
        lines = (self.folder / "told").read_text().splitlines()
        return [line for line in lines if not line.startswith("is-")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_systemd_there_is_nothing_to_do(machine: Machine) -> None:
    assert not machine.systemd.runs
    assert machine.steps() == []
    assert not (machine.folder / "told").exists()


def test_a_fresh_machine_gets_the_unit_and_a_second_time_nothing(machine: Machine) -> None:
    machine.boot()
    assert machine.steps() == [
        f"write {OWN}", f"write {DROP_IN}", "enable appliance.service", "start appliance.service",
    ]  # fmt: skip
    assert not (machine.root / "etc").exists()
    machine.carry_out()
    assert machine.told() == ["daemon-reload", "enable appliance.service", "start appliance.service"]
    shipped = Path(__file__).parents[2] / "images" / "units" / "appliance.service"
    assert (machine.root / OWN.lstrip("/")).read_text() == shipped.read_text()
    assert machine.steps() == []


def test_an_embedded_speaker_has_its_drop_in(machine: Machine) -> None:
    machine.boot()
    assert f"write {SPEAKER}" in machine.steps(embedded=True)
    machine.carry_out()
    assert "CAP_SETUID" in (machine.root / SPEAKER.lstrip("/")).read_text()


def test_a_unit_that_comes_with_the_machine_is_left_alone(machine: Machine) -> None:
    machine.boot()
    (machine.root / PACKAGED.lstrip("/")).parent.mkdir(parents=True)
    (machine.root / PACKAGED.lstrip("/")).write_text("[Service]\n")
    assert machine.steps() == [f"write {DROP_IN}", "enable appliance.service", "start appliance.service"]


def test_a_daemon_of_somebody_elses_is_not_doubled(machine: Machine) -> None:
    machine.boot()
    assert machine.steps(daemon=True)[-1] == "enable appliance.service"


def test_what_systemd_refuses_is_said(machine: Machine) -> None:
    machine.boot()
    machine.steps()
    (machine.folder / "systemctl").write_text("#!/bin/sh\necho Access denied >&2\nexit 1\n")
    with pytest.raises(SystemFailure, match="systemctl daemon-reload: Access denied") as failure:
        machine.carry_out()
    assert failure.value.code == "unit"


def test_a_folder_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.boot()
    machine.steps()
    (machine.root / "etc").write_text("a file where a folder should be")
    with pytest.raises(SystemFailure, match=r"appliance\.service"):
        machine.carry_out()


def test_a_machine_without_systemctl_says_so(machine: Machine) -> None:
    machine.boot()
    (machine.folder / "systemctl").unlink()
    with pytest.raises(SystemFailure, match="systemctl"):
        machine.steps()


# Which program


def test_a_script_is_called_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bin" / "appliance"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    program = this_program(str(script), [f"{HOMES}/ada/extra.conf"])
    assert program.command == (str(script),)
    assert {sys.prefix, sys.base_prefix, str(systemctl.PRODUCT), f"{HOMES}/ada/extra.conf"} <= set(program.needs)
    monkeypatch.setenv("PATH", str(script.parent))
    assert this_program("appliance").command == (str(script),)
    link = tmp_path / "appliance"
    link.symlink_to(script)
    assert this_program(str(link)).command == (str(link),)
    assert str(script) in this_program(str(link)).needs


@pytest.mark.parametrize("called", [str(Path(systemctl.__file__)), "/nowhere/appliance", "no-such-program"])
def test_a_module_is_called_by_its_python(called: str) -> None:
    assert this_program(called).command == (sys.executable, "-m", "appliance.cli.main")


def test_what_others_may_write_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.boot.unit.HOMES", (str(tmp_path),))
    (tmp_path / "mine").mkdir()
    program = Program(("/x",), (str(tmp_path / "mine"), str(tmp_path / "gone"), "/usr"))
    monkeypatch.setattr(systemctl.os, "stat", lambda path: type("S", (), {"st_uid": 1000})())
    monkeypatch.setattr(systemctl.os.path, "exists", lambda path: not path.endswith("gone"))
    assert others_may_write(program) == (str(tmp_path / "mine"),)
