"""What the kernel's door promises, shown on the fake and, in a namespace of its own, on Linux.

Tunnels need XFRM interfaces. Where the kernel has none, what concerns only addresses, routes, nexthop objects and rules
is shown over a veth link instead, and the rest is skipped with that reason.
"""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.change import Change
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, Via
from appliance.model.resources import (
    LINK_MARK,
    OWN_NEXTHOPS,
    Blackhole,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    XfrmLink,
)
from appliance.plan.diff import make_plan
from tests.contracts.kernels import (
    BALANCED,
    BY_GATEWAY,
    EVERYTHING,
    GROUP,
    HOP_ONE,
    HOP_TWO,
    INSIDE,
    INSIDE_TWO,
    MAIN,
    NO_DEFAULT,
    ONE,
    OWN_PACKETS,
    RULE,
    RULE6,
    TWIN,
    TWIN6,
    ZEBRA,
    AnyKernel,
    RealKernel,
    apply,
    beside_links,
    build,
    errors,
    observe,
)
from tests.contracts.namespace import ip
from tests.fakes.kernel import FakeKernel


def test_nothing_is_ours_at_first(kernel: AnyKernel) -> None:
    assert observe(kernel) == frozenset()
    assert asyncio.run(kernel.apply(())) == ()


def test_what_was_built_is_observed_as_it_was_wished(linked: AnyKernel) -> None:
    build(linked, *EVERYTHING)
    assert beside_links(linked) == frozenset(EVERYTHING)


def test_removal_leaves_nothing(linked: AnyKernel) -> None:
    build(linked, *EVERYTHING)
    removals = [Change(resource, None) for resource in reversed(EVERYTHING)]
    assert errors(apply(linked, *removals)) == []
    assert beside_links(linked) == frozenset()


def test_removing_what_is_gone_is_no_failure(linked: AnyKernel) -> None:
    for resource in EVERYTHING:
        assert errors(apply(linked, Change(resource, None))) == []
    assert errors(apply(linked, Change(InsideAddress("vpc-9", INSIDE.address), None))) == []


def test_a_failed_change_stops_none_of_the_others(linked: AnyKernel) -> None:
    lost = InsideAddress("vpc-9", ip_interface("192.0.2.9/30"))
    outcomes = apply(linked, Change(None, TWIN), Change(None, lost), Change(None, INSIDE), Change(None, RULE))
    assert errors(outcomes) == ["there is no interface vpc-9"]
    assert beside_links(linked) == {TWIN, INSIDE, RULE}


def test_each_of_many_changes_has_its_own_outcome(kernel: AnyKernel) -> None:
    """More than fit into one datagram; two of them are there already."""
    twins = [Blackhole(ip_network(f"10.{at}.0.0/16"), 0xFF00_0000) for at in range(250)]
    build(kernel, twins[7], twins[133])
    outcomes = apply(kernel, *(Change(None, twin) for twin in twins))
    assert [at for at, outcome in enumerate(outcomes) if outcome.error is not None] == [7, 133]
    assert observe(kernel) == set(twins)


@pytest.mark.parametrize(
    ("standing", "refused", "reason"),
    [
        ((INSIDE,), INSIDE, "EEXIST"),
        ((TWIN,), TWIN, "EEXIST"),
        ((TWIN,), Route(TWIN.prefix, TWIN.metric, link="vpc-1"), "EEXIST"),
        ((TWIN6,), TWIN6, "EEXIST"),
        ((RULE,), RULE, "EEXIST"),
        ((), Route(ip_network("192.0.2.0/24"), 100, nexthop=4711), "Nexthop id does not exist (EINVAL)"),
        ((), Route(ip_network("192.0.2.0/24"), 100, link="vpc-9"), "there is no interface vpc-9"),
        ((), Route(ip_network("2001:db8::/48"), 0, link="vpc-1"), "an IPv6 route needs a metric"),
        ((INSIDE,), Nexthop(7, "vpc-1", 4, ip_address("198.51.100.1")), "Nexthop has invalid gateway"),
        ((), Nexthop(7, "vpc-9", 4), "there is no interface vpc-9"),
        ((INSIDE, HOP_ONE), replace(HOP_ONE, gateway=None), "EEXIST"),
        ((INSIDE, HOP_ONE), NexthopGroup(7, ((1001, 1), (4711, 1))), "Invalid nexthop id (EINVAL)"),
        ((INSIDE, HOP_ONE), NexthopGroup(7, ((1001, 1), (1001, 1))), "can not be used twice"),
        ((HOP_TWO,), Route(ip_network("2001:db8::/48"), 5, nexthop=1002), "IPv6 routes can not use an IPv4 nexthop"),
        ((HOP_TWO, NexthopGroup(7, ((1002, 1),))), NexthopGroup(8, ((7, 1),)), "can not be a nexthop within a group"),
    ],
)
def test_the_impossible_is_refused_with_its_reason(
    linked: AnyKernel, standing: tuple[Resource, ...], refused: Resource, reason: str
) -> None:
    build(linked, *standing)
    (error,) = errors(apply(linked, Change(None, refused)))
    assert reason in error
    assert beside_links(linked) == set(standing)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TWIN, replace(TWIN, metric=0xFF00_0007)),
        (TWIN6, replace(TWIN6, metric=0xFF00_0007)),
        (HOP_ONE, replace(HOP_ONE, gateway=None)),
        (GROUP, replace(GROUP, members=((1001, 1),))),
        (GROUP, replace(GROUP, members=((1001, 255), (1002, 2)))),
        (GROUP, replace(GROUP, members=((1004, 1),))),
        (BALANCED, replace(BALANCED, nexthop=1002)),
        (BY_GATEWAY, replace(BY_GATEWAY, gateway=None)),
        (RULE, replace(RULE, table=MAIN)),
        (RULE, replace(RULE, source=None, destination=ip_network("198.51.100.0/24"))),
        (RULE6, replace(RULE6, table=70000)),
        (OWN_PACKETS, replace(OWN_PACKETS, table=300)),
        (NO_DEFAULT, replace(NO_DEFAULT, no_default=False)),
    ],
)
def test_a_change_leaves_all_else_alone(linked: AnyKernel, old: Resource, new: Resource) -> None:
    build(linked, *EVERYTHING)
    assert errors(apply(linked, Change(old, new))) == []
    assert beside_links(linked) == frozenset(EVERYTHING) - {old} | {new}


