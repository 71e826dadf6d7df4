"""From one configuration to another: which lines, and in which order."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.frr.diff import Step, split, steps
from appliance.frr.tree import parse_tree
from appliance.model.peering import BgpRouter, PrefixRule
from tests.frr.routers import FIRST, ROUTER, SECOND, random_router, render, with_neighbors

V4 = ("router bgp 65000", "address-family ipv4 unicast")


def between(old: BgpRouter | None, new: BgpRouter | None) -> tuple[Step, ...]:
    return steps(*(split(parse_tree(render(router) if router else "")) for router in (old, new)))


def told(old: BgpRouter | None, new: BgpRouter | None) -> list[str]:
    return [step.line for step in between(old, new)]


@pytest.mark.parametrize("seed", range(10))
def test_nothing_to_change_is_nothing_to_say(seed: int) -> None:
    router = random_router(random.Random(seed))
    assert between(router, router) == ()


def test_a_neighbour_more_is_its_own_lines_and_no_others() -> None:
    lines = told(with_neighbors(FIRST), ROUTER)
    assert lines
    assert all("169.254.24.5" in line or "vpc-2" in line or line.startswith("match ") for line in lines)
    assert not any(line.startswith(("no ", "clear ")) for line in lines)


def test_a_neighbour_less_is_one_line_then_its_policies() -> None:
    assert told(ROUTER, with_neighbors(FIRST)) == [
        "no neighbor 169.254.24.5",
        "no route-map appliance-vpc-2-in permit 10",
        "no route-map appliance-vpc-2-out permit 10",
        "no ip prefix-list appliance-vpc-2-in",
        "no ip prefix-list appliance-vpc-2-out",
    ]


def test_policies_stand_before_the_neighbour_that_goes_by_them() -> None:
    lines = told(None, ROUTER)
    first_use = next(i for i, line in enumerate(lines) if line.startswith("neighbor "))
    made = [i for i, line in enumerate(lines) if re.match(r"(ip prefix-list|route-map) ", line)]
    assert max(made) < first_use


def test_another_timer_is_one_line() -> None:
    changed = with_neighbors(replace(FIRST, keepalive=10, hold=30), SECOND)
    assert told(ROUTER, changed) == ["neighbor 169.254.23.5 timers 10 30"]


def test_another_description_is_one_line_and_going_back_too() -> None:
    renamed = with_neighbors(replace(FIRST, connection="other"), SECOND)
    assert told(ROUTER, renamed) == ["neighbor 169.254.23.5 description other/vpc-1"]


def test_a_neighbour_that_moves_to_another_address_keeps_its_policies() -> None:
    moved = replace(FIRST, address=ip_address("169.254.99.5"), local_address=ip_address("169.254.99.6"))
    lines = told(ROUTER, with_neighbors(moved, SECOND))
    assert lines
    assert all("neighbor 169.254.99.5 " in line or line == "no neighbor 169.254.23.5" for line in lines)


def test_a_policy_of_one_neighbour_clears_only_that_one_and_softly() -> None:
    changed = with_neighbors(replace(FIRST, force_med=0), SECOND)
    assert between(ROUTER, changed) == (
        Step("bgpd", ("route-map appliance-vpc-1-in permit 10",), "set metric 0"),
        Step("bgpd", None, "clear bgp ipv4 unicast 169.254.23.5 soft in"),
    )
    assert told(changed, ROUTER) == ["no set metric 0", "clear bgp ipv4 unicast 169.254.23.5 soft in"]


def test_a_changed_filter_is_for_a_moment_too_narrow_never_too_wide() -> None:
    net = ip_network("10.0.0.0/8")
    more = with_neighbors(replace(FIRST, accept=(PrefixRule(False, net, le=32), *FIRST.accept)), SECOND)
    lines = [line for line in told(ROUTER, more) if "prefix-list" in line]
    kinds = [("no" if line.startswith("no ") else "add", "permit" if " permit " in line else "deny") for line in lines]
    assert kinds == sorted(kinds, key=[("no", "permit"), ("no", "deny"), ("add", "deny"), ("add", "permit")].index)
    assert not any("seq 1000000" in line for line in lines)


def test_no_line_of_a_list_is_added_while_it_stands_under_another_number() -> None:
    """FRR drops such a line without a word."""
    chance = random.Random(3)
    for _ in range(50):
        old, new = random_router(chance), random_router(chance)
        standing = set(parse_tree(render(old))[()])
        for step in between(old, new):
            if step.where != () or "prefix-list" not in step.line:
                continue
            if step.line.startswith("no "):
                gone = step.line.removeprefix("no ")
                standing = {line for line in standing if line != gone and not line.startswith(f"{gone} ")}
            else:
                assert not any(same_rule(step.line, line) for line in standing), step.line
                standing.add(step.line)


def same_rule(one: str, other: str) -> bool:
    return re.sub(r" seq \d+", "", one) == re.sub(r" seq \d+", "", other)


def test_another_number_of_ours_makes_the_instance_anew_and_the_old_goes_first() -> None:
    lines = told(ROUTER, replace(ROUTER, asn=65001))
    assert lines[0] == "no router bgp 65000"
    assert "neighbor 169.254.23.5 remote-as 64512" in lines


def test_zebra_is_told_by_mgmtd_how_our_own_packets_are_addressed() -> None:
    router = replace(ROUTER, source=ip_address("172.16.20.80"))
    assert between(ROUTER, router) == (
        Step("mgmtd", ("route-map appliance-source permit 10",), "set src 172.16.20.80"),
        Step("mgmtd", (), "ip protocol bgp route-map appliance-source"),
    )
    assert told(router, ROUTER) == ["no ip protocol bgp route-map appliance-source",
                                    "no route-map appliance-source permit 10"]  # fmt: skip


def test_a_list_that_zebras_route_map_needs_is_told_to_both() -> None:
    extra = (
        "ip prefix-list mine seq 5 permit 10.0.0.0/8\n"
        "route-map mine permit 10\n match ip address prefix-list mine\nexit\n"
        "ip protocol bgp route-map mine\n"
    )
    parts = split(parse_tree(render(replace(ROUTER, extra=extra))))
    line = "ip prefix-list mine seq 5 permit 10.0.0.0/8"
    assert line in parts["mgmtd"][()]
    assert line in parts["bgpd"][()]
    assert ("route-map mine permit 10",) in parts["mgmtd"]
    assert ("route-map mine permit 10",) not in parts["bgpd"]


def test_a_network_is_announced_before_the_one_it_replaces_goes() -> None:
    wide = replace(ROUTER, networks=(ip_network("172.16.0.0/16"),))
    assert between(ROUTER, wide) == (
        Step("bgpd", V4, "network 172.16.0.0/16"),
        Step("bgpd", V4, "no network 172.16.20.0/24"),
    )


def test_everything_goes_without_a_rest() -> None:
    router = replace(ROUTER, source=ip_address("172.16.20.80"))
    lines = told(router, None)
    assert "no router bgp 65000" in lines
    assert not any("neighbor" in line for line in lines)
    assert sum(line.startswith("no route-map ") for line in lines) == 5
    assert sum(line.startswith("no ip prefix-list ") for line in lines) == 4
