"""What systemd is to be told: nothing twice, homes hidden but for the program, and no daemon beside a daemon."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.boot.unit import DROP_IN, OWN, PROGRAM, SPEAKER, Boot, Program, boot_steps, render_drop_in

HOMES = "/home"
UNIT = "[Service]\nExecStart=/usr/bin/appliance run\n"
INSTALLED = Program((PROGRAM,), ("/usr", "/usr/bin/appliance"))
AT_HOME = Program(
    ("/root/vpn/.venv/bin/appliance",),
    ("/root/vpn/.venv", "/root/vpn", "/usr", "/root/vpn/.venv/bin/python", f"{HOMES}/ada/python", "/root/vpn"),
)


def verbs(boot: Boot, program: Program = INSTALLED, speaker: str | None = None) -> list[str]:
    return [f"{step.verb} {step.path}" for step in boot_steps(UNIT, speaker, program, boot)]


def test_on_a_fresh_machine_the_unit_is_written_enabled_and_started() -> None:
    assert verbs(Boot()) == [f"write {OWN}", "enable appliance.service", "start appliance.service"]


def test_what_is_so_already_is_not_done_again() -> None:
    assert verbs(Boot({OWN: UNIT}, enabled=True, active=True)) == []


def test_a_machine_that_brings_the_unit_needs_no_other() -> None:
    assert verbs(Boot(packaged=True, enabled=True, active=True)) == []
    assert verbs(Boot(packaged=True)) == ["enable appliance.service", "start appliance.service"]
    assert verbs(Boot({OWN: UNIT}, packaged=True, enabled=True, active=True))[0] == f"remove {OWN}"


def test_a_new_program_restarts_the_daemon() -> None:
    boot = Boot({OWN: UNIT}, enabled=True, active=True)
    assert verbs(boot, AT_HOME) == [f"write {DROP_IN}", "restart appliance.service"]
    there = replace(boot, files={OWN: UNIT, DROP_IN: str(render_drop_in(AT_HOME))})
    assert verbs(there, AT_HOME) == []
    assert verbs(there, INSTALLED) == [f"remove {DROP_IN}", "restart appliance.service"]


def test_no_second_daemon_beside_one_that_somebody_else_started() -> None:
    assert verbs(Boot(stranger=True)) == [f"write {OWN}", "enable appliance.service"]


def test_an_embedded_speaker_gets_what_it_takes() -> None:
    assert f"write {SPEAKER}" in verbs(Boot(), speaker="[Service]\n")
    assert f"write {SPEAKER}" not in verbs(Boot())


def test_homes_stay_hidden_but_for_the_program() -> None:
    assert AT_HOME.at_home == (f"{HOMES}/ada/python", "/root/vpn")
    assert render_drop_in(AT_HOME) == (
        "# Written by `appliance configure`: the program that was called then.\n"
        "[Service]\n"
        "ExecStart=\n"
        "ExecStart=/root/vpn/.venv/bin/appliance run\n"
        "ProtectHome=tmpfs\n"
        f"BindReadOnlyPaths={HOMES}/ada/python /root/vpn\n"
    )
    assert render_drop_in(INSTALLED) is None
    assert "ProtectHome" not in str(render_drop_in(Program(("/opt/vpn/bin/appliance",), ("/opt/vpn",))))


def test_a_path_says_what_it_is_whatever_is_in_it() -> None:
    odd = Program(('/opt/100% $HOME/bin/app"liance',))
    assert 'ExecStart="/opt/100%% $$HOME/bin/app\\"liance" run' in str(render_drop_in(odd))


def test_systemd_itself_takes_unit_and_drop_in(tmp_path: Path) -> None:
    """The exposure that it computes for both together stays at 2.5 or below."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    unit = Path(__file__).parents[2] / "images" / "units" / "appliance.service"
    (tmp_path / "appliance.service.d").mkdir()
    (tmp_path / "appliance.service").write_text(unit.read_text())
    (tmp_path / "appliance.service.d" / "program.conf").write_text(str(render_drop_in(AT_HOME)))
    for text, good in (("", True), ("[Service]\nProtectHome=no\nNoNewPrivileges=no\nProtectSystem=no\n", False)):
        (tmp_path / "appliance.service.d" / "worse.conf").write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--threshold=25", "--no-pager",
             str(tmp_path / "appliance.service")], capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "unrecognized option" in done.stderr or "not been booted" in done.stderr:
            pytest.skip("this systemd-analyze does not judge files")
        assert (done.returncode == 0) is good, done.stdout + done.stderr
