"""Tunnels that come and go in a heap: what is left at the end is what charon says, and nothing is stranded."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from appliance.daemon.published import load_published
from tests.daemon.working import STATIC, healths, over, play, rested, until
from tests.fakes.box import Box

NAMES = ("vpc-1", "vpc-2")


@pytest.mark.parametrize("last", [(), ("vpc-1",), ("vpc-2",), NAMES], ids=["none", "first", "second", "both"])
def test_a_dozen_ups_and_downs_at_once_end_as_charon_says(
    box: Box, last: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.daemon.tending.UNEASY", 0.01)
    chance = Random(len(last))

    async def heap() -> None:
        for _ in range(12):
            box.cloud.silent = chance.random() < 0.5
            if chance.random() < 0.5:
                box.charon.fall(chance.choice(NAMES))
            else:
                box.charon.call_again()
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)

    async def scene() -> None:
        links = set(box.kernel.links)
        await heap()
        box.cloud.silent = False
        box.charon.call_again()
        box.clock.now += 600  # whoever called in vain waits before it calls again
        await until(lambda: {sa.name for sa in box.charon.standing.values() if sa.up} == set(NAMES))
        await rested(box)
        box.cloud.silent = True
        for name in set(NAMES) - set(last):
            box.charon.fall(name)
        await until(lambda: published(box) == {name: name in last for name in NAMES})
        await until(lambda: set(over(box)) == ({min(last)} if last else {"nowhere"}))
        assert {name for name, sa in box.charon.standing.items() if sa.up} == set(last)
        assert set(box.kernel.links) == links, "an interface was lost or stranded"

    play(box, STATIC + "failback: {policy: revert, after: 0s}\n", scene)
    assert healths(box) <= {"up", "down"}


def published(box: Box) -> dict[str, bool]:
    """Which tunnels the daemon says are up."""
    paths = load_published(box.store.run_dir).verdicts["vpc"].paths
    return {name: path.health == "up" for name, path in paths.items()}
