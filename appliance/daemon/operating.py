"""Operating one tunnel without touching another: what may be done, and waiting until it has come to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from appliance.daemon.looking import look
from appliance.daemon.passes import Loaded, parse_loaded
from appliance.daemon.published import load_published
from appliance.daemon.wiring import Systems
from appliance.design.tunnels import tunnel_link
from appliance.kernel.overhearing import Heard
from appliance.model.address import IPAddress
from appliance.model.fault import ApplianceError, Refused, SystemLacks, WrongUsage
from appliance.model.forwarding import BGP_PROTOCOLS
from appliance.model.health import CARRYING, DRAINED, STANDBY, PathVerdict
from appliance.model.intent import Connection, Tunnel
from appliance.model.resources import ROUTE_PROTOCOL
from appliance.model.sa import TunnelSa
from appliance.report.evidence import Evidence
from appliance.report.judging import TunnelState, judge_tunnel
from appliance.verdict.path import WITHOUT_SESSION

POLL = 0.2  # seconds
QUIET = 3.0
"""Seconds without a packet after which nobody counts as sending."""
SETTLED = 2.0
"""Seconds in which what one system says of a tunnel is true of the others too."""
LAST = "last-tunnel"
"""The safety rule: the last tunnel of a connection that works is not taken out of use."""


@dataclass(frozen=True, slots=True)
class Place:
    """A tunnel, its connection, and the applied intent that names them."""

    loaded: Loaded
    connection: Connection
    tunnel: Tunnel

    @property
    def name(self) -> str:
        """The tunnel's."""
        return self.tunnel.name

    @property
    def link(self) -> str:
        """The tunnel's interface."""
        return tunnel_link(self.tunnel)

    @property
    def own(self) -> frozenset[IPAddress]:
        """Our addresses inside."""
        return frozenset(one.ip for one in (self.tunnel.inside, self.tunnel.inside6) if one is not None)

    @property
    def asked(self) -> frozenset[IPAddress]:
        """With whom we ourselves talk over the tunnel: its other end, and whom our probes ask."""
        peers = (self.tunnel.peer_inside, self.tunnel.peer_inside6)
        targets = (target.address for target in self.connection.probe.targets)
        return frozenset(one for one in (*peers, *targets) if one is not None)


def find_tunnel(systems: Systems, name: str) -> Place:
    """By the intent that was applied last. WrongUsage when there is no such tunnel."""
    revision = systems.store.last_revision()
    text = revision.intent if revision else ""
    if not text:
        raise WrongUsage("nothing was applied on this machine", hint="`appliance configure --bgp --from DOCUMENT`")
    loaded = parse_loaded(text, "the applied intent")
    places = [Place(loaded, connection, tunnel) for connection in loaded.intent.connections
              for tunnel in connection.tunnels]  # fmt: skip
    found = next((place for place in places if place.name == name), None)
    if found is None:
        hint = f"tunnels: {', '.join(place.name for place in places) or 'none'}"
        raise WrongUsage(f"there is no tunnel {name}", hint=hint)
    if found.connection.name in systems.store.load_down().names:
        raise WrongUsage(f"{found.connection.name} is down", hint="`appliance apply` brings it back")
    return found


def require_daemon(systems: Systems) -> None:
    """What a drained tunnel is taken out of, the daemon keeps."""
    if not systems.store.load_daemon()["running"]:
        hint = "systemctl start appliance, or `appliance run`"
        raise SystemLacks("the daemon does not run, and it is the one that moves traffic", hint=hint, code="daemon")


async def see(systems: Systems, place: Place) -> Evidence:
    """One look at everything."""
    return await look(systems, place.loaded.intent, None, drift=False)


def state_of(seen: Evidence, place: Place) -> TunnelState:
    """The tunnel's."""
    return judge_tunnel(seen, place.connection, place.tunnel)


async def current_state(systems: Systems, place: Place) -> TunnelState:
    """The tunnel's, at a glance where that is enough."""
    return await _glance(systems, place) or state_of(await see(systems, place), place)


async def _glance(systems: Systems, place: Place) -> TunnelState | None:
    """As the daemon tells it, where the kernel and charon agree; None where it takes a look at everything."""
    alive = systems.store.load_daemon()["running"]
    told = load_published(systems.store.run_dir).paths.get(place.name) if alive else None
    plain = told is not None and await _is_plain(systems, place, told)
    return TunnelState(told.state, told.why) if told is not None and plain else None


