"""FRR beside routes that the embedded speaker has left in the kernel for it to take over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.model.resources import LEARNED_PROTOCOL
from appliance.rib.forwarding import LEARNED_METRIC
from tests.frr import rig
from tests.frr.bench import BOTH, PREFIX, Bench
from tests.frr.routers import ROUTER

pytestmark = pytest.mark.frr

MED = 100


@pytest.fixture
def left(bench: Bench) -> Iterator[None]:
    """One that zebra knows: it hears of it when its group changes, where routes show their ways."""
    run, proto = bench.pair.us.run, ("proto", str(LEARNED_PROTOCOL))
    for number, link in ((101, "t1"), (102, "t2")):
        run("ip", "nexthop", "add", "id", str(number), "dev", link, *proto)
    run("ip", "nexthop", "add", "id", "200", "group", "101/102", *proto)
    run("ip", "route", "add", PREFIX, "nhid", "200", *proto, "metric", str(LEARNED_METRIC))
    run("ip", "nexthop", "replace", "id", "200", "group", "102", *proto)
    yield
    run("ip", "nexthop", "flush", *proto)  # the route goes with its group


@pytest.mark.usefixtures("left")
def test_what_frr_learns_goes_before_what_was_left(bench: Bench) -> None:
    def known() -> list[int]:
        found = bench.pair.us.json(f"show ip route {PREFIX} json").get(PREFIX, [])
        return [one["distance"] for one in found]

    rig.until(lambda: known() == [LEARNED_METRIC >> 24], lambda: f"zebra knows {known()}")
    bench.pair.far.configure(rig.cloud({us: (asn, ours, {PREFIX: MED}) for us, (asn, ours, _) in BOTH.items()}))
    bench.apply(ROUTER)
    bench.all_up(2)
    rig.until(
        lambda: {one["protocol"] for one in bench.routes()} == {"bgp", str(LEARNED_PROTOCOL)},
        lambda: f"in the kernel: {bench.routes()}",
    )
