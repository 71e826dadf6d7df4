"""The daemon says how things stand: what it says is what a look of one's own would have shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest

from appliance import __version__
from appliance.control.asking import ask_status
from appliance.control.channel import FILE
from appliance.daemon.loop import keep_converged
from appliance.daemon.telling import read_status
from appliance.model.fault import ApplianceError
from tests.daemon.sites import TWO, announce, applied
from tests.daemon.working import rested, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard")

PASSING = {"at", "drift"}
"""What differs from one look to the next, and what a pass of the daemon's mends meanwhile."""


def play(box: Box, scene: Callable[[], Awaitable[None]]) -> None:
    """The scene, with an intent applied and the daemon at work."""

    async def both() -> None:
        announce(box)
        await applied(box, TWO)
        await applied(box)
        stop = asyncio.Event()
        daemon = asyncio.create_task(keep_converged(box.systems, lambda _: None, stop))
        try:
            async with asyncio.timeout(30):
                await until(lambda: (box.store.run_dir / FILE).is_socket())
                await rested(box)
                while not await heard_of_sessions(box):
                    await asyncio.sleep(0.05)
                await scene()
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await daemon

    asyncio.run(both())


async def heard_of_sessions(box: Box) -> bool:
    """Whether the daemon has heard of every session by now, so that nothing more is to come."""
    connections = (await read_status(box.systems))["connections"]
    return all("BGP" in (tunnel["remark"] or "") for one in connections for tunnel in one["tunnels"])


async def told(box: Box) -> dict[str, Any] | None:
    return await asyncio.to_thread(ask_status, box.store.run_dir / FILE, __version__)


def locked(box: Box, stack: ExitStack) -> bool:
    """Whether another writer got the machine to itself."""
    try:
        stack.enter_context(box.store.lock())
    except ApplianceError:
        return False
    return True


def seen(status: dict[str, Any] | None) -> dict[str, Any]:
    """As a program reads it, without what passes."""
    assert status is not None
    return {key: value for key, value in json.loads(json.dumps(status)).items() if key not in PASSING}


def test_the_daemon_tells_what_a_look_shows(box: Box) -> None:
    async def scene() -> None:
        mine, its = await read_status(box.systems), await told(box)
        assert seen(its) == seen(mine)
        assert its is not None
        assert its["daemon"]["running"]
        assert list(its) == list(mine)

    play(box, scene)


def names_in(status: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The connections and their tunnels: what an intent names."""
    return [(one["name"], [tunnel["name"] for tunnel in one["tunnels"]]) for one in status["connections"]]


@pytest.mark.parametrize("spoilt", [b"version: [\n", b"", b"\0" * 512, b"\x80 version: 1\n"])
def test_a_damaged_intent_leaves_the_last_revision_in_force(box: Box, spoilt: bytes) -> None:
    async def scene() -> None:
        before = await told(box)
        box.store.intent_file.write_bytes(spoilt)
        for status in (await read_status(box.systems), await told(box)):
            assert status is not None
            assert names_in(status) == names_in(before or {})
            assert "revision 1 stays in force" in status["warnings"][0]

    play(box, scene)


def test_every_answer_is_of_a_fresh_look(box: Box) -> None:
    async def scene() -> None:
        before = await told(box)
        box.charon.standing.pop("vpc-1")
        after = await told(box)
        assert before is not None
        assert after is not None
        children = [status["connections"][0]["tunnels"][0]["child"] for status in (before, after)]
        assert children == ["installed", "down"]

    play(box, scene)


def test_an_intent_that_was_edited_by_hand_is_what_is_told_of_and_nothing_is_done_for_it(box: Box) -> None:
    async def scene() -> None:
        text = box.store.read_intent()
        assert text is not None
        box.store.write_intent(text.replace("name: dc1", "name: dc2"))
        writes = box.writes
        status = await told(box)
        assert status is not None
        assert status["site"] == "dc2"
        assert box.writes == writes
        box.store.write_intent("site: 7\n")
        with pytest.raises(ApplianceError) as raised:
            await told(box)
        assert (raised.value.exit, bool(raised.value.faults)) == (3, True)

    play(box, scene)


def test_nobody_waits_for_an_order_that_is_being_carried_out(box: Box) -> None:
    async def scene() -> None:
        with ExitStack() as stack:
            await until(lambda: locked(box, stack))
            assert await told(box) is not None

    play(box, scene)


def test_a_program_of_another_version_is_not_answered(box: Box) -> None:
    async def scene() -> None:
        assert await asyncio.to_thread(ask_status, box.store.run_dir / FILE, "0.0.0") is None

    play(box, scene)


def test_the_end_waits_for_nobody_who_asks(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def never(*_: object) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr("appliance.daemon.telling.read_status", never)
    answers: list[asyncio.Task[dict[str, Any] | None]] = []

    async def scene() -> None:
        answers.append(asyncio.create_task(told(box)))
        await asked.wait()

    play(box, scene)
    assert len(answers) == 1
