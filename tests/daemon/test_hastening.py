"""What the prober is told: who is asked, when that changed, and over whom somebody may answer from now on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

import pytest

from appliance.daemon.loop import converge_once
from appliance.daemon.switching import Switchboard
from appliance.model.health import Target
from appliance.model.intent import Probing
from tests.daemon.sites import ONE, applied
from tests.fakes.box import Box

MOVED = ONE.replace("169.254.22.74/30", "169.254.22.78/30").replace("169.254.22.73", "169.254.22.77")
Scene = Callable[[Box, Switchboard], Awaitable[None]]


def play(box: Box, scene: Scene) -> None:
    """The scene, on a machine that is as it should be."""

    async def whole() -> None:
        await applied(box, ONE)
        board = Switchboard(box.systems, box.prober)
        await converge_once(box.systems, board)
        board.hear(await box.charon.sas())
        await scene(box, board)

    asyncio.run(whole())


async def told(box: Box, board: Switchboard) -> list[set[str]]:
    """Over whom the prober was told to hurry when the SAs were looked at now."""
    box.prober.hastened.clear()
    board.hear(await box.charon.sas())
    return [set(names) for names in box.prober.hastened]


def test_an_sa_that_was_not_there_before_has_its_targets_asked_at_full_pace(box: Box) -> None:
    async def scene(box: Box, board: Switchboard) -> None:
        assert box.prober.hastened == [frozenset({"vpc-1", "vpc-2"})]
        assert await told(box, board) == []
        box.charon.fall("vpc-1")
        assert await told(box, board) == []
        await box.charon.initiate("vpc-1")
        assert await told(box, board) == [{"vpc-1"}]
        assert await told(box, board) == []

    play(box, scene)


def test_an_sa_that_was_replaced_between_two_looks_counts_as_new(box: Box) -> None:
    async def scene(box: Box, board: Switchboard) -> None:
        child = box.charon.standing["vpc-2"].child_id
        box.charon.standing["vpc-2"] = replace(box.charon.standing["vpc-2"], child_id=(child or 0) + 7)
        assert await told(box, board) == [{"vpc-2"}]
        board.hear(None)
        assert await told(box, board) == [], "the IKE daemon was silent, and its SAs are those that were"

    play(box, scene)


def test_the_prober_hears_of_its_targets_when_they_are_others(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[set[str], float]] = []
    take = box.prober.set_targets

    def note(targets: Iterable[Target], pace: Probing, known: Mapping[Target, str] | None = None) -> None:
        asked = list(targets)
        heard.append(({str(target.address) for target in asked}, pace.interval))
        take(asked, pace, known)

    async def brought_to(box: Box, board: Switchboard, text: str) -> None:
        await applied(box, text)
        await converge_once(box.systems, board)

    async def scene(box: Box, board: Switchboard) -> None:
        monkeypatch.setattr(box.prober, "set_targets", note)
        await converge_once(box.systems, board)
        assert heard == [], "a pass that changes nothing says nothing"
        await brought_to(box, board, ONE + "probe: {interval: 50ms}\n")
        await brought_to(box, board, MOVED)
        await brought_to(box, board, MOVED)

    play(box, scene)
    before, after = {"169.254.23.5", "169.254.22.73"}, {"169.254.23.5", "169.254.22.77"}
    assert heard == [(before, 0.05), (after, 0.1)]
