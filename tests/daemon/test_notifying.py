"""What systemd hears, over a real socket."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.daemon.notifying import feed_watchdog, notify, watchdog_period
from appliance.probe.sockets import MOST_OPEN

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "images" / "units").glob("appliance*.service"))


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(10)
        yield end


def test_systemd_hears_that_the_service_is_ready(systemd: socket.socket) -> None:
    assert notify("READY=1", {"NOTIFY_SOCKET": systemd.getsockname()})
    assert systemd.recv(100) == b"READY=1"


def test_an_abstract_socket_is_reached_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0appliance-test-{os.getpid()}")
        assert notify("READY=1", {"NOTIFY_SOCKET": f"@appliance-test-{os.getpid()}"})
        assert end.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "nonsense"}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_a_listener_nothing_happens(environment: dict[str, str]) -> None:
    assert not notify("READY=1", environment)


def test_signs_of_life_come_again_and_again(systemd: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "2000"}

    async def fed() -> list[bytes]:
        task = asyncio.create_task(feed_watchdog(environment))
        heard = [await asyncio.to_thread(systemd.recv, 100) for _ in range(3)]
        task.cancel()
        return heard

    assert asyncio.run(fed()) == [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environment: dict[str, str], period: float | None) -> None:
    assert watchdog_period(environment) == period


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_of_ours_is_sandboxed(unit: Path) -> None:
    """The exposure that systemd computes: 0 is nothing, 10 an ordinary root service. Ours stay at 2.5 or below."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in done.stderr or "not been booted" in done.stderr:
        pytest.skip("this systemd-analyze does not judge files")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_unit() -> None:
    assert "appliance.service" in [path.name for path in UNITS]


def test_its_files_are_enough_for_a_thousand_silent_tcp_targets() -> None:
    """systemd's own limit is 1024, which sixteen of them fill."""
    unit = (ROOT / "images/units/appliance.service").read_text(encoding="utf-8")
    (limit,) = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    assert int(limit) >= 1000 * MOST_OPEN


def test_its_words_are_found_by_its_name_whatever_program_is_started() -> None:
    unit = (ROOT / "images/units/appliance.service").read_text(encoding="utf-8")
    assert "SyslogIdentifier=appliance" in unit.splitlines()
