"""One pass: look at every system, compare with what should be, carry out the difference. It remembers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from appliance.model.change import Change, Door, Outcome
from appliance.model.resources import FrrConfig, IkeConnection, InsideAddress, Resource, SharedKey
from appliance.plan.diff import make_plan
from appliance.plan.order import held_back

Progress = Callable[[Outcome], None]
Look = Callable[[Door], Awaitable[frozenset[Resource]]]
"""Whoever tells what a door holds."""
Note = Callable[[Door, Sequence[Outcome]], None]
"""Whoever keeps what was done through a door."""
Batch = tuple[Door, list[Change]]


@dataclass(frozen=True, slots=True)
class Report:
    """How a pass went: what was done and what was not, in the order tried."""

    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """What did not work or was not tried for that."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)


async def observe_all(doors: Iterable[Door], look: Look | None = None) -> frozenset[Resource]:
    """What every system holds of ours. The doors look at the same time."""
    found = await asyncio.gather(*(look(door) if look else door.observe() for door in doors))
    largest, *others = sorted(found, key=len, reverse=True) or [frozenset[Resource]()]
    return largest.union(*others)


async def plan_once(desired: Iterable[Resource], doors: Sequence[Door], look: Look | None = None) -> tuple[Change, ...]:
    """What a pass would change. ``look`` None: every door looks now."""
    return make_plan(desired, await observe_all(doors, look))


async def carry_out(
    changes: Sequence[Change], doors: Sequence[Door], progress: Progress | None = None, note: Note | None = None
) -> Report:
    """Make the changes in order, each run of one door's as a batch. Goes on past a failure, but never onto what
    rests on it. ``note`` hears of what was tried."""
    outcomes: list[Outcome] = []
    batches = _batches(changes, doors)
    for beside in _beside(batches):
        failed = [outcome.change for outcome in outcomes if outcome.error is not None]
        tried = await asyncio.gather(
            *(_followed(chain, batches, failed, note) for chain in beside), return_exceptions=True
        )
        made: dict[int, Sequence[Outcome]] = {}
        for found in tried:
            if isinstance(found, BaseException):
                raise found
            made |= found
        for outcome in (outcome for at in sorted(made) for outcome in made[at]):
            outcomes.append(outcome)
            if progress is not None:
                progress(outcome)
    return Report(tuple(outcomes))


async def _followed(
    chain: Sequence[int], batches: Sequence[Batch], failed: Sequence[Change], note: Note | None
) -> dict[int, Sequence[Outcome]]:
    """What became of each batch of a chain, one after the other."""
    made: dict[int, Sequence[Outcome]] = {}
    for at in chain:
        broken = [outcome.change for one in made.values() for outcome in one if outcome.error is not None]
        made[at] = await _told(*batches[at], [*failed, *broken], note)
    return made


async def _told(door: Door, batch: Sequence[Change], failed: Sequence[Change], note: Note | None) -> Sequence[Outcome]:
    """A batch but for what rests on what failed."""
    if not failed:
        return await _tried(door, batch, note)
    reasons = {change: held_back(change, failed) for change in batch}
    held = [Outcome(change, reason) for change, reason in reasons.items() if reason]
    return [*held, *(await _tried(door, [change for change in batch if reasons[change] is None], note))]


async def _tried(door: Door, changes: Sequence[Change], note: Note | None) -> Sequence[Outcome]:
    """What a door made of them. Where it cannot even say that, nobody knows what it did."""
    tried: Sequence[Outcome] = [Outcome(change, "not known") for change in changes]
    try:
        tried = await door.apply(changes)
        return tried
    finally:
        if note:
            note(door, tried)


def _beside(batches: Sequence[Batch]) -> Iterator[list[list[int]]]:
    """In order; but what charon is told to hold waits for no address inside a tunnel and for no BGP, nor the other way
    round: chains that go on at the same time. By the batches' numbers."""
    tunnels: list[int] = []
    others: list[int] = []
    for at, (_, batch) in enumerate(batches):
        if _all_come(batch, (SharedKey, IkeConnection)):
            tunnels.append(at)
        elif _all_come(batch, (FrrConfig,)) or all(isinstance(change.resource, InsideAddress) for change in batch):
            others.append(at)
        else:
            yield [chain for chain in (tunnels, others) if chain]
            yield [[at]]
            tunnels, others = [], []
    yield [chain for chain in (tunnels, others) if chain]


def _all_come(batch: Iterable[Change], kinds: tuple[type, ...]) -> bool:
    return all(isinstance(change.new, kinds) for change in batch)


def _batches(changes: Sequence[Change], doors: Sequence[Door]) -> list[Batch]:
    """Runs of neighbouring changes that belong to one door."""
    owner = {kind: door for door in doors for kind in door.owns}
    found: list[Batch] = []
    for change in changes:
        door = owner[type(change.resource)]
        if found and found[-1][0] is door:
            found[-1][1].append(change)
        else:
            found.append((door, [change]))
    return found
