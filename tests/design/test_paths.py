"""Static routes: what points where, and that a switch touches nothing but one group."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.design.compose import compose
from appliance.design.numbering import BLACKHOLE_METRIC, nexthop_id, nowhere_id
from appliance.design.paths import path_groups
from appliance.model.intent import Intent
from appliance.model.resources import Blackhole, Nexthop, NexthopGroup, Resource, Route
from appliance.plan.diff import make_plan
from tests.design.wishes import fixed, shuffled, wish_for

NETS = (ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))


def static(*changes: dict[str, object]) -> Intent:
    """The fixed intent's connections, lab and vpc, routed statically to the same networks, and changed in turn."""
    plain: dict[str, object] = {"mode": "static", "networks": NETS, "prefer": None, "priority": 100}
    made = [
        replace(one, **(plain | more))  # type: ignore[arg-type]
        for one, more in zip(sorted(fixed().connections, key=lambda one: one.name), changes or ({}, {}), strict=True)
    ]
    return replace(fixed(), connections=tuple(made))


def only(name: str, **more: object) -> Intent:
    """One of them alone."""
    (one,) = (connection for connection in static().connections if connection.name == name)
    return replace(fixed(), connections=(replace(one, **more),))  # type: ignore[arg-type]


def members(intent: Intent, **carrying: tuple[str, ...]) -> set[tuple[tuple[int, int], ...]]:
    return {group.members for group in path_groups(wish_for(intent, carrying=carrying)).values()}


def hop(tunnel: str, weight: int = 1) -> tuple[int, int]:
    return nexthop_id(tunnel.rpartition("-")[0], tunnel, 4), weight


def of(kind: type, resources: frozenset[Resource]) -> list:
    return [resource for resource in resources if isinstance(resource, kind)]


def test_every_prefix_points_at_one_group_under_its_blackhole() -> None:
    desired = compose(wish_for(only("vpc")))
    (group,) = of(NexthopGroup, desired)
    via = [route for route in of(Route, desired) if route.nexthop is not None]
    assert {(route.prefix, route.metric, route.nexthop) for route in via} == {(net, 100, group.id) for net in NETS}
    assert {(twin.prefix, twin.metric) for twin in of(Blackhole, desired)} == {(net, BLACKHOLE_METRIC) for net in NETS}
    assert group.members == (hop("vpc-1"),)


@pytest.mark.parametrize("prefer", ["ordered", "equal"])
def test_a_switch_is_one_change_whatever_the_number_of_prefixes(prefer: str) -> None:
    many = tuple(ip_network(f"10.{i // 256}.{i % 256}.0/24") for i in range(1000))
    intent = only("vpc", networks=many, prefer=prefer)
    before = compose(wish_for(intent, carrying={"vpc": ("vpc-1",)}))
    for carrying in (("vpc-2",), ("vpc-1", "vpc-2"), ()):
        after = compose(wish_for(intent, carrying={"vpc": carrying}))
        (change,) = make_plan(after, before)
        assert isinstance(change.old, NexthopGroup)
        assert isinstance(change.new, NexthopGroup)
        assert change.old.id == change.new.id


def test_metrics_make_the_order_and_names_where_there_are_none() -> None:
    assert members(only("vpc")) == {(hop("vpc-1"),)}
    one, two = only("vpc").connections[0].tunnels
    assert members(only("vpc", tunnels=(one, replace(two, metric=5)))) == {(hop("vpc-2"),)}
    assert members(only("vpc", tunnels=(two, one))) == {(hop("vpc-1"),)}
    many = tuple(replace(one, name=f"vpc-{number}") for number in (10, 2, 9))
    assert members(only("vpc", tunnels=many)) == {(hop("vpc-2"),)}


def test_equal_tunnels_share_by_weight() -> None:
    one, two = only("vpc").connections[0].tunnels
    intent = only("vpc", prefer="equal", tunnels=(replace(one, weight=3), two))
    assert members(intent) == {tuple(sorted((hop("vpc-1", 3), hop("vpc-2"))))}


def test_the_connection_with_the_lowest_priority_that_can_carries() -> None:
    intent = static({"priority": 200}, {"priority": 100})
    assert members(intent) == {(hop("vpc-1"),)}
    assert members(intent, vpc=("vpc-2",), lab=("lab-1",)) == {(hop("vpc-2"),)}
    assert members(intent, vpc=(), lab=("lab-1",)) == {(hop("lab-1"),)}
    assert members(intent, vpc=(), lab=()) == {((nowhere_id(4), 1),)}


def test_the_same_priority_makes_one_group() -> None:
    assert members(static({}, {})) == {tuple(sorted((hop("vpc-1"), hop("lab-1"))))}


def test_prefixes_of_one_connection_alone_do_not_follow_the_other() -> None:
    intent = static({"priority": 200}, {"priority": 100})
    vpc = next(one for one in intent.connections if one.name == "vpc")
    lab = replace(next(one for one in intent.connections if one.name == "lab"), networks=NETS[:1])
    assert members(replace(intent, connections=(vpc, lab)), vpc=(), lab=("lab-2",)) == {
        (hop("lab-2"),),
        ((nowhere_id(4), 1),),
    }


def test_where_nothing_carries_what_is_sent_is_dropped() -> None:
    desired = compose(wish_for(only("vpc"), carrying={"vpc": ()}))
    (group,) = of(NexthopGroup, desired)
    (nowhere,) = (one for one in of(Nexthop, desired) if one.link is None)
    assert group.members == ((nowhere.id, 1),)


def test_a_choice_among_tunnels_of_before_is_no_choice() -> None:
    assert members(only("vpc"), vpc=("vpc-old",)) == {(hop("vpc-1"),)}


def test_beside_bgp_a_static_route_goes_last() -> None:
    """zebra reads the top byte of a foreign route's metric as its distance; 250 is beyond BGP's 20 and 200."""
    vpc = only("vpc").connections[0]
    lab = next(one for one in fixed().connections if one.name == "lab")
    desired = compose(wish_for(replace(fixed(), connections=(vpc, lab))))
    metrics = {route.metric for route in of(Route, desired) if route.nexthop is not None}
    assert metrics == {0xFA000000 + 100}


def test_a_tunnel_without_addresses_carries_what_is_routed_to_it() -> None:
    bare = tuple(replace(tunnel, inside=None, peer_inside=None) for tunnel in only("vpc").connections[0].tunnels)
    desired = compose(wish_for(only("vpc", tunnels=bare, networks=(*NETS, ip_network("2001:db8:1::/48")))))
    assert {group.members[0][0] for group in of(NexthopGroup, desired)} == {
        nexthop_id("vpc", "vpc-1", 4),
        nexthop_id("vpc", "vpc-1", 6),
    }


@given(seed=st.integers(0, 99), priorities=st.tuples(st.sampled_from([1, 2]), st.sampled_from([1, 2])))
def test_order_means_nothing(seed: int, priorities: tuple[int, int]) -> None:
    intent = static(*({"priority": priority} for priority in priorities))
    assert compose(wish_for(intent)) == compose(wish_for(shuffled(intent, random.Random(seed))))


def test_a_connection_that_is_down_carries_nothing() -> None:
    desired = compose(wish_for(static({}, {}), down=frozenset({"vpc", "lab"})))
    assert of(NexthopGroup, desired) == []
    assert {twin.prefix for twin in of(Blackhole, desired)} == set(NETS)
