"""Watches the tunnels' SAs, calls those that stand idle, and has the switchboard judge whenever there is news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from appliance.daemon.switching import Switchboard
from appliance.daemon.waking import Bell
from appliance.daemon.wiring import Systems
from appliance.ipsec.retry import Book
from appliance.model.fault import ApplianceError, SystemLacks
from appliance.model.sa import TunnelSa

UNEASY, EASY = 2.0, 30.0
"""Seconds between two looks at the SAs: while one is missing or new, and when all have stood for long."""
WATCHFUL = 0.5
"""The same where the cloud chooses the tunnel without a word: only what comes out of its SAs tells."""
SETTLING = 10.0
"""Seconds after which a change of SAs is settled: until then two may stand where one should."""


@dataclass(slots=True)
class Care:
    """What is remembered from one look at the SAs to the next; times are monotonic."""

    seen: tuple[TunnelSa, ...] | None = None
    book: Book = field(default_factory=dict)
    changed_at: float = 0.0
    due: float = 0.0


async def keep_switched(
    board: Switchboard, judge: Bell, after: Sequence[Bell], stop: asyncio.Event, log: Callable[[str], None]
) -> None:
    """Until told to stop: judge and switch when ``judge`` rings, or when time alone may change a verdict. ``after`` a
    switch others have something to do."""
    while not stop.is_set():
        judge.answer()
        generation = board.generation
        for sentence in await board.decide():
            log(sentence)
        for bell in after if board.generation != generation else ():
            bell.ring()
        due = board.due()
        await judge.wait(None if due is None else max(0.0, due - monotonic()))


async def keep_held(board: Switchboard, hold: Bell, stop: asyncio.Event, log: Callable[[str], None]) -> None:
    """Until told to stop: hold BGP's sessions by the verdicts. What is switched in the kernel waits for no answer of
    FRR's, so this goes on beside it, but for orders; what failed is brought by the pass that its news begins."""
    while True:
        await hold.wait(None)
        if stop.is_set():
            return
        hold.answer()
        try:
            if board.ordered.locked():
                await board.gate()
            async with board.ordered:
                for sentence in await board.hold():
                    log(sentence)
        except ApplianceError:  # FRR went away: a pass says so, and tells the next one
            continue


async def keep_tended(systems: Systems, board: Switchboard, judge: Bell, tunnels: Bell, stop: asyncio.Event) -> None:
    """Until told to stop: look at the SAs when ``tunnels`` rings or it is time. A verdict waits for no answer of the
    IKE daemon's, so this goes on beside it."""
    care = Care()
    while not stop.is_set():
        tunnels.answer()
        await _look_after(systems, board, care)
        judge.ring()
        await tunnels.wait(max(0.0, care.due - monotonic()))


async def _look_after(systems: Systems, board: Switchboard, care: Care) -> None:
    """Take in which SAs stand, and call tunnels that have none."""
    found, now = await _sas(systems), monotonic()
    if _outline(found) != _outline(care.seen):
        care.changed_at = now
    care.seen = found
    board.hear(found)
    if not board.easy:
        await _count(systems, board)
    care.book = await tend_tunnels(systems, care.book)
    easy = board.easy and now - care.changed_at > SETTLING
    care.due = monotonic() + (WATCHFUL if board.policed else EASY if easy else UNEASY)


async def _count(systems: Systems, board: Switchboard) -> None:
    """Take in what came over the tunnels: of one that answers nothing it tells whether it is dead."""
    now = monotonic()
    with suppress(ApplianceError):
        board.senses.hear_counters(await systems.kernel.counters(), board.links, now)


async def _sas(systems: Systems) -> tuple[TunnelSa, ...] | None:
    try:
        return await systems.charon.sas()
    except ApplianceError:
        return None


def _outline(sas: tuple[TunnelSa, ...] | None) -> frozenset[tuple[str, int, int | None]] | None:
    """Which SAs there are, whatever they count."""
    return None if sas is None else frozenset((sa.name, sa.ike_id, sa.child_id) for sa in sas)


async def tend_tunnels(systems: Systems, book: Book) -> Book:
    """Call tunnels that stand idle: after a refusal, or a goodbye of the cloud's, charon itself leaves them so."""
    try:
        return await systems.charon.tend(book)
    except SystemLacks:  # a pass has said so if anything needs charon
        return {}
    except ApplianceError:  # it went away in the middle
        return book
