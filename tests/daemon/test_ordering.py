"""What holds sessions by the verdicts does not undo what somebody is ordering at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from appliance.cli.operations import submit
from appliance.daemon.passes import start_rereading
from appliance.daemon.performing import perform
from appliance.daemon.picturing import Known
from appliance.daemon.published import load_published
from appliance.design.wish import Wish
from appliance.model.change import Change, Outcome
from appliance.model.order import Commit
from appliance.model.resources import FrrConfig
from tests.daemon.sites import ONE, TWO, applied, key_of
from tests.daemon.working import play, until
from tests.fakes.box import Box

LAB = "169.254.123.5"


@pytest.mark.usefixtures("heard")
def test_sessions_that_are_ordered_away_are_not_put_back_by_a_verdict(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel falls while an order removes the other connection, after FRR was told and before the order is over."""
    told: list[bool] = []
    frr, charon = box.frr.apply, box.charon.apply

    async def note(changes: Sequence[Change]) -> Sequence[Outcome]:
        told.extend(LAB in change.new.text for change in changes if isinstance(change.new, FrrConfig))
        return await frr(changes)

    async def fall(changes: Sequence[Change]) -> Sequence[Outcome]:
        done = await charon(changes)
        if not told:
            return done
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        async with asyncio.timeout(10):
            await until(lambda: load_published(box.store.run_dir).paths["vpc-1"].health == "down")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await until(lambda: len(told) > 1)
        return done

    async def scene() -> None:
        monkeypatch.setattr(box.frr, "apply", note)
        monkeypatch.setattr(box.charon, "apply", fall)
        secrets = {name: key_of(name) for name in ("vpc-1", "vpc-2")}
        await submit(box.systems, Commit(ONE, "apply", box.store.read_intent(), secrets=secrets))
        await until(lambda: len(told) > 1)

    play(box, TWO, scene)
    assert not any(told), told


def test_the_daemon_knows_of_new_neighbours_before_any_speaker_does(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say may come before the order is through, and the daemon takes nothing from whom it does not know."""
    asyncio.run(applied(box, ONE))
    told: list[object] = []
    frr = box.frr.apply

    async def begun(wish: Wish) -> None:
        told.append(sorted(one.name for one in wish.connections))

    async def note(changes: Sequence[Change]) -> Sequence[Outcome]:
        told.append("frr")
        return await frr(changes)

    monkeypatch.setattr(box.frr, "apply", note)
    secrets = {name: key_of(name) for name in ("vpc-1", "vpc-2", "lab-1", "lab-2")}
    order = Commit(TWO, "apply", box.store.read_intent(), secrets=secrets)
    asyncio.run(perform(box.systems, order, lambda made: None, Known(start_rereading(), begun=begun)))
    assert told == [["lab", "vpc"], "frr"]
