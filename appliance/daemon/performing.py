"""What a writing verb orders, carried out by the one writer of this machine: the daemon, or without one the verb itself
under the lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from appliance.control.standing import changed_meanwhile
from appliance.daemon.converge import Progress, Report
from appliance.daemon.passes import (
    Loaded,
    adopt_strangers,
    apply,
    make_wish,
    parse_loaded,
    prepare,
    refuse_strangers,
    resolve_secrets,
    start_rereading,
)
from appliance.daemon.picturing import Known
from appliance.daemon.protecting import learn, protect_learned
from appliance.daemon.wiring import Systems
from appliance.history.revision import Down
from appliance.model.change import Outcome
from appliance.model.intent import Intent, Site
from appliance.model.machine import Learned
from appliance.model.operation import Drain as Drained
from appliance.model.operation import Operations
from appliance.model.order import Commit, Drain, Learn, Made, Order, Pin, Restart, Undrain

Tell = Callable[[Made], None]


async def perform(systems: Systems, order: Order, tell: Tell, known: Known | None = None) -> tuple[Made, ...]:
    """Carry an order out. Nobody else may be writing; ``tell`` hears of every step, and all of them come back. What is
    ``known`` is neither read nor looked at again: then an order costs what it changes."""
    match order:
        case Commit():
            return await _commit(systems, order, tell, known or Known(start_rereading()))
        case Learn():
            return await _learn(systems)
        case Restart():
            await systems.charon.terminate(order.tunnel)
            await systems.charon.initiate(order.tunnel)
        case _:
            systems.store.save_operations(asked(systems.store.load_operations(), order, datetime.now(UTC)))
    return ()


def asked(before: Operations, order: Drain | Undrain | Pin, now: datetime) -> Operations:
    """What is asked of tunnels after one more order. Drains that are over are forgotten."""
    drained = {name: one for name, one in before.drained.items() if name in before.drained_at(now)}
    pinned = dict(before.pinned)
    match order:
        case Drain():
            since = drained[order.tunnel].since if order.tunnel in drained else now
            drained[order.tunnel] = Drained(since, order.until)
        case Undrain():
            drained.pop(order.tunnel, None)
        case Pin(tunnel=None):
            pinned.pop(order.connection, None)
        case Pin():
            pinned[order.connection] = str(order.tunnel)
    return Operations(drained, pinned)


async def _commit(systems: Systems, order: Commit, tell: Tell, known: Known) -> tuple[Made, ...]:
    """Look, write down what is wanted, and change what differs. What fails after that is left to be done, by hand or by
    the daemon."""
    store = systems.store
    if store.read_intent() != order.seen:
        raise changed_meanwhile()
    loaded, pictures = Loaded(Intent(Site("none")), "", ()), known.pictures
    if order.text:
        loaded = parse_loaded(order.text, str(store.intent_file), known.reading)
    down = Down(order.down, order.unprotected)
    choice = None if known.carrying is None else (known.carrying, known.stances)
    wish = await make_wish(systems, loaded.intent, order.secrets, down, choice, known, anew=False)
    wish = replace(wish, learned=_taught(order, wish.learned))
    prepared = await prepare(systems, wish, pictures=pictures)
    await refuse_strangers(systems, prepared, adopt=order.adopt, pictures=pictures)
    for taken in await adopt_strangers(systems, prepared) if order.adopt and prepared.changes else ():
        tell(Made("adopt", taken))
    _write_down(systems, order)
    failed = _tells_failures(tell)
    report = await apply(systems, prepared, order.text, order.summary, failed, pictures.correct, known.begun)
    if not report.failed:
        pictures.agree(prepared.desired, prepared.seen)
        for tunnel in sorted(order.dropped):
            store.remove_secret(tunnel)
    return made_of(report)


def _tells_failures(tell: Tell) -> Progress:
    return lambda outcome: tell(_made(outcome)) if outcome.error else None


def _write_down(systems: Systems, order: Commit) -> None:
    store = systems.store
    for tunnel in sorted(order.fresh):
        store.write_secret(tunnel, order.secrets[tunnel])
    for name in sorted(order.forgotten):
        store.forget_learned(name)
    for name, networks in order.remembered.items():
        store.add_learned(name, networks)
    if order.replaces and order.text != order.seen:
        store.write_intent(order.text)
    store.save_down(Down(order.down, order.unprotected))


def _taught(order: Commit, learned: Learned) -> Learned:
    known = {name: networks for name, networks in learned.items() if name not in order.forgotten}
    for name, networks in order.remembered.items():
        known[name] = tuple(dict.fromkeys((*known.get(name, ()), *networks)))
    return known


async def _learn(systems: Systems) -> tuple[Made, ...]:
    revision = systems.store.last_revision()
    if revision is None or not revision.intent:
        return ()
    intent = parse_loaded(revision.intent, f"revision {revision.number}").intent
    wish = await make_wish(systems, intent, resolve_secrets(systems, intent))
    return made_of(await protect_learned(systems, wish))


async def learn_unless_silent(systems: Systems, intent: Intent) -> None:
    """Take in what the clouds announce, as far as FRR answers."""
    if not await systems.frr.lacks():
        await learn(systems, await make_wish(systems, intent, {}))


def made_of(report: Report) -> tuple[Made, ...]:
    """The steps of a pass."""
    return tuple(map(_made, report.outcomes))


def _made(outcome: Outcome) -> Made:
    return Made(outcome.change.verb, outcome.change.resource.key, outcome.error)
