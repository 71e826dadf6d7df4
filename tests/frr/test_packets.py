"""Where packets go by what a real FRR brings into the kernel: ways out, blackholes, sources, tables."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.model.peering import PrefixRule
from appliance.model.resources import DEFAULT_TABLE
from tests.frr import rig
from tests.frr.bench import BOTH, LAN, PREFIX, Bench
from tests.frr.routers import FIRST, ROUTER, SECOND, SIXTH, with_neighbors

pytestmark = pytest.mark.frr


def test_two_tunnels_are_one_nexthop_group_and_unequal_med_is_one_path(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    [route] = bench.routes()
    group = bench.pair.us.run("ip", "nexthop", "show", "id", str(route["nhid"]))
    assert "group" in group
    bench.pair.far.configure(rig.cloud({us: (64512, 65000, {PREFIX: 100 * n}) for n, us in enumerate(BOTH, 1)}))
    rig.until(lambda: bench.ways() == {"t1"}, lambda: f"ways: {bench.ways()}")
    bench.apply(with_neighbors(replace(FIRST, force_med=0), replace(SECOND, force_med=0)))
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}", within=3)


def test_a_blackhole_that_zebra_never_prefers_catches_what_bgp_loses(bench: Bench) -> None:
    bench.pair.us.run(*f"ip route add blackhole {PREFIX} metric {0xFF000000} proto 173".split())
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.pair.far.stop("bgpd")
    rig.until(lambda: bench.ways() == set(), lambda: f"ways: {bench.ways()}")
    [left] = bench.routes()
    assert (left["type"], left["metric"], left["protocol"]) == ("blackhole", 0xFF000000, "173")
    bench.pair.us.run("ip", "route", "del", "blackhole", PREFIX)


@pytest.mark.usefixtures("quick_machine")
def test_a_blackhole_of_distance_0_would_keep_bgp_out(bench: Bench) -> None:
    """Why the metric has to be that large: this is the trap."""
    bench.pair.us.run(*f"ip route add blackhole {PREFIX} metric 65535 proto 173".split())
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    bench.all_up(2)
    assert bench.ways() == set()
    bench.pair.us.run("ip", "route", "del", "blackhole", PREFIX, "metric", "65535")


@pytest.mark.usefixtures("quick_machine")
def test_a_dead_path_does_not_live_on_for_a_peer_that_can_restart_gracefully(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH).replace(" bgp router-id", " bgp graceful-restart\n bgp router-id"))
    bench.pair.far.vtysh(
        "-c", "configure terminal", "-c", "router bgp 64512", "-c", "bgp graceful-restart preserve-fw-state"
    )
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    hook = "{ type filter hook prerouting priority 0; }"
    bench.pair.us.nft(f"add table inet cut; add chain inet cut i {hook}; add rule inet cut i iifname t1 drop")
    try:
        rig.until(lambda: bench.ways() == {"t2"}, lambda: f"ways: {bench.ways()}", within=8)
    finally:
        bench.pair.us.nft("delete table inet cut")


@pytest.mark.usefixtures("quick_machine")
def test_an_interface_that_goes_down_takes_its_path_at_once(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.pair.us.run("ip", "link", "set", "t1", "down")
    rig.until(lambda: bench.ways() == {"t2"}, lambda: f"ways: {bench.ways()}", within=2)


@pytest.fixture
def sourced(bench: Bench) -> Bench:
    """Both ways name our address in the LAN, by a zebra without nexthop groups from before: those it still keeps stay
    without a source, whatever it is told."""
    bench.pair.us.restart()
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(replace(ROUTER, source=ip_address("172.16.20.80")))
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    return bench


@pytest.mark.usefixtures("quick_machine")
def test_our_own_packets_carry_our_address_in_the_lan(sourced: Bench) -> None:
    assert {route["prefsrc"] for route in sourced.routes()} == {"172.16.20.80"}


@pytest.mark.usefixtures("quick_machine")
def test_routes_that_name_an_address_go_with_it_and_stay_away_when_told_to_forget_it(sourced: Bench) -> None:
    """Why no design asks for a source: this is the trap."""
    bench = sourced
    bench.pair.us.run("ip", "address", "del", LAN, "dev", "lan")
    rig.until(lambda: bench.ways() == set(), lambda: f"ways: {bench.ways()}")
    try:
        bench.apply(ROUTER)
        bench.all_up(2)
        assert bench.ways() == set()
    finally:
        bench.pair.us.run("ip", "address", "add", LAN, "dev", "lan")


@pytest.mark.parametrize(
    ("sessions", "theirs", "version"),
    [((FIRST, SECOND), {US: {"0.0.0.0/0": 0, PREFIX: 0} for US in ("169.254.23.6", "169.254.24.6")}, 4),
     ((SIXTH,), {"fd00:1::2": {"::/0": 0, "fd00:99::/48": 0}}, 6)],
)  # fmt: skip
def test_a_default_route_goes_into_a_table_of_its_own(
    bench: Bench, sessions: tuple[Any, ...], theirs: dict[str, Any], version: int
) -> None:
    everything = ip_network("0.0.0.0/0" if version == 4 else "::/0")
    end = ("blackhole", "default", "metric", str(BLACKHOLE_METRIC), "table", str(DEFAULT_TABLE), "proto", "173")
    bench.pair.us.run("ip", f"-{version}", "route", "add", *end)
    takes = [replace(one, accept=(PrefixRule(True, everything), *one.accept)) for one in sessions]
    bench.apply(with_neighbors(*takes))
    bench.pair.far.configure(rig.cloud({us: (64512, 65000, prefixes) for us, prefixes in theirs.items()}))
    bench.all_up(len(takes), accepted=2)

    def links(table: str) -> set[str]:
        found = json.loads(bench.pair.us.run("ip", f"-{version}", "-j", "route", "show", "table", "all"))
        here = [one for one in found if one.get("dst") == "default" and one.get("table", "main") == table]
        paths = [route for route in here if route.get("type") != "blackhole"]
        return {hop["dev"] for route in paths for hop in route.get("nexthops", [route])}

    all_links = {"t1", "t2"} if version == 4 else {"t6"}
    rig.wait_for(lambda: links(str(DEFAULT_TABLE)) == all_links, "no default route over every session")
    assert links("main") == set()

    less = {us: (64512, 65000, {net: med for net, med in prefixes.items() if ip_network(net) != everything})
            for us, prefixes in theirs.items()}  # fmt: skip
    bench.pair.far.restart("bgpd")
    bench.pair.far.configure(rig.cloud(less))
    rig.wait_for(lambda: links(str(DEFAULT_TABLE)) == set(), "the default route stays")
    bench.pair.us.run("ip", f"-{version}", "route", "del", *end)
