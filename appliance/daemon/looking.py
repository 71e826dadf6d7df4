"""One look at everything that status is made of. A daemon that does not answer is evidence too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar

from appliance.daemon.converge import plan_once
from appliance.daemon.passes import make_wish
from appliance.daemon.planning import answering
from appliance.daemon.protecting import speakers_of
from appliance.daemon.published import Published, load_published
from appliance.daemon.wiring import Systems
from appliance.design.announcing import announced
from appliance.design.compose import compose
from appliance.design.tunnels import ike_connection, xfrm_link
from appliance.design.underlay import lack_of, underlay_of
from appliance.design.wish import Wish
from appliance.model.fault import ApplianceError
from appliance.model.intent import Intent
from appliance.model.resources import Blackhole, Sysctl
from appliance.model.secret import Secret
from appliance.plan.text import describe_change
from appliance.report.evidence import Evidence

T = TypeVar("T")


@dataclass(slots=True)
class _Ear:
    """Asks each system; remembers those that gave an error for an answer."""

    silent: dict[str, str] = field(default_factory=dict)

    async def ask(self, name: str, question: Awaitable[T], otherwise: T) -> T:
        try:
            return await question
        except ApplianceError as error:
            self.silent.setdefault(name, error.message)
            return otherwise


async def look(systems: Systems, intent: Intent, secrets: dict[str, Secret] | None, *, drift: bool = True) -> Evidence:
    """Everything there is to see. Without ``secrets`` (not readable to everybody) no drift is looked for."""
    ear, wish = _Ear(), await make_wish(systems, intent, secrets or {})
    routed = [(connection, tunnel) for connection, tunnel in wish.tunnels if connection.mode != "policy"]
    links = {tunnel.name: xfrm_link(wish, connection, tunnel) for connection, tunnel in routed}
    names = [link.name for link in links.values()]
    observed = await ear.ask("kernel", systems.kernel.observe(), frozenset())
    nothing: tuple[Any, ...] = ()
    alive = systems.store.load_daemon()["running"]
    published = load_published(systems.store.run_dir) if alive else Published()
    sas = await ear.ask("charon", systems.charon.sas(), nothing)
    speakers = speakers_of(systems, wish)
    sessions = [one for name, door in speakers for one in await ear.ask(name, door.sessions(), nothing)]
    paths = [one for name, door in speakers for one in await ear.ask(name, door.accepted(), nothing)]
    return Evidence(
        at=datetime.now(UTC),
        intent=intent,
        links=links,
        ikes={t.name: ike_connection(c, t, underlay_of(wish, t), alone=True) for c, t in wish.tunnels},
        sas=sas,
        sessions=tuple(sessions),
        paths=tuple(paths),
        routes=await ear.ask("kernel", systems.kernel.forwarding(names), nothing),
        blackholes=tuple(resource.prefix for resource in observed if isinstance(resource, Blackhole)),
        counters=await ear.ask("kernel", systems.kernel.counters(), {}),
        publics={tunnel.name: underlay_of(wish, tunnel).public for _, tunnel in wish.tunnels},
        learned=wish.learned,
        down=wish.down,
        drift=await ear.ask("kernel", _drift(systems, wish), ()) if drift and secrets is not None else (),
        silent=ear.silent,
        verdicts=published.paths,
        uptime=monotonic(),
        probes=published.probes,
        told={one.name: announced(wish, one) for one in wish.connections},
        lacks={tunnel.name: lack for _, tunnel in wish.tunnels if (lack := lack_of(wish, tunnel))},
    )


async def _drift(systems: Systems, wish: Wish) -> tuple[str, ...]:
    """What a pass would change now, a line each. Nobody who passes meanwhile is told to watch other settings."""
    desired = await asyncio.to_thread(compose, wish)
    beside = replace(systems, sysctl=copy(systems.sysctl))
    beside.sysctl.watch(resource for resource in desired if isinstance(resource, Sysctl))
    try:
        changes = await plan_once(desired, await answering(beside, frozenset(map(type, desired))))
    except ApplianceError as error:
        return (error.message,)
    return tuple(describe_change(change).splitlines()[0] for change in changes)
