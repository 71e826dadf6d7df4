"""What each system held when it was looked at last: good for an order as long as nothing told of a change since.

A pass looks for itself, and leaves here what it saw; so does whoever changes something. News of a change makes a
picture worthless, and so does a change that failed. What tells no news (charon, single settings) is looked at by the
passes at any rate, which come after every order and at least every half minute. Of BGP's speakers there is no picture:
their sessions are held beside passes and orders, and a look at what they were told is a look into a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from appliance.design.wish import Wish
from appliance.intent.rereading import Rereading
from appliance.model.change import Door, Outcome
from appliance.model.machine import Carrying, Machine
from appliance.model.peering import Stances
from appliance.model.resources import ExabgpConfig, FrrConfig, Resource

SPEAKERS: frozenset[type] = frozenset({FrrConfig, ExabgpConfig})


class Pictures:
    """One for each door, and one of the machine's own interfaces and routes."""

    def __init__(self) -> None:
        self._found: dict[Door, frozenset[Resource]] = {}
        self._news: Counter[Door | None] = Counter()
        self.machine: Machine | None = None

    def knows(self, door: Door) -> bool:
        """Whether there is a picture."""
        return door in self._found

    async def look(self, door: Door) -> frozenset[Resource]:
        """Look now, and keep it unless there was news meanwhile."""
        before = self._news[door]
        found = await door.observe()
        if before == self._news[door] and not SPEAKERS.intersection(door.owns):
            self._found[door] = found
        return found

    async def look_around(self, describe: Callable[[], Awaitable[Machine]]) -> Machine:
        """The machine as it is now; kept unless there was news meanwhile."""
        before = self._news[None]
        found = await describe()
        self.machine = found if before == self._news[None] else None
        return found

    async def recall(self, door: Door) -> frozenset[Resource]:
        """What was seen last, else a look."""
        return self._found[door] if door in self._found else await self.look(door)

    def correct(self, door: Door, outcomes: Iterable[Outcome]) -> None:
        """After changes. One that failed may have done anything."""
        if door not in self._found:
            return
        made = tuple(outcomes)
        if any(outcome.error is not None for outcome in made):
            self.forget(door)
            return
        gone = {outcome.change.old for outcome in made if outcome.change.old is not None}
        come = {outcome.change.new for outcome in made if outcome.change.new is not None}
        self._found[door] = self._found[door] - gone | come

    def align(self, desired: frozenset[Resource]) -> None:
        """Keep of what stands as it is wanted the very objects that are wanted: then the next comparison takes no time
        over them."""
        for door, found in self._found.items():
            same = desired - (desired - found)
            self._found[door] = (found - same) | same

    def forget(self, *doors: Door) -> None:
        """There is news of them."""
        for door in doors:
            self._news[door] += 1
            self._found.pop(door, None)

    def forget_machine(self) -> None:
        """There is news of the network."""
        self._news[None] += 1
        self.machine = None


@dataclass(frozen=True, slots=True)
class Known:
    """What one order leaves for the next: the intent as it was read, the machine as it was seen, and ``drawn``, what
    was composed of both. ``carrying`` and ``stances`` are what the daemon chose; None: what it published counts. It is
    told by ``begun`` what holds from now on, before anybody else is."""

    reading: Rereading
    pictures: Pictures = field(default_factory=Pictures)
    drawn: dict[object, Any] = field(default_factory=dict)
    carrying: Carrying | None = None
    stances: Stances = field(default_factory=dict)
    begun: Callable[[Wish], Awaitable[None]] | None = None
