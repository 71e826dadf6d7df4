"""What wakes the daemon: bells that others ring, charon's events, and files that are replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from appliance.daemon.wiring import Systems
from appliance.ipsec.charon import CHANGES
from appliance.model.fault import ApplianceError

PULSE = 0.5  # seconds between two looks at files: a few stat(2)
AGAIN = 1.0  # seconds until charon is listened to again after it went


Marks = list[tuple[int, int] | None]
"""Inode and time of files, None for one that is not there."""


class Bell:
    """Rung any number of times it is answered once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None

    @property
    def rung(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._rung.is_set()

    def ring(self) -> None:
        """Now."""
        self._rung.set()

    def ring_within(self, seconds: float) -> None:
        """Then at the latest; what was asked for before stays."""
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, self._ring_late)

    def answer(self) -> None:
        """Whoever rang is heard."""
        self._rung.clear()

    async def wait(self, seconds: float | None) -> None:
        """Until it is rung, or the time is over (None: never)."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()

    def _ring_late(self) -> None:
        self._later = None
        self.ring()


async def ring_on_stop(stop: asyncio.Event, *bells: Bell) -> None:
    """Nobody sleeps through the end."""
    await stop.wait()
    for bell in bells:
        bell.ring()


async def follow_files(systems: Systems, look: Bell, judge: Bell) -> None:
    """Ring when an intent was applied, a connection taken down, or a daemon began anew, and ``judge`` when something
    was asked of a tunnel: level by level, so that nothing is missed however short it was."""
    places = (*wish_places(systems), *systems.charon.places, *systems.frr.places)
    before, asked = marks(places), marks([systems.store.operations_file])
    while True:
        await asyncio.sleep(PULSE)
        now, asking = marks(places), marks([systems.store.operations_file])
        if now != before:
            look.ring()
        if asking != asked:
            judge.ring()
        before, asked = now, asking


async def follow_charon(systems: Systems, look: Bell, *tunnels: Bell) -> None:
    """Ring ``tunnels`` for every tunnel that comes or goes; when charon itself went, listen to the next one."""
    while True:
        with suppress(ApplianceError):
            async with systems.charon.listen(CHANGES) as heard:
                _ring_all(tunnels)  # what happened before we listened
                async for _ in heard:
                    _ring_all(tunnels)
            look.ring()
        _ring_all(tunnels)
        await asyncio.sleep(AGAIN)


def _ring_all(bells: Iterable[Bell]) -> None:
    for bell in bells:
        bell.ring()


def wish_places(systems: Systems) -> tuple[Path, ...]:
    """Where it is written what the operator wants of this machine."""
    return systems.store.state_dir / "revisions", systems.store.state_dir / "down.json"


def marks(places: Iterable[Path]) -> Marks:
    """What tells a file from the one that was there before."""
    found: Marks = []
    for place in places:
        try:
            status = os.stat(place)
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns))
    return found
