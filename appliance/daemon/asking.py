"""Asks FRR which BGP sessions stand, and keeps its routes while it is gone."""

from __future__ import annotations

import asyncio
from time import monotonic

from appliance.daemon.switching import Switchboard
from appliance.daemon.waking import Bell
from appliance.daemon.wiring import Systems
from appliance.model.fault import ApplianceError

ASKING, SPACING = 2.0, 0.1
"""Seconds between two looks at BGP's sessions while no route comes or goes, and the least, however many do."""


async def keep_asked(
    systems: Systems, board: Switchboard, judge: Bell, look: Bell, sessions: Bell, stop: asyncio.Event
) -> None:
    """Until told to stop: see which BGP sessions stand, now and then, and soon after routes came or went. ``look`` is
    rung when a pass has routes to keep, or to let go."""
    while not stop.is_set():
        sessions.answer()
        speaks = board.speaks("frr")
        if speaks:
            before = board.bridge.spans
            if await _ask_peers(systems, board):
                judge.ring()
            if board.bridge.spans != before:
                look.ring()
        await asyncio.sleep(SPACING)
        await sessions.wait(ASKING if speaks else None)


async def _ask_peers(systems: Systems, board: Switchboard) -> bool:
    """Whether there was news."""
    try:
        standing = await systems.frr.standing()
    except ApplianceError:
        if not board.bridge.silent:
            routes = await systems.kernel.forwarding(tuple(board.links.values()))
            board.bridge.begin(routes, board.owners("frr"), board.learned("frr"))
        return board.hear_peers("frr", None, None)
    news = board.hear_peers("frr", standing.established, standing.life)
    board.bridge.follow(board.established("frr"), monotonic())
    return news
