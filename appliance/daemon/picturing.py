"""What each system held when it was looked at last: good for an order as long as nothing told of a change since.

A pass looks for itself, and leaves here what it saw; so does whoever changes something. News of a change makes a
picture worthless, and so does a change that failed. What tells no news (charon, single settings) is looked at by the
passes at any rate, which come after every order and at least every half minute. Of BGP's speakers there is no picture:
their sessions are held beside passes and orders, and a look at what they were told is a look into a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.design.wish import Wish
from appliance.intent.rereading import Rereading
from appliance.model.change import Change, Door, Outcome
from appliance.model.machine import Carrying, Machine
from appliance.model.peering import Stances
from appliance.model.resources import ExabgpConfig, FrrConfig, Resource

SPEAKERS: frozenset[type] = frozenset({FrrConfig, ExabgpConfig})


Seen = Mapping[Door, frozenset[Resource]]


class Pictures:
    """One for each door, and one of the machine's own interfaces and routes."""

    def __init__(self) -> None:
        self._found: dict[Door, frozenset[Resource]] = {}
        self._made: dict[Door, list[Outcome]] = {}
        self._as_wanted: dict[Door, frozenset[Resource]] = {}
        self._news: Counter[Door | None] = Counter()
        self.machine: Machine | None = None

    def knows(self, door: Door) -> bool:
        """Whether there is a picture."""
        return door in self._found

    def shows(self, door: Door, wanted: frozenset[Resource] | None) -> bool:
        """Whether the picture is known to be of what was wanted then, that very set, as far as the door owns it."""
        return wanted is not None and self._as_wanted.get(door) is wanted

    async def look(self, door: Door) -> frozenset[Resource]:
        """Look now, and keep it unless there was news meanwhile."""
        before = self._news[door]
        found = await door.observe()
        if before == self._news[door] and not SPEAKERS.intersection(door.owns):
            self._drop(door)
            self._found[door] = found
        return found

    async def look_around(self, describe: Callable[[], Awaitable[Machine]]) -> Machine:
        """The machine as it is now; kept unless there was news meanwhile."""
        before = self._news[None]
        found = await describe()
        self.machine = found if before == self._news[None] else None
        return found

    async def recall(self, door: Door) -> frozenset[Resource]:
        """What was seen last and made since, else a look."""
        return self._recalled(door) if door in self._found else await self.look(door)

    def _recalled(self, door: Door) -> frozenset[Resource]:
        """What was made is put in only when somebody asks."""
        if self._made.get(door):
            found = set(self._found[door])
            for change in (outcome.change for outcome in self._made.pop(door)):
                found -= {change.old}
                found |= {change.new} if change.new is not None else set()
            self._found[door] = frozenset(found)
        return self._found[door]

    def correct(self, door: Door, outcomes: Iterable[Outcome]) -> None:
        """After changes. One that failed may have done anything."""
        if door not in self._found:
            return
        made = tuple(outcomes)
        self._as_wanted.pop(door, None)
        if any(outcome.error is not None for outcome in made):
            self.forget(door)
        else:
            self._made.setdefault(door, []).extend(made)

    @property
    def seen(self) -> Seen:
        """What of each door was seen last."""
        return dict(self._found)

    def agree(self, wanted: frozenset[Resource], seen: Seen) -> None:
        """All that was wanted beyond what was ``seen`` was made: what is shown is that, until there is news."""
        for door, found in self._found.items():
            if seen.get(door) is found:
                self._as_wanted[door] = wanted

    def align(self, desired: frozenset[Resource], differing: Collection[Change]) -> None:
        """Keep of what stands as it is wanted the very objects that are wanted: then the next comparison takes no time
        over them. ``differing``: what is to be changed yet."""
        others = {type(change.resource) for change in differing}
        for door in self._found:
            found = self._recalled(door)
            same = desired - (desired - found)
            self._found[door] = (found - same) | same
            if others.isdisjoint(door.owns):
                self._as_wanted[door] = desired

    def _drop(self, door: Door) -> None:
        for kept in (self._found, self._made, self._as_wanted):
            kept.pop(door, None)

    def forget(self, *doors: Door) -> None:
        """There is news of them."""
        for door in doors:
            self._news[door] += 1
            self._drop(door)

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
