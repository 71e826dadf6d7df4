"""A look at charon that was taken while others were told counts for the very changes it was taken for, and only while
nobody changed anything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from appliance.ipsec import charon
from appliance.ipsec.charon import Charon
from appliance.ipsec.record import Record
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.sa import TunnelSa
from tests.ipsec.rig import tunnel

LOOKED = (["vpc-1"], {}, {"vpc-1": {7}})


class Unheard(Charon):
    """A door behind which nobody is: all work is done without a word."""

    def _converse(self, work: Callable[[Any], Any]) -> Any:
        return work(None)

    def _record(self, talk: object) -> Record:
        return Record("nobody")

    async def sas(self) -> tuple[TunnelSa, ...]:
        return ()


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What each batch was given to go by."""
    found: list[object] = []

    def carry_out(_: object, __: object, changes: Sequence[Change], ___: object, looked: object) -> list[Outcome]:
        found.append(looked)
        return [Outcome(change) for change in changes]

    monkeypatch.setattr(charon, "carry_out", carry_out)
    monkeypatch.setattr(charon, "look_ahead", lambda *_: LOOKED)
    monkeypatch.setattr(Unheard, "_tend", lambda *_: {})
    monkeypatch.setattr(Unheard, "_tidy", lambda *_: 0)
    return found


@pytest.fixture
def door(tmp_path: Path) -> Unheard:
    return Unheard(tmp_path / "vici", tmp_path / "record.json")


def change() -> Change:
    return Change(tunnel(), tunnel())


def carried_out(door: Unheard, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
    """Changes that were foreseen; what is done meanwhile is done after the look ahead."""

    async def scene() -> None:
        changes = [change()]
        door.foresee(changes)
        await asyncio.sleep(0)
        if meanwhile is not None:
            await meanwhile()
        await door.apply(changes)

    asyncio.run(scene())


def test_it_counts_once(door: Unheard, used: list[object]) -> None:
    async def scene() -> None:
        changes = [change()]
        door.foresee(changes)
        assert [one.error for one in await door.apply(changes)] == [None]
        await door.apply(changes)

    asyncio.run(scene())
    assert used == [LOOKED, None]


def test_it_counts_for_no_other_changes(door: Unheard, used: list[object]) -> None:
    async def scene() -> None:
        door.foresee([change()])
        await door.apply([change()])

    asyncio.run(scene())
    assert used == [None]


@pytest.mark.parametrize(
    "deed",
    [
        lambda door: door._change(lambda _: None),
        lambda door: door.tidy(),
        lambda door: door.tend({}),
    ],
    ids=["changed", "tidied", "tended"],
)
def test_it_does_not_count_after_anything_was_done(
    door: Unheard, used: list[object], deed: Callable[[Unheard], Awaitable[object]]
) -> None:
    """What was called or closed meanwhile has other SAs."""
    carried_out(door, lambda: deed(door))
    assert used == [None]


def test_it_does_not_count_for_long(door: Unheard, used: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charon, "FRESH", -1.0)
    carried_out(door)
    assert used == [None]


def test_where_it_fails_whoever_changes_looks_himself(
    door: Unheard, used: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_away(*_: object) -> None:
        raise SystemFailure("charon went away")

    monkeypatch.setattr(charon, "look_ahead", goes_away)
    carried_out(door)
    assert used == [None]
