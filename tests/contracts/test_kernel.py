"""What the kernel's door promises, shown on the fake and, in a namespace of its own, on Linux.

Tunnels need XFRM interfaces. Where the kernel has none, what concerns only addresses, routes, nexthop objects and rules
is shown over a veth link instead, and the rest is skipped with that reason.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.kernel.netlink import Kernel
from appliance.model.change import Change, Outcome
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
from tests.contracts.namespace import ip, own_namespace
from tests.fakes.kernel import FakeKernel

ZEBRA = 11
MAIN = 254

ONE = XfrmLink("vpc-1", 17, 1438, "appliance:vpc/vpc-1")
TWO = XfrmLink("vpc-2", 18, 1400, "appliance:vpc/vpc-2")
INSIDE = InsideAddress("vpc-1", ip_interface("169.254.23.6/30"))
INSIDE6 = InsideAddress("vpc-1", ip_interface("2001:db8:1::2/126"))
INSIDE_TWO = InsideAddress("vpc-2", ip_interface("169.254.24.6/30"))
TWIN = Blackhole(ip_network("10.0.0.0/8"), 0xFF00_0000)
TWIN6 = Blackhole(ip_network("2001:db8:100::/40"), 0xFF00_0000)
HOP_ONE = Nexthop(1001, "vpc-1", 4, ip_address("169.254.23.5"))
HOP_TWO = Nexthop(1002, "vpc-2", 4)
HOP6 = Nexthop(1003, "vpc-1", 6, ip_address("2001:db8:1::1"))
GROUP = NexthopGroup(2001, ((1001, 3), (1002, 256)))
NOWHERE = Nexthop(1004, None, 4)
BALANCED = Route(ip_network("192.0.2.0/24"), 100, nexthop=2001)
SIX = Route(ip_network("2001:db8:200::/40"), 100, nexthop=1003)
BY_GATEWAY = Route(ip_network("198.51.100.0/24"), 7, table=300, gateway=ip_address("169.254.23.5"), link="vpc-1")
BY_LINK = Route(ip_network("203.0.113.0/24"), 9, link="vpc-2")
RULE = Rule(100, 300, source=ip_network("192.0.2.0/24"))
RULE6 = Rule(101, MAIN, destination=ip_network("2001:db8::/32"), family=6)
OWN_PACKETS = Rule(102, MAIN, incoming="lo")
NO_DEFAULT = Rule(103, MAIN, no_default=True, family=6)

HOPS = (HOP_ONE, HOP_TWO, HOP6, NOWHERE, GROUP)
ROUTING = (INSIDE, INSIDE6, INSIDE_TWO, TWIN, TWIN6, *HOPS, BALANCED, SIX, BY_GATEWAY, BY_LINK)
EVERYTHING = (*ROUTING, RULE, RULE6, OWN_PACKETS, NO_DEFAULT)


class RealKernel(Kernel):
    """Linux, with the same handles as the fake on what others do to the machine."""

    def add_foreign_link(self, name: str, *, kind: str = "veth", if_id: int | None = None, mtu: int = 1500) -> None:
        if kind == "veth":
            ip(f"link add {name} mtu {mtu} type veth peer name {name}-far")
            ip(f"link set {name}-far up")
        else:
            ip(f"link add {name} mtu {mtu} type {kind} if_id {if_id}")
        ip(f"link set {name} up")

    def add_foreign_route(self, route: Route | Blackhole, protocol: int) -> None:
        where = f"metric {route.metric} table {route.table} proto {protocol}"
        if isinstance(route, Blackhole):
            ip(f"route add blackhole {route.prefix} {where}")
        elif route.nexthop is not None:
            ip(f"route add {route.prefix} nhid {route.nexthop} {where}")
        else:
            ip(f"route add {route.prefix} dev {route.link} via {route.gateway} {where}")

    def add_foreign_nexthop(self, nexthop: Nexthop | NexthopGroup, protocol: int) -> None:
        if isinstance(nexthop, NexthopGroup):
            members = "/".join(f"{id},{weight}" for id, weight in nexthop.members)
            ip(f"nexthop add id {nexthop.id} group {members} proto {protocol}")
        else:
            ip(f"nexthop add id {nexthop.id} via {nexthop.gateway} dev {nexthop.link} proto {protocol}")

    def set_down(self, link: str) -> None:
        ip(f"link set {link} down")

    def delete_link(self, link: str) -> None:
        ip(f"link del {link}")


AnyKernel = FakeKernel | RealKernel


@pytest.fixture(params=["fake", "linux"])
def kernel(request: pytest.FixtureRequest) -> Iterator[AnyKernel]:
    if request.param == "fake":
        yield FakeKernel()
        return
    with own_namespace():
        yield RealKernel()


@pytest.fixture
def xfrm(kernel: AnyKernel) -> AnyKernel:
    """The kernel, where it can hold tunnels."""
    for lack in asyncio.run(kernel.lacks()):
        pytest.skip(f"{lack.message}: {lack.hint}")
    return kernel


@pytest.fixture
def linked(kernel: AnyKernel) -> AnyKernel:
    """The kernel with two links that routes can lead over, tunnels or not."""
    if any("XFRM" in lack.message for lack in asyncio.run(kernel.lacks())):
        kernel.add_foreign_link("vpc-1", mtu=ONE.mtu)
        kernel.add_foreign_link("vpc-2", mtu=TWO.mtu)
    else:
        build(kernel, ONE, TWO)
    return kernel


def observe(kernel: AnyKernel) -> frozenset[Resource]:
    return asyncio.run(kernel.observe())


def apply(kernel: AnyKernel, *changes: Change) -> list[Outcome]:
    outcomes = list(asyncio.run(kernel.apply(changes)))
    assert [outcome.change for outcome in outcomes] == list(changes)
    return outcomes


def build(kernel: AnyKernel, *resources: Resource) -> None:
    assert errors(apply(kernel, *(Change(None, resource) for resource in resources))) == []


def errors(outcomes: list[Outcome]) -> list[str]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def beside_links(kernel: AnyKernel) -> frozenset[Resource]:
    return frozenset(resource for resource in observe(kernel) if not isinstance(resource, XfrmLink))


def test_nothing_is_ours_at_first(kernel: AnyKernel) -> None:
    assert observe(kernel) == frozenset()
    assert asyncio.run(kernel.apply(())) == ()


def test_what_was_built_is_observed_as_it_was_wished(linked: AnyKernel) -> None:
    build(linked, *EVERYTHING)
    assert beside_links(linked) == frozenset(EVERYTHING)


def test_a_tunnel_is_observed_as_it_was_wished(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO)
    assert observe(xfrm) == {ONE, TWO}


def test_removal_leaves_nothing(linked: AnyKernel) -> None:
    build(linked, *EVERYTHING)
    removals = [Change(resource, None) for resource in reversed(EVERYTHING)]
    assert errors(apply(linked, *removals)) == []
    assert beside_links(linked) == frozenset()


def test_removing_what_is_gone_is_no_failure(linked: AnyKernel) -> None:
    for resource in EVERYTHING:
        assert errors(apply(linked, Change(resource, None))) == []
    assert errors(apply(linked, Change(InsideAddress("vpc-9", INSIDE.address), None))) == []


def test_many_tunnels_go_at_once_and_only_they(xfrm: AnyKernel) -> None:
    links = [XfrmLink(f"vpc-{at}", at, 1400, f"appliance:vpc/vpc-{at}") for at in range(1, 13)]
    xfrm.add_foreign_link("other0", kind="xfrm", if_id=500)
    build(xfrm, *links)
    gone = XfrmLink("vpc-99", 99, 1400, "appliance:vpc/vpc-99")
    assert errors(apply(xfrm, *(Change(link, None) for link in (*links[2:], gone)))) == []
    assert observe(xfrm) == set(links[:2])
    assert "other0" in asyncio.run(xfrm.machine()).interfaces


def test_one_tunnel_among_others_that_is_not_ours_stays(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO)
    xfrm.add_foreign_link("vpc-3", kind="xfrm", if_id=500)
    foreign = XfrmLink("vpc-3", 500, 1500, "appliance:vpc/vpc-3")
    outcomes = apply(xfrm, Change(ONE, None), Change(foreign, None), Change(TWO, None))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "vpc-3" in asyncio.run(xfrm.machine()).interfaces


def test_a_foreign_link_is_neither_seen_nor_changed_nor_removed(kernel: AnyKernel) -> None:
    kernel.add_foreign_link("vpc-1")
    assert observe(kernel) == frozenset()
    outcomes = apply(kernel, Change(ONE, None), Change(ONE, replace(ONE, mtu=1300)))
    assert errors(outcomes) == ["interface vpc-1 is not ours"] * 2
    assert asyncio.run(kernel.machine()).interfaces["vpc-1"].mtu == 1500


def test_a_name_that_is_taken_is_refused_and_named_beforehand(xfrm: AnyKernel) -> None:
    xfrm.add_foreign_link("vpc-1")
    xfrm.add_foreign_link("other0", kind="xfrm", if_id=TWO.if_id)
    clashes = asyncio.run(xfrm.clashes((ONE, TWO)))
    assert [str(clash) for clash in clashes] == [
        "the interface name vpc-1 is taken by vpc-1 (veth), which is not ours",
        "if_id 18, wanted for vpc-2, is taken by other0 (xfrm), which is not ours",
    ]
    outcomes = apply(xfrm, Change(None, ONE), Change(None, TWO))
    assert errors(outcomes) == [
        "cannot add interface vpc-1: File exists (EEXIST)",
        "cannot add interface vpc-2: File exists (EEXIST)",
    ]
    assert observe(xfrm) == frozenset()


def test_our_own_links_are_no_clash(xfrm: AnyKernel) -> None:
    build(xfrm, ONE)
    assert asyncio.run(xfrm.clashes((ONE, TWO))) == ()


@pytest.mark.parametrize(
    "wanted",
    [replace(ONE, mtu=1300), replace(ONE, alias="appliance:vpc/first"), replace(ONE, if_id=99)],
    ids=["mtu", "alias", "if_id"],
)
def test_a_tunnel_changes_in_place(xfrm: AnyKernel, wanted: XfrmLink) -> None:
    resting = (INSIDE, HOP_ONE, Route(ip_network("192.0.2.0/24"), 100, nexthop=1001))
    build(xfrm, ONE, *resting)
    assert errors(apply(xfrm, Change(ONE, wanted))) == []
    assert observe(xfrm) == {wanted, *resting}


@pytest.mark.parametrize("ids", [(18, 17), (18, 19), (19, 17)], ids=["both", "the one that is left", "none in use"])
def test_tunnels_trade_their_if_ids(xfrm: AnyKernel, ids: tuple[int, int]) -> None:
    build(xfrm, ONE, TWO)
    wanted = {replace(link, if_id=number) for link, number in zip((ONE, TWO), ids, strict=True)}
    assert errors(apply(xfrm, *make_plan(wanted, {ONE, TWO}))) == []
    assert observe(xfrm) == wanted


def test_an_if_id_of_a_tunnel_that_goes_is_free_for_another(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO)
    wanted = {replace(TWO, if_id=ONE.if_id)}
    assert errors(apply(xfrm, *make_plan(wanted, {ONE, TWO}))) == []
    assert observe(xfrm) == wanted


def test_a_tunnel_set_down_by_hand_is_seen_and_comes_back_up(xfrm: AnyKernel) -> None:
    build(xfrm, ONE)
    xfrm.set_down("vpc-1")
    down = replace(ONE, up=False)
    assert observe(xfrm) == {down}
    assert errors(apply(xfrm, Change(down, ONE))) == []
    assert observe(xfrm) == {ONE}


def test_a_tunnel_too_small_for_ipv6_carries_ipv4(xfrm: AnyKernel) -> None:
    small = replace(ONE, mtu=1200)
    build(xfrm, small, INSIDE)
    assert observe(xfrm) == {small, INSIDE}
    assert len(errors(apply(xfrm, Change(None, INSIDE6)))) == 1
    assert observe(xfrm) == {small, INSIDE}


def test_what_rests_on_a_link_goes_with_it(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO, *EVERYTHING)
    assert errors(apply(xfrm, Change(ONE, None))) == []
    left = {TWO, INSIDE_TWO, TWIN, TWIN6, HOP_TWO, NOWHERE, replace(GROUP, members=((1002, 256),)), BALANCED, BY_LINK}
    assert observe(xfrm) == left | {RULE, RULE6, OWN_PACKETS, NO_DEFAULT}


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


@pytest.fixture
def linux() -> Iterator[RealKernel]:
    with own_namespace():
        yield RealKernel()


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


def test_a_tunnel_makes_no_noise_of_its_own(linux: RealKernel) -> None:
    """Linux only: no link-local address, so no router solicitations and no MLD reports into the tunnel."""
    for lack in asyncio.run(linux.lacks()):
        pytest.skip(f"{lack.message}: {lack.hint}")
    build(linux, ONE, INSIDE)
    (shown,) = json.loads(ip("-j -d addr show dev vpc-1"))
    assert [address["local"] for address in shown["addr_info"]] == ["169.254.23.6"]


def test_a_link_whose_maker_was_killed_is_still_ours(linux: RealKernel) -> None:
    """Linux only: between the message that makes a link and the one that names it, its group is our mark."""
    for lack in asyncio.run(linux.lacks()):
        pytest.skip(f"{lack.message}: {lack.hint}")
    ip("link add vpc-1 mtu 1438 group 173 type xfrm if_id 17")
    nameless = replace(ONE, alias="", up=False)
    assert observe(linux) == {nameless}
    assert errors(apply(linux, Change(nameless, ONE))) == []
    assert observe(linux) == {ONE}
