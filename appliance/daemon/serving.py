"""The daemon's side of the control socket: it carries out what verbs order, between its own passes, and says how things
stand, beside them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from appliance import __version__
from appliance.control.channel import FILE, Tell, listening
from appliance.control.wire import Question
from appliance.daemon.mending import Memory
from appliance.daemon.performing import perform
from appliance.daemon.picturing import Known
from appliance.daemon.switching import Switchboard
from appliance.daemon.telling import Teller
from appliance.daemon.wiring import Systems
from appliance.model.fault import ApplianceError
from appliance.model.order import Commit, Made, Order

PATIENCE = 30.0
"""Seconds to wait for a writer that is not this daemon."""
AGAIN = 0.1
ANSWERED_FIRST = 0.02
"""Seconds from the end of an order until what follows from it is judged and looked at: at a thousand tunnels that takes
longer than the order did."""

T = TypeVar("T")


async def serve_control(
    systems: Systems,
    board: Switchboard,
    memory: Memory,
    wake: Callable[[], None],
    stop: asyncio.Event,
    log: Callable[[str], None],
) -> None:
    """Until told to stop. ``wake`` is called after every order, once its answer is on its way."""
    teller = Teller(systems)

    async def carry(order: Order, tell: Tell) -> tuple[Made, ...]:
        generation, loop = board.generation, asyncio.get_running_loop()
        async with memory.hands, board.ordered if isinstance(order, Commit) else nullcontext():
            with board.senses.excuses.during(order, board.links) as done, _sweeping_later(loop):
                known = replace(memory.known, carrying=board.carrying, stances=board.stances, begun=board.obey)
                made = await _locked(systems, order, tell, known)
                done += made
            if board.generation != generation:  # switched meanwhile
                await board.enforce()
        log(f"ordered: {_what(order)}")
        loop.call_later(ANSWERED_FIRST, wake)
        return made

    async def look(question: Question) -> Mapping[str, Any]:
        if question.program != __version__:
            raise ApplianceError("the daemon is of another version", code="protocol")
        return await _unless_stopped(teller.tell(), stop)

    try:
        async with listening(systems.store.run_dir / FILE, carry, look, systems.store.read_intent):
            await stop.wait()
    except ApplianceError as error:
        log(error.message)


@contextmanager
def _sweeping_later(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """What an order makes is searched for garbage once that is answered."""
    gc.disable()
    try:
        yield
    finally:
        loop.call_later(ANSWERED_FIRST, gc.enable)


async def _locked(systems: Systems, order: Order, tell: Tell, known: Known) -> tuple[Made, ...]:
    """Without holding up the daemon's other work while another process writes."""
    end = monotonic() + PATIENCE
    while True:
        try:
            with systems.store.lock():
                return await perform(systems, order, tell, known)
        except ApplianceError as error:
            if error.code != "locked" or monotonic() > end:
                raise
        await asyncio.sleep(AGAIN)


async def _unless_stopped(work: Awaitable[T], stop: asyncio.Event) -> T:
    """Whoever only wants to know does not hold up the end."""
    task, end = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if not task.done():
        task.cancel()
        raise ApplianceError("the daemon ends", code="protocol")
    return task.result()


def _what(order: Order) -> str:
    """In words, for the log: names, never keys."""
    if isinstance(order, Commit):
        return order.summary
    names = [str(getattr(order, name)) for name in ("connection", "tunnel") if getattr(order, name, None)]
    return " ".join([type(order).__name__.lower(), *names])
