"""What ``configure`` does so that its result survives a reboot, where systemd is."""

from __future__ import annotations

from pathlib import Path

from appliance.boot.unit import OWN
from tests.cli.calling import Run
from tests.fakes.box import Box

LAN = ("--lan", "172.16.20.0/24", "--name", "vpc")


def test_where_no_systemd_is_nothing_is_said_of_it(box: Box, run: Run, generic: Path) -> None:
    done = run("configure", "--bgp", "--from", generic, *LAN, "--yes", "--json")
    assert done.code == 0, done.err
    assert "boot" not in done.json
    assert box.systemd.done == []


def test_the_plan_says_it_and_a_dry_run_does_nothing(box: Box, run: Run, generic: Path) -> None:
    box.systemd.runs = True
    done = run("configure", "--bgp", "--from", generic, *LAN, "--dry-run", "--json")
    assert done.code == 0, done.err
    verbs = [step["verb"] for step in done.json["boot"]]
    assert verbs[0] == "write"
    assert verbs[-2:] == ["enable", "start"]
    assert "the daemon starts with the machine" in done.err
    assert box.systemd.done == []


def test_the_daemon_is_enabled_once(box: Box, run: Run, generic: Path) -> None:
    box.systemd.runs = True
    done = run("configure", "--bgp", "--from", generic, *LAN, "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["healthy"]
    assert (box.systemd.enabled, box.systemd.active) == (True, True)
    assert OWN in box.systemd.files
    told = list(box.systemd.done)
    again = run("configure", "--bgp", "--from", generic, *LAN, "--yes", "--json")
    assert again.code == 0
    assert "boot" not in again.json
    assert box.systemd.done == told


def test_a_systemd_that_refuses_hinders_no_tunnel(box: Box, run: Run, generic: Path) -> None:
    box.systemd.runs, box.systemd.broken = True, "systemctl enable: Access denied"
    done = run("configure", "--bgp", "--from", generic, *LAN, "--yes", "--json")
    assert (done.code, done.error["code"]) == (1, "unit")
    assert "Access denied" in done.error["message"]
    assert run("status", "--json").json["healthy"]