@pytest.mark.parametrize(
    ("stale", "wanted"),
    [(TWIN, replace(TWIN, metric=0xFF00_0007)), (RULE, replace(RULE, table=MAIN))],
)
def test_what_a_killed_change_left_twice_is_left_once(kernel: AnyKernel, stale: Resource, wanted: Resource) -> None:
    build(kernel, stale, wanted)
    assert observe(kernel) == {stale, wanted}
    assert errors(apply(kernel, Change(stale, wanted))) == []
    assert observe(kernel) == {wanted}


def test_an_id_of_ours_that_zebra_sent_back_down_becomes_ours_again(linked: AnyKernel) -> None:
    """zebra does so with an object that vanished under a route, and under its own protocol number."""
    build(linked, INSIDE)
    id = OWN_NEXTHOPS.start + 7
    linked.add_foreign_nexthop(replace(HOP_ONE, id=id), ZEBRA)
    ours = NexthopGroup(OWN_NEXTHOPS.start + 8, ((id, 1),))
    assert errors(apply(linked, Change(None, replace(HOP_ONE, id=id)), Change(None, ours))) == []
    assert {replace(HOP_ONE, id=id), ours} <= observe(linked)


def test_routes_of_others_are_not_ours(linked: AnyKernel) -> None:
    build(linked, INSIDE)
    linked.add_foreign_nexthop(Nexthop(5, "vpc-1", 4, ip_address("169.254.23.5")), ZEBRA)
    learned = Route(ip_network("192.0.2.0/24"), 20, nexthop=5)
    linked.add_foreign_route(learned, BGP_PROTOCOL)
    assert beside_links(linked) == {INSIDE}
    assert errors(apply(linked, Change(learned, None))) == []
    assert len(by_bgp(linked, "vpc-1")) == 1


def by_bgp(kernel: AnyKernel, *links: str) -> list[ForwardingRoute]:
    return [route for route in asyncio.run(kernel.forwarding(links)) if route.protocol == BGP_PROTOCOL]


@pytest.mark.parametrize("compat", [1, 0])
def test_a_learned_route_is_resolved_to_its_ways_out(linked: AnyKernel, compat: int) -> None:
    if isinstance(linked, RealKernel):
        with open("/proc/sys/net/ipv4/nexthop_compat_mode", "w") as setting:
            setting.write(str(compat))
    build(linked, INSIDE, INSIDE_TWO)
    linked.add_foreign_nexthop(Nexthop(5, "vpc-1", 4, ip_address("169.254.23.5")), ZEBRA)
    linked.add_foreign_nexthop(Nexthop(6, "vpc-2", 4, ip_address("169.254.24.5")), ZEBRA)
    linked.add_foreign_nexthop(NexthopGroup(9, ((5, 1), (6, 255))), ZEBRA)
    network = ip_network("192.0.2.0/24")
    linked.add_foreign_route(Route(network, 20, nexthop=9), BGP_PROTOCOL)
    linked.add_foreign_route(Route(network, 20, table=300, nexthop=9), BGP_PROTOCOL)
    vias = (Via("vpc-1", ip_address("169.254.23.5"), 1), Via("vpc-2", ip_address("169.254.24.5"), 255))
    assert by_bgp(linked, "vpc-2") == [ForwardingRoute(network, BGP_PROTOCOL, 20, vias, 9)]
    assert by_bgp(linked, "lo") == []


