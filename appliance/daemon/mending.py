"""Puts back what somebody took from the kernel or the packet filter, by what the last pass found to be wanted.

Quicker than a pass: it asks no daemon, reads no intent and draws no design. The pass that follows looks at everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.daemon.converge import carry_out, plan_once
from appliance.daemon.passes import Loaded, start_rereading
from appliance.daemon.picturing import Known
from appliance.daemon.switching import Switchboard
from appliance.daemon.waking import Bell, Marks, marks, wish_places
from appliance.daemon.wiring import Systems
from appliance.model.change import Door
from appliance.model.fault import ApplianceError
from appliance.model.resources import Resource

SPACING = 0.1
"""Seconds between two mendings: whoever fights us does not get all of the machine."""


@dataclass(slots=True)
class Memory:
    """What the last pass wanted, and by which files; ``hands`` is held by whoever changes the machine.

    ``doors`` are those that there is news of, ``parsed`` the intent in force by its text, ``known`` what orders need
    not find out again.
    """

    desired: frozenset[Resource]
    written: Marks
    hands: asyncio.Lock
    doors: set[Door]
    parsed: dict[str, Loaded]
    known: Known


def remember(systems: Systems) -> Memory:
    """Nothing yet."""
    return Memory(frozenset(), marks(wish_places(systems)), asyncio.Lock(), set(), {}, Known(start_rereading()))


async def keep_mended(
    systems: Systems, board: Switchboard, memory: Memory, bell: Bell, stop: asyncio.Event, log: Callable[[str], None]
) -> None:
    """Until told to stop: mend at every ring."""
    while True:
        await bell.wait(None)
        if stop.is_set():
            return
        bell.answer()
        doors, memory.doors = tuple(memory.doors), set()
        try:
            mended = await mend(systems, board, memory, doors)
        except ApplianceError:  # the pass that follows says what hinders
            continue
        if mended:
            log(f"mended: {', '.join(mended)}")
        await asyncio.sleep(SPACING)


async def mend(systems: Systems, board: Switchboard, memory: Memory, doors: Iterable[Door]) -> tuple[str, ...]:
    """Bring back what these doors lack; what that was. Nothing while another writes, or when it wrote since."""
    chosen = tuple(doors)
    kinds = tuple(kind for door in chosen for kind in door.owns)
    async with memory.hands:
        with systems.store.lock():
            if not memory.desired or marks(wish_places(systems)) != memory.written:
                return ()
            wanted = frozenset(resource for resource in memory.desired if isinstance(resource, kinds))
            changes = await board.settle(await plan_once(wanted, chosen))
            generation = board.generation
            report = await carry_out(changes, chosen, note=memory.known.pictures.correct)
            if board.generation != generation:
                await board.enforce()
    return tuple(outcome.change.resource.key for outcome in report.outcomes if outcome.error is None)
