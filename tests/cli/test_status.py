"""``appliance status`` and the daemon's answer in it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from appliance.daemon.loop import keep_converged
from appliance.model.fault import SystemLacks
from tests.cli.calling import Run
from tests.daemon.sites import ONE, settle_in
from tests.fakes.box import Box
from tests.report.test_status import KEYS


def test_programs_get_one_value_with_every_key(running: Box, run: Run) -> None:
    done = run("status", "--json")
    status = done.json
    assert list(status) == ["schema", *KEYS[""].split()]
    assert (status["site"], status["state"], status["revision"]) == ("dc1", "ok", 2)
    assert status["daemon"] == {"running": False, "since": None}
    assert done.err == ""


def test_people_get_the_text(running: Box, run: Run) -> None:
    done = run("status")
    assert done.out.splitlines()[0] == "dc1: ok"
    assert "10.0.0.0/16          via vpc-1 + vpc-2" in done.out


def test_drift_is_shown(running: Box, run: Run) -> None:
    running.kernel.delete_link("vpc-2")
    running.sysctl.values["net.ipv4.ip_forward"] = "0"
    status = run("status", "--json").json
    assert any("xfrm-link vpc-2" in line for line in status["drift"])
    assert any("ip_forward" in line for line in status["drift"])
    assert "not as it should be" in run("status").out


def test_without_the_secrets_there_is_a_status_but_no_drift(running: Box, run: Run) -> None:
    for name in ("vpc-1", "lab-2"):
        running.store.remove_secret(name)
    running.kernel.delete_link("vpc-2")
    status = run("status", "--json").json
    assert status["drift"] == []
    assert status["connections"][0]["state"] == "degraded"


def test_a_status_writes_nothing(running: Box, run: Run) -> None:
    written, files = running.writes, running.files()
    run("status")
    run("status", "--json", "--check")
    assert (running.writes, running.files()) == (written, files)


def test_check_is_for_monitors(running: Box, run: Run) -> None:
    done = run("status", "--check")
    assert (done.code, done.out) == (0, "dc1: ok\n")
    running.charon.standing.pop("vpc-1")
    done = run("status", "--check")
    assert (done.code, len(done.out.splitlines())) == (1, 1)
    assert "degraded" in done.out
    done = run("status", "--check", "--json")
    assert (done.code, done.json["state"]) == (1, "degraded")


def test_wait_ends_when_healthy(running: Box, run: Run) -> None:
    def come_back(now: float) -> None:
        if now >= begun + 7:
            running.charon._initiate(running.charon.held["vpc-1"].connection)

    begun = running.clock.now
    running.charon.standing.pop("vpc-1")
    running.clock.ticks.append(come_back)
    assert run("status", "--wait", "60s", "--json").code == 0
    assert 7 <= running.clock.now - begun < 9


def test_wait_ends_when_time_is_over(running: Box, run: Run) -> None:
    running.charon.standing.pop("vpc-1")
    begun = running.clock.now
    done = run("status", "--wait", "5s", "--json")
    assert (done.code, done.json["state"]) == (1, "degraded")
    assert 5 <= running.clock.now - begun < 6


def test_watch_prints_a_line_each(running: Box, run: Run) -> None:
    def enough(now: float) -> None:
        if now >= begun + 5:
            raise KeyboardInterrupt

    begun = running.clock.now
    running.clock.ticks.append(enough)
    done = run("status", "--watch", "--json")
    lines = [json.loads(line) for line in done.out.splitlines()[:3]]
    assert [line["schema"] for line in lines] == [1, 1, 1]
    assert "Traceback" not in done.err


@pytest.mark.parametrize("gone", ["charon", "frr"])
def test_a_daemon_that_is_gone_is_a_state_and_no_failure(running: Box, run: Run, gone: str) -> None:
    if gone == "charon":
        running.charon.stop()
    else:
        running.frr.lacking = (SystemLacks("FRR does not answer", code="frr"),)
    done = run("status", "--json")
    assert done.code == 0
    assert done.json["state"] == "down"
    assert f"{'charon' if gone == 'charon' else 'FRR'} does not answer" in done.json["why"]


def test_the_daemon_says_that_it_runs_and_keeps_the_machine(running: Box, run: Run) -> None:
    said: list[str] = []

    async def scene() -> None:
        stop = asyncio.Event()
        running.kernel.delete_link("vpc-2")
        task = asyncio.create_task(keep_converged(running.systems, said.append, stop))
        async with asyncio.timeout(10):
            while "vpc-2" not in running.kernel.links:
                await asyncio.sleep(0)
        assert running.store.load_daemon()["running"]
        stop.set()
        await task

    asyncio.run(scene())
    assert said[0] == "running"
    assert any("changes made" in text for text in said)
    assert not running.store.load_daemon()["running"]


def test_a_second_daemon_is_refused(running: Box, run: Run) -> None:
    other = Box(running.folder).store
    with other.daemon(datetime(2026, 1, 1, tzinfo=UTC)):
        assert run("status", "--json").json["daemon"] == {"running": True, "since": "2026-01-01T00:00:00+00:00"}
        done = run("run")
    assert done.code == 1
    assert "runs already" in done.err


def test_a_failing_pass_is_said_once(running: Box) -> None:
    said: list[str] = []

    async def scene(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("appliance.daemon.loop.EVERY", 0.001)
        stop = asyncio.Event()
        running.kernel.delete_link("vpc-2")
        running.kernel.refusing = {"xfrm-link vpc-2"}
        task = asyncio.create_task(keep_converged(running.systems, said.append, stop))
        tries = len(running.kernel.tried)
        async with asyncio.timeout(10):
            while len(running.kernel.tried) < tries + 4:
                await asyncio.sleep(0.001)
        stop.set()
        await task

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(scene(monkeypatch))
    assert said == ["running", "xfrm-link vpc-2: No buffer space available"]


def test_an_intent_of_one_connection(box: Box, run: Run) -> None:
    settle_in(box, ONE)
    status = run("status", "--json").json
    assert status["revision"] is None
    assert status["state"] == "down"
    assert len(status["drift"]) > 5
