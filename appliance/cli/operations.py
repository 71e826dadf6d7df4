"""What the verbs of ``appliance tunnel`` do, step by step, and what they say of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from appliance.cli.output import say
from appliance.cli.showing import show_step
from appliance.cli.writing import writing
from appliance.daemon.operating import (
    LAST,
    Place,
    current_state,
    find_tunnel,
    ike_ids,
    is_drained,
    refuse_last,
    require_daemon,
    see,
    state_of,
    wait_until_carrying,
    wait_until_out,
    wait_until_quiet,
    wait_until_renewed,
    wait_until_useful,
)
from appliance.daemon.waiting import offer
from appliance.daemon.wiring import Systems
from appliance.design.wish import profile_of
from appliance.diagnose.ike import judge
from appliance.ipsec.charon import Listener
from appliance.kernel.overhearing import Heard
from appliance.model.fault import ApplianceError, Fault, Refused, SystemFailure, WrongUsage
from appliance.model.order import Drain, Made, Order, Pin, Restart, Undrain

OUT_WITHIN = 15.0
"""Seconds in which the daemon takes a tunnel out of use."""
LISTEN_FIRST = 10.0
"""Seconds at most that a restart waits for the cloud to send elsewhere."""


@dataclass(frozen=True, slots=True)
class Patience:
    """``timeout`` in seconds, and the safety rules that do not count."""

    timeout: float
    allowed: Sequence[str] = ()


async def submit(systems: Systems, order: Order) -> tuple[Made, ...]:
    """Have an order carried out by the one writer."""
    with writing(systems) as one_writer:
        return await one_writer(order, show_step)


async def drain_tunnel(
    systems: Systems, name: str, span: float | None, wait: bool, patience: Patience
) -> dict[str, Any]:
    """Out of our group, unattractive towards the cloud, and listen."""
    require_daemon(systems)
    place = find_tunnel(systems, name)
    await refuse_last(systems, place, patience.allowed)
    until = datetime.now(UTC) + timedelta(seconds=span) if span is not None else None
    await take_out(systems, place, until, patience.allowed)
    heard = await listen(systems, place, patience.timeout if wait else 0.0)
    result = {**await describe(systems, place), "cloud": heard_as_data(heard)}
    if wait and heard.packets:
        raise _still_sends(place, heard)
    return result


async def take_out(systems: Systems, place: Place, until: datetime | None, allowed: Sequence[str] = ()) -> None:
    """Have the tunnel drained, and wait until nothing of ours goes through it."""
    ending = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until else ""
    say(f"{place.name} of {place.connection.name} is taken out of use{ending}")
    await submit(systems, Drain(place.name, until))
    if await wait_until_out(systems, place, OUT_WITHIN):
        others = [one.name for one in place.connection.tunnels if one.name != place.name]
        say(f"  what we send leaves by {' and '.join(others)}")
    elif LAST in allowed:
        say("  no other tunnel works: it goes on carrying until one does", fg="yellow")
    else:
        hint = f"it stays drained; `appliance status` tells more, `appliance tunnel undrain {place.name}` takes it back"
        raise SystemFailure(f"{place.name} still carries {OUT_WITHIN:.0f} s after it was drained",
                            hint=hint, code="still-carrying")  # fmt: skip
    if place.connection.mode == "bgp":
        say("  the cloud is told worse attributes over it: MED, AS path, graceful-shutdown")
    else:
        say("  without BGP the cloud chooses by itself what it sends over it")


async def listen(systems: Systems, place: Place, timeout: float) -> Heard:
    """Whether the cloud still sends, listening until it does not, or the time is over."""

    def tell(heard: Heard) -> None:
        say(f"  the cloud still sends: {_rate(heard)}")

    heard = await wait_until_quiet(systems, place, timeout, tell)
    if heard.packets:
        tell(heard)
    else:
        say(f"  the cloud sends nothing over it any more ({heard.seconds:.0f} s without a packet)", fg="green")
    return heard


async def undrain_tunnel(systems: Systems, name: str, patience: Patience) -> dict[str, Any]:
    """In use again."""
    require_daemon(systems)
    place = find_tunnel(systems, name)
    if not is_drained(systems, name):
        say(f"{name} was not drained")
    await submit(systems, Undrain(name))
    state = await wait_until_useful(systems, place, patience.timeout)
    say(f"{name} is {state.state}{f': {state.why}' if state.why else ''}", fg="green" if state.useful else "yellow")
    return await describe(systems, place)


async def switch_tunnel(systems: Systems, name: str, back: bool, patience: Patience) -> dict[str, Any]:
    """Pinned, or no longer."""
    require_daemon(systems)
    place = find_tunnel(systems, name)
    connection = place.connection
    if connection.preference != "ordered":
        hint = "drain those that should not carry, or set `prefer: ordered`"
        raise WrongUsage(f"all tunnels of {connection.name} carry together", hint=hint)
    if back:
        await submit(systems, Pin(connection.name, None))
        say(f"{connection.name}: the best tunnel that works carries again")
        return await describe(systems, place)
    state = await current_state(systems, place)
    if not state.useful and "not-working" not in patience.allowed:
        message = f"{name} is {state.state}{f': {state.why}' if state.why else ''}"
        raise Refused(message, hint="--allow not-working lets it carry as soon as it works", code="not-working")
    await submit(systems, Pin(connection.name, name))
    if not await wait_until_carrying(systems, place, patience.timeout):
        hint = f"it will as soon as it can; `appliance tunnel switch {name} --back` takes it back"
        raise SystemFailure(f"{name} does not carry after {patience.timeout:.0f} s", hint=hint, code="not-carrying")
    say(f"{name} carries for {connection.name}", fg="green")
    return await describe(systems, place)


async def restart_tunnel(systems: Systems, name: str, at_once: bool, patience: Patience) -> dict[str, Any]:
    """SAs anew, with traffic elsewhere meanwhile."""
    place = find_tunnel(systems, name)
    await refuse_last(systems, place, patience.allowed)
    async with systems.charon.listen() as heard, elsewhere(systems, place, patience, at_once=at_once):
        before = await ike_ids(systems, name)
        await submit(systems, Restart(name))
        await confirm_up(systems, place, before, heard, patience.timeout)
    return await describe(systems, place)


@asynccontextmanager
async def elsewhere(
    systems: Systems, place: Place, patience: Patience, *, at_once: bool = False
) -> AsyncIterator[Heard | None]:
    """Traffic is on the other tunnels while the block runs, where a daemon can move it; what the cloud still sends
    comes back. A tunnel that was drained before stays so. Should we end here, the drain ends by itself."""
    if at_once or LAST in patience.allowed or not systems.store.load_daemon()["running"]:
        yield None
        return
    if is_drained(systems, place.name):
        yield await listen(systems, place, LISTEN_FIRST)
        return
    until = datetime.now(UTC) + timedelta(seconds=patience.timeout + 10 * OUT_WITHIN)
    await take_out(systems, place, until)
    try:
        yield await listen(systems, place, LISTEN_FIRST)
    finally:
        await submit(systems, Undrain(place.name))
        state = await wait_until_useful(systems, place, OUT_WITHIN)
        say(f"{place.name} is in use again: {state.state}")


async def confirm_up(systems: Systems, place: Place, before: frozenset[int], heard: Listener, timeout: float) -> None:
    """Wait until the tunnel is up with SAs that are none of ``before``; raises with what charon says otherwise."""
    say(f"  waiting until {place.name} is up (up to {timeout:.0f} s)")
    if await wait_until_renewed(systems, place, before, timeout):
        say(f"  {place.name} is up", fg="green")
        return
    seen, profile = await see(systems, place), profile_of(place.connection)
    finding = judge(seen.ikes[place.name], heard.lines(), offer(profile.ike), offer(profile.esp))
    why = finding.message if finding else state_of(seen, place).why or "it is not up"
    error = SystemFailure(f"{place.name} is not up after {timeout:.0f} s: {why}",
                          hint=finding.remedy if finding else "`appliance status` and charon's log tell more",
                          code=finding.code if finding else "not-up")  # fmt: skip
    error.faults = (Fault(finding.message, key=finding.where, fix=finding.remedy),) if finding else ()
    raise error


async def describe(systems: Systems, place: Place) -> dict[str, Any]:
    """The tunnel for programs."""
    state = await current_state(systems, place)
    drain = systems.store.load_operations().drained.get(place.name)
    return {
        "tunnel": place.name,
        "connection": place.connection.name,
        "state": state.state,
        "why": state.why,
        "drained": is_drained(systems, place.name),
        "until": drain.until.isoformat(timespec="seconds") if drain and drain.until else None,
        "pinned": systems.store.load_operations().pinned.get(place.connection.name) == place.name,
    }


def heard_as_data(heard: Heard) -> dict[str, Any]:
    """What the cloud still sends, for programs."""
    return {
        "sends": heard.packets > 0,
        "packets": heard.packets,
        "seconds": heard.seconds,
        "flows": list(heard.flows),
    }


def _rate(heard: Heard) -> str:
    flows = f", {'; '.join(heard.flows)}" if heard.flows else ""
    return f"{heard.packets} packets in {heard.seconds:.0f} s{flows}"


def _still_sends(place: Place, heard: Heard) -> ApplianceError:
    hint = "the tunnel stays drained and takes what comes; look at the routes and preferences on the cloud's side"
    return SystemFailure(f"{place.name} is drained, but the cloud still sends: {_rate(heard)}",
                         hint=hint, code="cloud-still-sends")  # fmt: skip