async def _is_plain(systems: Systems, place: Place, told: PathVerdict) -> bool:
    if told.state not in (CARRYING, STANDBY, DRAINED) or told.health == WITHOUT_SESSION:
        return False
    try:
        stands = any(sa.name == place.name and sa.up for sa in await systems.charon.sas())
        return stands and await routed(systems, place) == (told.state == CARRYING)
    except ApplianceError:  # whoever is silent is named by the look at everything
        return False


def is_drained(systems: Systems, name: str) -> bool:
    """Whether the operator took the tunnel out of use."""
    return name in systems.store.load_operations().drained_at(datetime.now(UTC))


async def refuse_last(systems: Systems, place: Place, allowed: Collection[str]) -> None:
    """Refuse to take away the only tunnel of its connection that works."""
    tunnels = place.connection.tunnels
    states = {one.name: await current_state(systems, replace(place, tunnel=one)) for one in tunnels}
    others = {name: state for name, state in states.items() if name != place.name}
    works = states[place.name].useful or states[place.name].state == "last-resort"
    if LAST in allowed or not works or any(state.useful for state in others.values()):
        return
    why = "; ".join(f"{name} is {state.state}: {state.why}" for name, state in others.items()) or "it has no other"
    message = f"{place.name} is the last of {len(states)} tunnels of {place.connection.name} that works ({why})"
    raise Refused(message, hint=f"--allow {LAST} does it all the same: then it goes on carrying, or nothing does",
                  code=LAST)  # fmt: skip


async def routed(systems: Systems, place: Place) -> bool:
    """Whether a route leads into the tunnel."""
    protocols = (*BGP_PROTOCOLS, ROUTE_PROTOCOL)
    routes = await systems.kernel.forwarding([place.link])
    return any(route.protocol in protocols and any(via.link == place.link for via in route.vias) for route in routes)


async def wait_until_out(systems: Systems, place: Place, patience: float) -> bool:
    """Whether the tunnel carries nothing of ours any more, within ``patience`` seconds."""
    return await _wait(lambda: _is_out(systems, place), patience)


async def _is_out(systems: Systems, place: Place) -> bool:
    path = load_published(systems.store.run_dir).paths.get(place.name)
    return path is not None and path.state == DRAINED and not await routed(systems, place)


async def wait_until_useful(systems: Systems, place: Place, patience: float) -> TunnelState:
    """Until the tunnel carries or stands by, at most ``patience`` seconds; how it is then."""
    end, look_at = monotonic() + patience, monotonic() + SETTLED
    while True:
        state = await _glance(systems, place)
        if state is None and monotonic() >= min(look_at, end):
            state, look_at = state_of(await see(systems, place), place), monotonic() + SETTLED
        if state is not None and (state.useful or monotonic() >= end):
            return state
        await asyncio.sleep(POLL)


async def wait_until_carrying(systems: Systems, place: Place, patience: float) -> bool:
    """Whether what is sent goes through the tunnel, within ``patience`` seconds."""
    return await _wait(lambda: routed(systems, place), patience)


async def wait_until_quiet(systems: Systems, place: Place, patience: float, say: Callable[[Heard], None]) -> Heard:
    """Listen until nothing has come in for :data:`QUIET` seconds, at most for ``patience``; what was heard last."""
    end = monotonic() + patience
    while True:
        heard = await systems.overhear(place.link, place.own, place.asked, QUIET)
        if not heard.packets or monotonic() >= end:
            return heard
        say(heard)


async def ike_ids(systems: Systems, name: str) -> frozenset[int]:
    """The tunnel's IKE SAs."""
    return frozenset(sa.ike_id for sa in await systems.charon.sas() if sa.name == name)


async def wait_until_renewed(systems: Systems, place: Place, before: Collection[int], patience: float) -> bool:
    """Whether the tunnel is up with SAs that are none of those, and its routing session too, within ``patience``."""
    return await _wait(lambda: _is_renewed(systems, place, before), patience)


async def _is_renewed(systems: Systems, place: Place, before: Collection[int]) -> bool:
    own: list[TunnelSa] = [sa for sa in await systems.charon.sas() if sa.name == place.name and sa.up]
    if not any(sa.ike_id not in before for sa in own):
        return False
    if place.connection.mode != "bgp":
        return True
    state = await current_state(systems, place)
    return state.useful or state.state == DRAINED


async def _wait(predicate: Callable[[], object], patience: float) -> bool:
    end = monotonic() + patience
    while True:
        if await predicate():  # type: ignore[misc]
            return True
        if monotonic() >= end:
            return False
        await asyncio.sleep(POLL)
