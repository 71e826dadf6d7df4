"""One writer: where the daemon runs it is given the order, elsewhere the verb writes by itself under the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from appliance.cli.options import PATIENCE
from appliance.control.channel import FILE, order_daemon
from appliance.control.wire import render_order
from appliance.daemon.performing import perform
from appliance.daemon.wiring import Systems
from appliance.model.order import Made, Order


class Submit(Protocol):
    """Has an order carried out: tells of its steps, and returns them all."""

    async def __call__(self, order: Order, tell: Callable[[Made], None], /) -> tuple[Made, ...]: ...


@contextmanager
def writing(systems: Systems) -> Iterator[Submit]:
    """The way to the one writer, while the block runs. Without a daemon nobody else writes meanwhile, and no daemon
    begins to."""
    if systems.store.load_daemon()["running"]:
        yield partial(_submit, systems)
    else:
        with systems.store.lock(PATIENCE):
            yield partial(perform, systems)


async def _submit(systems: Systems, order: Order, tell: Callable[[Made], None]) -> tuple[Made, ...]:
    return await order_daemon(systems.store.run_dir / FILE, render_order(order), tell)
