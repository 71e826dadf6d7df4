"""A real FRR: that our text is its own, that a difference resets nothing, what sessions make of it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.frr.tree import Tree, parse_tree
from appliance.frr.vtysh import open_vty
from appliance.model.change import Change
from appliance.model.peering import BEHIND, CLOSED, SHUT, BgpRouter, Neighbor, PrefixRule
from appliance.model.resources import FrrConfig
from tests.frr import rig
from tests.frr.bench import BOTH, PREFIX, Bench, same_moment
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
