"""What a switch does first, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from appliance.daemon import switching
from appliance.daemon.published import load_published
from appliance.model.change import Change, Outcome
from appliance.model.resources import NexthopGroup
from tests.daemon.sites import applied
from tests.daemon.working import BOTH, STATIC, over, rested, running, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard")


def carrying(box: Box) -> Any:
    """As the verbs are told."""
    return load_published(box.store.run_dir).carrying["vpc"]


def test_the_kernel_hears_of_a_switch_before_anybody_else(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(applied(box, STATIC))
    told: list[tuple[str, ...]] = []
    apply = box.kernel.apply

    async def note(changes: Sequence[Change]) -> list[Outcome]:
        if any(isinstance(change.new, NexthopGroup) for change in changes):
            told.append(carrying(box))
        return await apply(changes)

    async def scene(said: list[str]) -> None:
        await rested(box)
        monkeypatch.setattr(box.kernel, "apply", note)
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))
        await until(lambda: carrying(box) == ("vpc-2",))

    running(box, scene)
    assert told[0] == ("vpc-1",)


def test_a_switch_touches_the_groups_of_its_own_connection_alone(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(applied(box, BOTH))
    drawn: list[set[str]] = []

    async def scene(said: list[str]) -> None:
        await rested(box)
        groups = switching.path_groups

        def note(wish: Any, bundles: Any) -> Any:
            drawn.append({end.name for bundle in bundles for end in bundle.connections})
            return groups(wish, bundles)

        monkeypatch.setattr(switching, "path_groups", note)
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        await until(lambda: carrying(box) == ("vpc-2",))

    running(box, scene)
    assert drawn[:2] == [{"vpc"}, {"vpc"}]
