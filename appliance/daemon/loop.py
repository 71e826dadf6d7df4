"""Keeps a machine what its last applied intent says: woken by what happens, it looks, and changes only what differs.

Three things go on beside each other. Passes compare the whole machine with the intent, a moment after whatever woke
them; what was taken from the kernel or the packet filter is put back before that; and the switchboard judges the
tunnels and moves traffic at once. A hand-edited intent file means nothing here until `apply`: what counts is the last
revision.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from appliance.daemon.asking import keep_asked
from appliance.daemon.converge import carry_out
from appliance.daemon.listening import Listening
from appliance.daemon.mending import Memory, keep_mended, remember
from appliance.daemon.notifying import feed_watchdog, notify
from appliance.daemon.passes import (
    Loaded,
    Prepared,
    make_wish,
    parse_loaded,
    prepare,
    refuse_strangers,
    resolve_secrets,
)
from appliance.daemon.picturing import Known
from appliance.daemon.protecting import learn
from appliance.daemon.serving import serve_control
from appliance.daemon.speaking import keep_speaking
from appliance.daemon.switching import Switchboard
from appliance.daemon.tending import keep_held, keep_switched, keep_tended
from appliance.daemon.waking import Bell, follow_charon, follow_files, marks, ring_on_stop, wish_places
from appliance.daemon.wiring import Systems
from appliance.kernel.monitor import FILTER, LEARNED
from appliance.model.change import Door
from appliance.model.fault import ApplianceError, SystemLacks

EVERY = 2.0
"""Seconds until a pass that failed is tried again, and between passes while BGP brings and takes routes."""
SPACING = 0.5
"""Seconds from news to a pass, and between two of them, at least: whoever fights us does not get all of the machine."""
AT_LEAST_EVERY = 30.0
"""Seconds after which everything is looked at though nothing woke us: not every change tells of itself."""

YOUNG = 20_000
"""Objects made until Python looks for garbage among them: an order makes some thousand, and none of them goes in
circles."""

TURN = 0.001
"""Seconds for which one thread keeps the interpreter while another waits for it. The prober must not wait long for a
pass, nor an order, which goes from thread to thread, for the prober."""

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bells:
    """``look`` asks for a pass, ``mend`` for what was taken away, ``tunnels`` for a look at the SAs, ``sessions`` at
    BGP's, ``judge`` for the verdicts, ``hold`` for sessions to be held by them."""

    look: Bell = field(default_factory=Bell)
    mend: Bell = field(default_factory=Bell)
    tunnels: Bell = field(default_factory=Bell)
    sessions: Bell = field(default_factory=Bell)
    judge: Bell = field(default_factory=Bell)
    hold: Bell = field(default_factory=Bell)

    @property
    def all(self) -> tuple[Bell, ...]:
        """Every one."""
        return self.look, self.mend, self.tunnels, self.sessions, self.judge, self.hold


async def keep_converged(systems: Systems, log: Log, stop: asyncio.Event) -> None:
    """Until told to stop. What fails is logged once, and tried again."""
    sys.setswitchinterval(TURN)
    memory, bells = remember(systems), Bells()
    loop = asyncio.get_running_loop()
    prober = systems.open_prober(lambda: _ring_from_afar(loop, bells.judge))
    board = Switchboard(systems, prober)
    board.listening = Listening(systems, log, lambda up, life: _hear_embedded(board, bells, up, life))
    with systems.store.daemon(datetime.now(UTC)), ExitStack() as stack:
        try:
            prober.start()
            stack.callback(prober.stop)
        except SystemLacks as lack:  # then SAs and BGP alone tell
            log(lack.message)
        stack.enter_context(systems.kernel.watch(lambda kind: _hear(systems, memory, bells, kind)))
        log("running")
        helpers = [
            asyncio.create_task(task)
            for task in (
                feed_watchdog(),
                serve_control(systems, board, memory, lambda: _ring(bells.look, bells.judge), stop, log),
                ring_on_stop(stop, *bells.all),
                follow_files(systems, bells.look, bells.judge),
                follow_charon(systems, bells.look, bells.tunnels),
                keep_mended(systems, board, memory, bells.mend, stop, log),
                keep_tended(systems, board, bells.judge, bells.tunnels, stop),
                keep_asked(systems, board, bells.judge, bells.look, bells.sessions, stop),
                keep_switched(board, bells.judge, (bells.hold, bells.tunnels), stop, log),
                keep_held(board, bells.hold, stop, log),
                keep_speaking(systems, board.listening, stop, log),
            )
        ]
        try:
            await _keep_passing(systems, board, memory, bells, log, stop)
        finally:
            notify("STOPPING=1")
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await board.leave()


def _ring(*bells: Bell) -> None:
    for bell in bells:
        bell.ring()


