"""A real FRR and a real kernel: that our text is FRR's own, that a difference resets nothing, where packets go."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.frr.tree import Tree, parse_tree
from appliance.frr.vtysh import open_vty
from appliance.model.change import Change
from appliance.model.peering import BEHIND, CLOSED, SHUT, BgpRouter, Neighbor, PrefixRule
from appliance.model.resources import DEFAULT_TABLE, FrrConfig
from tests.frr import rig
from tests.frr.bench import BOTH, LAN, PREFIX, SLOW, Bench, same_moment
from tests.frr.routers import FIRST, ROUTER, SECOND, SIXTH, config, neighbor, random_router, render, with_neighbors
from tests.frr.test_render import FULL

pytestmark = pytest.mark.frr


def sorted_tree(text: str) -> Tree:
    return {where: sorted(lines) for where, lines in parse_tree(text).items()}


def test_our_text_is_what_frr_itself_writes(bench: Bench) -> None:
    bench.pair.us.configure(render(FULL))
    assert bench.pair.us.running() == render(FULL).rstrip("\n")


def test_frrs_reload_script_finds_nothing_to_change(bench: Bench) -> None:
    bench.apply(FULL)
    assert bench.pair.us.reload_difference(render(FULL)) == []


def test_the_judge_sees_what_differs(bench: Bench) -> None:
    bench.apply(ROUTER)
    other = render(with_neighbors(replace(FIRST, hold=30, keepalive=10), SECOND))
    assert bench.pair.us.reload_difference(other) != []


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_difference_leads_to_what_a_fresh_load_gives(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    for turn in range(15):
        router = random_router(chance, asn=chance.choice((65000, 65000, 65000, 65001)))
        bench.apply(router)
        assert sorted_tree(bench.pair.us.running()) == sorted_tree(render(router)), f"turn {turn}"
    assert bench.pair.us.reload_difference(render(router)) == []


def test_no_session_is_reset_by_what_does_not_concern_it(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH | {"fd00:1::2": (64512, 65000, {"fd00:99::/48": 0})}))
    bench.apply(with_neighbors(FIRST, SECOND, SIXTH))
    before = bench.all_up(3)["169.254.23.5"]
    bench.apply(replace(ROUTER, neighbors=(FIRST,), networks=(ip_network("172.16.21.0/24"),), maximum_paths=4))
    bench.apply(with_neighbors(replace(FIRST, force_med=0, prepend=2, med=7), SECOND, SIXTH))
    bench.apply(
        with_neighbors(replace(FIRST, accept=(PrefixRule(True, ip_network(PREFIX)),), connection="other"), SIXTH)
    )
    after = bench.all_up(2)["169.254.23.5"]
    assert (after.resets, after.established_count) == (0, 1)
    assert same_moment(before, after)


@pytest.mark.usefixtures("quick_machine")
def test_a_policy_takes_a_path_out_and_back_without_touching_its_session(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    before = bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.apply(with_neighbors(replace(FIRST, accept=()), SECOND))
    rig.until(lambda: bench.ways() == {"t2"}, lambda: f"ways: {bench.ways()}", within=2)
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}", within=2)
    assert all(same_moment(one, before[address]) for address, one in bench.sessions().items())


@pytest.mark.usefixtures("quick_machine")
def test_a_closed_gate_takes_a_path_out_at_once_and_tells_the_cloud_without_touching_the_session(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    before = bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.apply(with_neighbors(replace(FIRST, stance=CLOSED), SECOND))
    rig.until(lambda: bench.ways() == {"t2"}, lambda: f"ways: {bench.ways()}", within=1)
    rig.until(lambda: bench.far_prefers() == "169.254.24.6", lambda: f"the far end: {bench.far_prefers()}", within=2)
    bench.apply(with_neighbors(replace(FIRST, stance=BEHIND), SECOND))
    rig.until(lambda: bench.sessions()["169.254.23.5"].accepted == 1, lambda: str(bench.sessions()), within=1)
    assert bench.ways() == {"t2"}
    bench.apply(ROUTER)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}", within=1)
    assert all(same_moment(one, before[address]) for address, one in bench.sessions().items())


@pytest.mark.usefixtures("quick_machine")
def test_a_session_that_is_shut_ends_alone_and_comes_back_when_it_is_opened(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    before = bench.all_up(2)["169.254.24.5"]
    bench.apply(with_neighbors(replace(FIRST, stance=SHUT), SECOND))
    rig.until(lambda: not bench.sessions()["169.254.23.5"].up, lambda: str(bench.sessions()), within=2)
    bench.apply(with_neighbors(replace(FIRST, stance=CLOSED), SECOND))
    rig.until(lambda: bench.sessions()["169.254.23.5"].received == 1, lambda: str(bench.sessions()))
    after = bench.sessions()
    assert same_moment(before, after["169.254.24.5"])
    assert after["169.254.23.5"].accepted == 0


@pytest.mark.usefixtures("quick_machine")
def test_bgpd_may_die_without_a_route_lost_on_either_side(bench: Bench) -> None:
    """Until its sessions stand again; what the far end takes to announce anew then is bridged by routes of ours."""
    bench.pair.far.configure(rig.cloud(BOTH, timers="10 30"))
    bench.apply(SLOW)
    bench.all_up(2)
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    rig.until(lambda: bench.far_routes() != [], lambda: "the far end has no route to us")
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
    rig.until(lambda: bench.far_routes() != [], lambda: "the far end has no route to us")
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
def forgetful(bench: Bench) -> Bench:
    """A zebra without nexthop groups from before: those it still keeps stay without a source, whatever it is told."""
    bench.pair.us.restart()
    return bench


@pytest.mark.usefixtures("quick_machine")
def test_our_own_packets_carry_our_address_in_the_lan(forgetful: Bench) -> None:
    bench = forgetful
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(replace(ROUTER, source=ip_address("172.16.20.80")))
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    assert {route["prefsrc"] for route in bench.routes()} == {"172.16.20.80"}


@pytest.mark.usefixtures("quick_machine")
def test_routes_that_name_an_address_go_with_it_and_stay_away_when_told_to_forget_it(forgetful: Bench) -> None:
    """Why no design asks for a source: this is the trap."""
    bench = forgetful
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(replace(ROUTER, source=ip_address("172.16.20.80")))
    rig.until(lambda: bench.ways() == {"t1", "t2"}, lambda: f"ways: {bench.ways()}")
    bench.pair.us.run("ip", "address", "del", LAN, "dev", "lan")
    rig.until(lambda: bench.ways() == set(), lambda: f"ways: {bench.ways()}")
    try:
        bench.apply(ROUTER)
        bench.all_up(2)
        assert bench.ways() == set()
    finally:
        bench.pair.us.run("ip", "address", "add", LAN, "dev", "lan")


@pytest.mark.usefixtures("quick_machine")
def test_a_summary_is_announced_though_no_route_is_exactly_it(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud({"169.254.23.6": (64512, 65000, {})}))
    wide = ip_network("172.16.0.0/12")
    bench.apply(replace(ROUTER, neighbors=(replace(FIRST, announce=(PrefixRule(True, wide),)),), networks=(wide,)))
    far = bench.pair.far

    def heard() -> set[str]:
        return set(far.json("show bgp ipv4 unicast json").get("routes", {}))

    rig.until(lambda: heard() == {"172.16.0.0/12"}, lambda: f"the far end has {heard()}")


@pytest.mark.usefixtures("quick_machine")
def test_what_one_tunnel_brings_is_not_told_to_the_other(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    bench.all_up(2)
    rig.until(lambda: [one.advertised for one in bench.sessions().values()] == [1, 1], lambda: f"{bench.sessions()}")


@pytest.mark.usefixtures("quick_machine")
def test_somebody_elses_change_is_seen_as_drift(bench: Bench) -> None:
    bench.apply(ROUTER)
    lines = ("configure terminal", "router bgp 65000", "no neighbor 169.254.24.5", "neighbor 192.0.2.9 remote-as 64496")
    bench.pair.us.vtysh(*(word for line in lines for word in ("-c", line)))
    drift = asyncio.run(bench.door.drift())
    assert "- router bgp 65000: neighbor 169.254.24.5 remote-as 64512" in drift
    assert "+ router bgp 65000: neighbor 192.0.2.9 remote-as 64496" in drift
    bench.record.unlink()


@pytest.mark.usefixtures("quick_machine")
def test_a_line_that_mgmtd_refuses_is_named(bench: Bench) -> None:
    """Zebra takes no link-local address as a source (FRR 10.3)."""
    router = replace(ROUTER, source=ip_address("169.254.23.6"))
    [outcome] = asyncio.run(bench.door.apply([Change(None, FrrConfig(render(router)))]))
    assert outcome.error is not None
    assert outcome.error.startswith(
        "mgmtd refuses the line 'route-map appliance-source permit 10 / set src 169.254.23.6'"
    )
    assert outcome.error.isprintable()


@pytest.mark.usefixtures("quick_machine")
def test_sessions_start_though_a_writer_was_killed_half_way(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(BOTH))
    bench.apply(ROUTER)
    bench.record.unlink()
    with open_vty(bench.pair.us.run_dir, "bgpd") as vty:
        vty.tell(["configure terminal file-lock", "XFRR_start_configuration"])
    assert asyncio.run(bench.door.observe()) == {config(ROUTER)}
    bench.all_up(2)


@pytest.mark.usefixtures("quick_machine")
@pytest.mark.parametrize("lines", [1, 400], ids=["singly", "together"])
def test_one_bad_line_of_a_list_takes_no_other_along(bench: Bench, lines: int) -> None:
    extra = "ip prefix-list mine seq 5 permit 10.0.0.0/8 ge 4\n" + "".join(
        f"ip prefix-list mine seq {5 * n} permit 10.{n % 200}.{n // 200}.0/24\n" for n in range(2, lines + 2)
    )
    text = render(replace(ROUTER, extra=extra))
    [outcome] = asyncio.run(bench.door.apply([Change(None, FrrConfig(text))]))
    assert outcome.error is not None
    assert "'ip prefix-list mine seq 5 permit 10.0.0.0/8 ge 4'" in outcome.error
    assert "mask length <= ge" in outcome.error
    assert "more lines" not in outcome.error
    running = parse_tree(bench.pair.us.running())
    assert len([line for line in running[()] if " mine " in line]) == lines
    assert running["router bgp 65000",] == parse_tree(text)["router bgp 65000",]
    bench.pair.us.vtysh("-c", "configure terminal", "-c", "no ip prefix-list mine")


@pytest.mark.usefixtures("quick_machine")
def test_ten_times_the_neighbours_take_not_much_more_than_ten_times_as_long(bench: Bench) -> None:
    """One by one, bgpd would need sixty times as long."""
    ten, hundred = (with_neighbors(*map(nth_neighbor, range(count))) for count in (10, 100))
    short, long = (min(timed(bench, router) for _ in range(3)) for router in (ten, hundred))
    assert sorted_tree(bench.pair.us.running()) == sorted_tree(render(hundred))
    assert long < 20 * short


def nth_neighbor(number: int) -> Neighbor:
    net = ip_network("169.254.32.0/20").network_address + 4 * number
    return neighbor(str(net + 1), str(net + 2), f"t{number}")


def timed(bench: Bench, router: BgpRouter) -> float:
    """Seconds from nothing to this."""
    bench.apply(None)
    began = time.monotonic()
    bench.apply(router)
    return time.monotonic() - began


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
