"""A daemon of FRR's may die: what both sides keep, and what a new zebra makes of the routes it finds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.frr import rig
from tests.frr.bench import BOTH, SLOW, Bench

pytestmark = pytest.mark.frr


@pytest.mark.usefixtures("quick_machine")
def test_bgpd_may_die_without_a_route_lost_on_either_side(bench: Bench) -> None:
    """Until its sessions stand again; what the far end takes to announce anew then is bridged by routes of ours."""
    bench.pair.far.configure(rig.cloud(BOTH, timers="10 30"))
    bench.apply(SLOW)
    bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.far_rests()
    bench.pair.us.kill("bgpd")
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert bench.ways() == {"t1", "t2"}
        assert bench.far_routes() != []
    bench.pair.us.start("bgpd")
    bench.apply(SLOW)
    bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")


@pytest.fixture
def keeping(bench: Bench) -> Iterator[Bench]:
    """With a zebra that keeps its predecessor's routes, and sessions by which both sides have theirs."""
    us = bench.pair.us
    us.keeps = 60
    bench.pair.far.configure(rig.cloud(BOTH, timers="10 30"))
    bench.apply(SLOW)
    bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.far_rests()
    yield bench
    us.keeps = None
    us.run("sysctl", "-w", "net.ipv4.nexthop_compat_mode=1")
    us.restart("zebra", "bgpd")


@pytest.mark.usefixtures("quick_machine")
def test_zebra_may_die_without_a_route_lost_on_either_side(keeping: Bench) -> None:
    """watchfrr ends bgpd when zebra died, and begins both anew."""

    def whole_for(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert keeping.ways()
            assert keeping.far_routes()

    us = keeping.pair.us
    us.kill("zebra")
    us.stop("bgpd")
    whole_for(0.3)
    us.start("zebra")
    whole_for(0.3)
    us.start("bgpd")
    keeping.apply(SLOW)
    whole_for(2)
    keeping.all_up(2)
    rig.until(lambda: keeping.ways() == {"t1", "t2"}, lambda: f"ways: {keeping.ways()}")
    whole_for(0.3)


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize(("shown", "ways"), [(True, {"t1", "t2"}), (False, set[str]())])
def test_a_new_zebra_takes_over_the_routes_it_is_shown_the_ways_of(keeping: Bench, shown: bool, ways: set[str]) -> None:
    """Shown nothing but the ids of nexthops (``nexthop_compat_mode`` 0) it sends all that its predecessor had into
    nothing, which is why FRR sites keep that mode."""
    us, mode = keeping.pair.us, "net.ipv4.nexthop_compat_mode"
    before = keeping.routes()[0]["nhid"]
    for daemon in ("zebra", "bgpd"):
        us.kill(daemon)
    assert keeping.ways() == {"t1", "t2"}
    us.run("sysctl", "-w", f"{mode}={int(shown)}")
    us.start("zebra")
    rig.until(lambda: keeping.routes()[0].get("nhid") != before, lambda: "zebra has not written what it read")
    us.run("sysctl", "-w", f"{mode}=1")
    assert keeping.ways() == ways
    us.start("bgpd")