def _ring_from_afar(loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
    """From another thread."""
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(bell.ring)


def _hear_embedded(board: Switchboard, bells: Bells, up: Iterable[object] | None, life: object) -> None:
    """The embedded speaker's news."""
    if board.hear_peers("exabgp", up, life):
        bells.judge.ring()


def _hear(systems: Systems, memory: Memory, bells: Bells, kind: str) -> None:
    """The kernel's news."""
    if kind == LEARNED:
        bells.look.ring_within(EVERY)
        bells.sessions.ring()
        return
    if kind == FILTER:
        memory.doors.add(systems.firewall)
        memory.known.pictures.forget(systems.firewall)
    else:
        memory.doors |= {systems.kernel, systems.sysctl}
        memory.known.pictures.forget(systems.kernel, systems.sysctl)
        memory.known.pictures.forget_machine()
    bells.mend.ring()
    bells.look.ring_within(SPACING)


async def _keep_passing(
    systems: Systems, board: Switchboard, memory: Memory, bells: Bells, log: Log, stop: asyncio.Event
) -> None:
    """Pass after pass, each after something woke us."""
    said: str | None = None
    settled = False
    while not stop.is_set():
        async with memory.hands:  # an order is through sooner by itself, and what it changes is news
            bells.look.answer()  # before looking: what happens while we work wakes us again
        patience = AT_LEAST_EVERY
        try:
            changed = await converge_once(systems, board, memory)
            await board.rehearse()
            news = f"{changed} changes made" if changed else None
        except ApplianceError as error:
            news, patience = None if error.code == "locked" else error.message, EVERY
        if news and news != said:
            log(news)
        said = news
        notify(f"READY=1\nSTATUS={news or 'as it should be'}")
        for bell in (bells.tunnels, bells.sessions, bells.judge):  # the intent may be another
            bell.ring()
        if not settled and patience == AT_LEAST_EVERY:
            settled = True
            _keep_for_good()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(SPACING, patience))
        await bells.look.wait(patience)


def _keep_for_good() -> None:
    """What is known of all tunnels stays: Python need not search it for garbage ever after, which at a thousand of them
    takes as long as an order. What is no longer referred to goes as before."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


async def converge_once(systems: Systems, board: Switchboard | None = None, memory: Memory | None = None) -> int:
    """One pass over the last applied intent; how many changes it made. Raises what hindered it, after the rest is
    done."""
    board, memory = board or Switchboard(systems), memory or remember(systems)
    written = marks(wish_places(systems))
    revision = systems.store.last_revision()
    if revision is None or not revision.intent:
        return 0
    loaded = memory.parsed.get(revision.intent)
    if loaded is None:
        loaded = parse_loaded(revision.intent, f"revision {revision.number}", memory.known.reading)
    memory.parsed = {revision.intent: loaded}
    gone = await _gone(systems)
    prepared = await _look(systems, loaded, board, gone, memory.known)
    made = 0
    if await board.settle(prepared.changes):
        async with memory.hands:
            with systems.store.lock():
                prepared = await _look(
                    systems, loaded, board, gone, memory.known
                )  # again: another writer may just have done it
                if marks(wish_places(systems)) != written:
                    return 0
                made = await _carry_out(systems, board, prepared, memory.known)
    memory.desired, memory.written = prepared.desired, written
    for lack in _needed(prepared, gone):
        raise lack
    return made


async def _carry_out(systems: Systems, board: Switchboard, prepared: Prepared, known: Known) -> int:
    await refuse_strangers(systems, prepared, adopt=False)
    generation, changes = board.generation, await board.settle(prepared.changes)
    report = await carry_out(changes, prepared.doors, note=known.pictures.correct)
    if board.generation != generation:  # switched meanwhile
        await board.enforce()
    if report.failed:
        raise ApplianceError(f"{report.failed[0].change.resource.key}: {report.failed[0].error}")
    return len(report.outcomes)


Gone = dict[Door, tuple[SystemLacks, ...]]
"""Daemons that do not answer, with what they lack."""


async def _gone(systems: Systems) -> Gone:
    doors: tuple[Door, ...] = (systems.charon, systems.frr, systems.exabgp)
    lacks = await asyncio.gather(systems.charon.lacks(), systems.frr.lacks(), systems.exabgp.lacks())
    return {door: lack for door, lack in zip(doors, lacks, strict=True) if lack}


def _needed(prepared: Prepared, gone: Gone) -> list[SystemLacks]:
    """What is missing of what the intent needs."""
    connections = prepared.wish.connections
    speakers = {connection.speaker for connection in connections if connection.mode == "bgp"}
    wanted = {"SharedKey": bool(connections), "FrrConfig": "frr" in speakers, "ExabgpConfig": "exabgp" in speakers}
    return [lacks[0] for door, lacks in gone.items() if any(wanted.get(kind.__name__) for kind in door.owns)]


async def _look(systems: Systems, loaded: Loaded, board: Switchboard, gone: Gone, known: Known) -> Prepared:
    """What differs now, with what was learned since the last look."""
    secrets = resolve_secrets(systems, loaded.intent)
    wish = await make_wish(systems, loaded.intent, secrets, choice=(board.carrying, board.stances), known=known)
    if wish.tunnels and await learn(systems, wish):
        wish = await make_wish(systems, loaded.intent, secrets, choice=(board.carrying, board.stances), known=known)
    wish = replace(wish, bridged=board.bridge.spans)
    board.follow(wish)
    if board.listening is not None:
        await board.listening.follow(replace(wish, stances=board.stances))  # looking took its time
    return await prepare(systems, wish, gone=gone, pictures=known.pictures)
