"""What a pass would change: by a look at every system, or by what is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.daemon.converge import Look, plan_once
from appliance.daemon.picturing import SPEAKERS, Pictures, Seen
from appliance.daemon.wiring import Systems
from appliance.design.compose import Composed
from appliance.design.wish import Wish
from appliance.model.change import Change, Door
from appliance.model.drawn import Joined
from appliance.model.fault import Fault, SystemLacks
from appliance.model.resources import Resource, Sysctl
from appliance.plan.diff import plan_difference

Plan = tuple[tuple[Change, ...], Seen]
"""The changes, and what was seen of each door."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Daemons that answer while it is composed what they should hold: what they lack, and what speakers were told."""

    lacks: Mapping[object, asyncio.Task[tuple[SystemLacks, ...]]] = field(default_factory=dict)
    told: Mapping[object, asyncio.Task[frozenset[Resource]]] = field(default_factory=dict)


@asynccontextmanager
async def asking(systems: Systems, wish: Wish | None) -> AsyncIterator[Asked]:
    """Ask those that this wish will need; None: nobody yet."""
    speakers = {one.speaker for one in wish.connections if one.mode == "bgp"} if wish is not None else set()
    told = {
        door: door.observe() for name, door in (("frr", systems.frr), ("exabgp", systems.exabgp)) if name in speakers
    }
    needed = [*([systems.charon] if wish is not None and wish.connections else []), *told]
    asked = Asked(
        {door: asyncio.create_task(door.lacks()) for door in needed},
        {door: asyncio.create_task(look) for door, look in told.items()},
    )
    try:
        yield asked
    finally:
        await asyncio.gather(*asked.lacks.values(), *asked.told.values(), return_exceptions=True)


async def require(
    systems: Systems, kinds: Collection[type], pictures: Pictures | None = None, asked: Asked | None = None
) -> None:
    """Refuse what cannot work: a missing privilege, feature or daemon, all of them named. ``kinds`` are of what is
    desired. A daemon may have ended since it was seen in ``pictures``; the kernel is still there."""
    needed = [door for door in systems.doors if not {*kinds}.isdisjoint(door.owns)]
    seen = [door for door in (systems.kernel, systems.firewall) if pictures is not None and pictures.knows(door)]
    known = asked.lacks if asked is not None else {}
    doors = [door for door in needed if door not in seen and hasattr(door, "lacks")]
    found = await asyncio.gather(*(known[door] if door in known else door.lacks() for door in doors))
    lacks: list[SystemLacks] = [lack for lacking in found for lack in lacking]
    if len(lacks) == 1:
        raise lacks[0]
    if lacks:
        faults = tuple(Fault(lack.message, fix=lack.hint) for lack in lacks)
        message = f"{len(lacks)} things are missing on this machine"
        error = SystemLacks(message, hint=lacks[0].hint, code=lacks[0].code)
        error.faults = faults
        raise error


async def answering(systems: Systems, kinds: Collection[type]) -> tuple[Door, ...]:
    """The doors to look through: a daemon that is asked for nothing and does not run holds nothing of ours."""
    wanted = {door for door in systems.doors if not {*kinds}.isdisjoint(door.owns)}
    idle = [door for door in (systems.charon, systems.frr) if door not in wanted]
    absent = {door for door in idle if await door.lacks()}
    return tuple(door for door in systems.doors if door not in absent)


async def plan_by_looking(
    systems: Systems, desired: frozenset[Resource], doors: Sequence[Door], pictures: Pictures | None, look: Look
) -> Plan:
    """What a pass would change by a ``look`` through each door."""
    settings = [one for one in desired if type(one) is Sysctl]
    if systems.sysctl.watch(settings) and pictures is not None:
        pictures.forget(systems.sysctl)
    seen: dict[Door, frozenset[Resource]] = {}

    async def note(door: Door) -> frozenset[Resource]:
        seen[door] = await look(door)
        return seen[door]

    return await plan_once(desired, doors, note), seen


async def plan_known(
    systems: Systems, composed: Composed, doors: Sequence[Door], pictures: Pictures, asked: Asked
) -> Plan:
    """What is known to stand is not looked at, and where that is what was composed before, nothing is compared: what
    follows from this intent is how it differs from that. What speakers were told they are asked at any rate."""
    if not _stands(systems, composed.joined, doors, pictures):
        return await plan_by_looking(systems, composed.desired, doors, pictures, pictures.recall)
    seen = pictures.seen
    speaking = [door for door in doors if not SPEAKERS.isdisjoint(door.owns)]
    looks = (asked.told[door] if door in asked.told else door.observe() for door in speaking)
    told = frozenset[Resource]().union(*await asyncio.gather(*looks))
    come, gone = (
        [one for one in some if type(one) not in SPEAKERS] for some in (composed.joined.come, composed.joined.gone)
    )
    return plan_difference((*come, *composed.speakers - told), (*gone, *told - composed.speakers)), seen


def _stands(systems: Systems, joined: Joined[Resource], doors: Collection[Door], pictures: Pictures) -> bool:
    """Whether what was wanted before is what the pictures show. Of settings the same are looked at as then."""
    quiet = [door for door in systems.doors if SPEAKERS.isdisjoint(door.owns)]
    shown = all(door in doors and pictures.shows(door, joined.before) for door in quiet)
    return shown and not any(isinstance(one, Sysctl) for one in (*joined.gone, *joined.come))