def test_routes_are_told_apart_by_the_links_they_leave_by(linked: AnyKernel) -> None:
    build(linked, INSIDE)
    linked.add_foreign_link("lan0")
    route = Route(ip_network("192.0.2.0/24"), 20, gateway=ip_address("169.254.23.5"), link="vpc-1")
    linked.add_foreign_route(route, BGP_PROTOCOL)
    via = Via("vpc-1", ip_address("169.254.23.5"))
    assert by_bgp(linked, "vpc-1") == [ForwardingRoute(route.prefix, BGP_PROTOCOL, 20, (via,))]
    assert by_bgp(linked, "vpc-2", "lan0") == []


def test_the_machine_is_described(linked: AnyKernel) -> None:
    build(linked, INSIDE)
    gateway = ip_address("169.254.23.5")
    default = ip_network("0.0.0.0/0")
    linked.add_foreign_route(Route(default, 200, gateway=gateway, link="vpc-1"), 4)
    linked.add_foreign_route(Route(default, 100, gateway=gateway, link="vpc-1"), 4)
    linked.add_foreign_route(Blackhole(default, 300), 4)
    machine = asyncio.run(linked.machine())
    first = machine.interfaces["vpc-1"]
    assert (first.mtu, first.up, first.addresses[0]) == (ONE.mtu, True, INSIDE.address)
    assert [(route.link, route.gateway, route.metric) for route in machine.defaults] == [
        ("vpc-1", gateway, 100),
        ("vpc-1", gateway, 200),
    ]
    assert int(machine.release.split(".")[0]) >= 5


def test_counters_name_every_link(linked: AnyKernel) -> None:
    counters = asyncio.run(linked.counters())
    assert counters.keys() >= {"lo", "vpc-1", "vpc-2"}
    received, sent = counters["lo"]
    assert received == sent == 0


def any_state(dice: random.Random, *, tunnels: bool) -> frozenset[Resource]:
    """A state that can be: everything in it rests on something else in it."""
    names = [name for name in ("vpc-1", "vpc-2", "vpc-3") if dice.random() < 0.7 or not tunnels]
    links = [
        XfrmLink(name, int(name[-1]) + dice.choice((0, 10)), dice.choice((1400, 1438)), f"{LINK_MARK}{name}")
        for name in names
    ]
    inside = [InsideAddress(name, ip_interface(f"169.254.{name[-1]}.6/30")) for name in names if dice.random() < 0.8]
    hops = [_any_nexthop(dice, at, names, inside) for at in range(1001, 1004) if names and dice.random() < 0.8]
    groups = [_any_group(dice, id, hops) for id in (2001, 2002) if hops and dice.random() < 0.7]
    ways = [*(hop.id for hop in hops), *(group.id for group in groups)]
    networks = [ip_network(f"10.{at}.0.0/16") for at in range(6)]
    routes = [Route(network, dice.choice((5, 6)), nexthop=dice.choice(ways)) for network in networks[:4] if ways]
    twins = [Blackhole(network, 0xFF00_0000 + dice.choice((0, 1))) for network in networks if dice.random() < 0.6]
    rules = [Rule(at, dice.choice((254, 300)), networks[at]) for at in range(3) if dice.random() < 0.6]
    return frozenset((*(links if tunnels else ()), *inside, *hops, *groups, *routes, *twins, *rules))


def _any_nexthop(dice: random.Random, id: int, names: list[str], inside: list[InsideAddress]) -> Nexthop:
    name = dice.choice(names)
    gateways = [address.address.ip - 1 for address in inside if address.link == name]
    return Nexthop(id, name, 4, dice.choice([None, *gateways]))


def _any_group(dice: random.Random, id: int, hops: list[Nexthop]) -> NexthopGroup:
    members = dice.sample(hops, dice.randint(1, len(hops)))
    return NexthopGroup(id, tuple(sorted((hop.id, dice.choice((1, 7, 256))) for hop in members)))


def test_any_state_is_reached_from_any_other_in_one_pass(kernel: AnyKernel) -> None:
    tunnels = not any("XFRM" in lack.message for lack in asyncio.run(kernel.lacks()))
    if not tunnels:
        for name in ("vpc-1", "vpc-2", "vpc-3"):
            kernel.add_foreign_link(name)
    dice = random.Random(7)
    for _ in range(200 if isinstance(kernel, FakeKernel) else 40):
        desired = any_state(dice, tunnels=tunnels)
        assert errors(apply(kernel, *make_plan(desired, observe(kernel)))) == []
        assert make_plan(desired, observe(kernel)) == ()


def test_counters_count_bytes(linux: RealKernel) -> None:
    """Linux only: the fake is told what to count."""
    linux.add_foreign_link("lan0")
    before = asyncio.run(linux.counters())["lan0"]
    ip("addr add 192.0.2.1/30 dev lan0")
    ip("neigh add 192.0.2.2 dev lan0 lladdr 02:00:00:00:00:02")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(bytes(1000), ("192.0.2.2", 9))
    after = asyncio.run(linux.counters())["lan0"]
    assert after.sent >= before.sent + 1000
