"""What an operator orders costs tunnels nothing but the packets: for how long, and which of them."""

from __future__ import annotations

import pytest

from appliance.control.channel import FILE, Tell, order_daemon
from appliance.control.wire import render_order
from appliance.daemon.excusing import OVER_AFTER, Excuses
from appliance.daemon.published import load_published
from appliance.daemon.wiring import Systems
from appliance.model.order import Commit, Drain, Made, Order, Restart
from tests.daemon.working import STATIC, over, play, until
from tests.fakes.box import Box
from tests.fakes.surroundings import Clock

pytestmark = pytest.mark.usefixtures("heard", "quickly")

LINKS = {"vpc-1": "link1", "vpc-2": "link2"}
COMMIT = Commit("", "configure vpc", None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("appliance.daemon.excusing.monotonic", clock.monotonic)
    return clock


def covered(excuses: Excuses, clock: Clock) -> set[str]:
    return {name for name in (*LINKS, "other") if excuses.cover(name, clock.now)}


@pytest.mark.parametrize(
    ("order", "keys", "during", "after"),
    [
        (COMMIT, ["ike-connection vpc-1"], {"vpc-1", "vpc-2", "other"}, {"vpc-1"}),
        (COMMIT, ["shared-key appliance-vpc-2"], {"vpc-1", "vpc-2", "other"}, {"vpc-2"}),
        (COMMIT, ["inside-address link1 192.0.2.1/30"], {"vpc-1", "vpc-2", "other"}, {"vpc-1"}),
        (COMMIT, ["frr-config"], {"vpc-1", "vpc-2", "other"}, {"vpc-1", "vpc-2"}),
        (COMMIT, ["route 10.0.0.0/16 metric 100 table 254", "xfrm-link strange"], {"vpc-1", "vpc-2", "other"}, set()),
        (Restart("vpc-1"), [], {"vpc-1"}, {"vpc-1"}),
        (Drain("vpc-1"), [], set(), set()),
    ],
)
def test_an_order_excuses_what_it_touches(
    clock: Clock, order: Order, keys: list[str], during: set[str], after: set[str]
) -> None:
    excuses = Excuses()
    with excuses.during(order, LINKS) as done:
        assert covered(excuses, clock) == during
        done += [Made("change", key) for key in keys]
    assert covered(excuses, clock) == after
    clock.now += OVER_AFTER
    assert covered(excuses, clock) == set()


def test_an_order_that_fails_may_have_touched_anything(clock: Clock) -> None:
    excuses = Excuses()
    with pytest.raises(ZeroDivisionError), excuses.during(COMMIT, LINKS):
        raise ZeroDivisionError
    assert covered(excuses, clock) == {"vpc-1", "vpc-2"}


def losses(box: Box) -> dict[str, int]:
    """How often each tunnel was lost by a fault of its own."""
    return {name: len(path.flaps) for name, path in load_published(box.store.run_dir).paths.items()}


def test_a_tunnel_that_an_order_takes_down_is_not_blamed_and_one_that_falls_by_itself_is(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def perform(systems: Systems, order: Order, tell: Tell, known: object) -> tuple[Made, ...]:
        box.cloud.silent = True
        box.charon.fall("vpc-1")
        await until(lambda: over(box) == ("vpc-2",))
        return (Made("change", "ike-connection vpc-1"),)

    monkeypatch.setattr("appliance.daemon.serving.perform", perform)

    async def scene() -> None:
        await order_daemon(box.store.run_dir / FILE, render_order(COMMIT), lambda _: None)
        assert losses(box) == {"vpc-1": 0, "vpc-2": 0}
        box.charon.fall("vpc-2")
        await until(lambda: losses(box) == {"vpc-1": 0, "vpc-2": 1})

    play(box, STATIC, scene)
