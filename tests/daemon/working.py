"""A daemon at work on a machine of fakes, and what tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from appliance.cli.operations import Patience
from appliance.control.channel import FILE
from appliance.daemon.loop import keep_converged
from appliance.daemon.published import load_published
from appliance.design.numbering import nexthop_id, nowhere_id
from appliance.model.resources import NexthopGroup, SharedKey
from appliance.model.secret import Secret
from tests.daemon.sites import ONE, TWO, applied
from tests.fakes.box import Box

QUICK = Patience(5.0)
Said = list[str]
STATIC = ONE.replace("mode: bgp\n    peer-asn: 64512\n", "mode: static\n    networks: [10.0.0.0/16]\n")
BOTH = TWO.replace("mode: bgp\n    peer-asn: 64512\n", "mode: static\n    networks: [10.0.0.0/16]\n", 1)


async def until(predicate: Callable[[], bool]) -> None:
    """Looks at the fakes of a machine, which tell nobody that they changed: the pause lets the daemon work, in the
    same loop, and what it looks at costs next to nothing. Whoever calls says how long at most."""
    while not predicate():
        await asyncio.sleep(0.002)


def healths(box: Box) -> set[str]:
    """What the daemon holds of the tunnels with static routes."""
    return {path.health for one in load_published(box.store.run_dir).verdicts.values() for path in one.paths.values()}


async def rested(box: Box) -> None:
    """The daemon knows that every tunnel is up."""
    await until(lambda: healths(box) == {"up"})


def over(box: Box) -> tuple[str, ...]:
    """The tunnels in the one group, ``nowhere`` when that leads there."""
    names = {nexthop_id("vpc", name, 4): name for name in ("vpc-1", "vpc-2")} | {nowhere_id(4): "nowhere"}
    groups = [held.resource for held in box.kernel._nexthops.values() if isinstance(held.resource, NexthopGroup)]
    return tuple(names[id] for group in groups for id, _ in group.members)


def play(box: Box, text: str, scene: Callable[[], Coroutine[Any, Any, None]]) -> Said:
    """The scene, with the intent applied and the daemon at work; what that said."""
    said: Said = []

    async def both() -> None:
        await applied(box, text)
        await applied(box)
        stop = asyncio.Event()
        daemon = asyncio.create_task(keep_converged(box.systems, said.append, stop))
        try:
            async with asyncio.timeout(30):
                await until(lambda: (box.store.run_dir / FILE).is_socket())
                await rested(box)
                await scene()
        finally:
            stop.set()
            await daemon

    asyncio.run(both())
    return said


def running(box: Box, scene: Callable[[Said], Coroutine[Any, Any, None]]) -> Said:
    """The scene, with the daemon at work; what it said."""
    said: Said = []

    async def both() -> None:
        stop = asyncio.Event()
        daemon = asyncio.create_task(keep_converged(box.systems, said.append, stop))
        try:
            async with asyncio.timeout(20):
                await scene(said)
        finally:
            stop.set()
            await daemon

    asyncio.run(both())
    return said


def key_for(box: Box, id: str, secret: Secret) -> SharedKey:
    """The far end's own key for vpc-1."""
    sa = box.charon.standing["vpc-1"]
    return SharedKey(id, (sa.local_id, sa.remote_id), "", secret)
