"""What Linux says, as recorded in linux.recorded beside this file, and what we make of it."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from appliance.kernel.addresses import SCOPE_LINK, AddressFacts, own_address, parse_address_facts
from appliance.kernel.forwarding import find_forwarding
from appliance.kernel.links import LinkFacts, own_link, parse_link
from appliance.kernel.nexthops import NexthopFacts, own_nexthop, parse_nexthop
from appliance.kernel.routes import own_route, parse_route
from appliance.kernel.rules import own_rule
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, Via
from appliance.model.resources import (
    Blackhole,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Route,
    Rule,
    XfrmLink,
)

RECORDED = Path(__file__).with_name("linux.recorded")


def recorded(kind: str) -> list[bytes]:
    words = (line.split() for line in RECORDED.read_text().splitlines() if not line.startswith("#"))
    return [bytes.fromhex(body) for name, body in words if name == kind]


def links() -> dict[int, LinkFacts]:
    return {facts.index: facts for facts in map(parse_link, recorded("link"))}


def nexthops() -> dict[int, NexthopFacts]:
    return {facts.id: facts for facts in map(parse_nexthop, recorded("nexthop"))}


def test_links() -> None:
    assert {facts.name: facts.kind for facts in links().values()} == {
        "lo": None,
        "vpc-1": "xfrm",
        "vpc-2": "xfrm",
        "other0": "xfrm",
        "lan0": "veth",
        "lan0-far": "veth",
    }
    assert {own_link(facts) for facts in links().values()} == {
        None,
        XfrmLink("vpc-1", 17, 1438, "appliance:vpc/vpc-1"),
        XfrmLink("vpc-2", 18, 1400, "appliance:vpc/vpc-2"),
    }


def test_whether_a_link_listens_to_routers() -> None:
    assert {facts.accept_ra for facts in links().values() if facts.name.startswith("lan0")} == {1}


def test_counters() -> None:
    (facts,) = map(parse_link, recorded("counters"))
    assert (facts.name, facts.received, facts.sent) == ("lo", 0, 0)


def test_addresses() -> None:
    facts = [parse_address_facts(body) for body in recorded("address")]
    assert [own_address(one, links()) for one in facts if one is not None] == [
        None,  # 127.0.0.1
        InsideAddress("vpc-1", ip_interface("169.254.23.6/30")),
        InsideAddress("vpc-2", ip_interface("169.254.24.6/30")),
        None,  # ::1
        InsideAddress("vpc-1", ip_interface("2001:db8:1::2/126")),
    ]


def test_routes() -> None:
    assert {own_route(parse_route(body), links()) for body in recorded("own-route")} == {
        Blackhole(ip_network("10.0.0.0/8"), 0xFF00_0000),
        Blackhole(ip_network("2001:db8:100::/40"), 0xFF00_0000),
        Route(ip_network("192.0.2.0/24"), 100, nexthop=2001),
        Route(ip_network("2001:db8:200::/40"), 100, nexthop=1003),
        Route(ip_network("198.51.100.0/24"), 7, table=300, gateway=ip_address("169.254.23.5"), link="vpc-1"),
        Route(ip_network("203.0.113.0/24"), 9, link="vpc-2"),
    }


def test_rules() -> None:
    assert {own_rule(body) for body in recorded("rule")} == {
        None,
        Rule(100, 300, source=ip_network("192.0.2.0/24")),
        Rule(101, 254, destination=ip_network("2001:db8::/32"), family=6),
    }


def test_nexthops() -> None:
    assert {own_nexthop(facts, links()) for facts in nexthops().values()} == {
        None,  # those of zebra
        Nexthop(1001, "vpc-1", 4, ip_address("169.254.23.5")),
        Nexthop(1002, "vpc-2", 4),
        Nexthop(1003, "vpc-1", 6, ip_address("2001:db8:1::1")),
        NexthopGroup(2001, ((1001, 3), (1002, 256))),
    }


def test_a_route_that_names_only_a_nexthop_id_leads_where_the_others_lead() -> None:
    """With nexthop_compat_mode=0 Linux shows the id and nothing else."""
    one, two = ip_address("169.254.23.5"), ip_address("169.254.24.5")
    for kind in ("main-route", "main-route-without-compat"):
        found = find_forwarding(map(parse_route, recorded(kind)), nexthops(), links(), ["vpc-1"])
        learned = ForwardingRoute(
            ip_network("198.18.0.0/15"), BGP_PROTOCOL, 20, (Via("vpc-1", one, 1), Via("vpc-2", two, 255)), 9
        )
        by_hops = ForwardingRoute(ip_network("198.18.9.0/24"), 4, 0, (Via("vpc-1", one, 2), Via("vpc-2", two, 5)))
        assert learned in found
        assert by_hops in found


def test_a_route_over_a_nexthop_that_is_gone_leads_nowhere() -> None:
    routes = [parse_route(body) for body in recorded("main-route-without-compat")]
    assert all(route.nexthop is None for route in find_forwarding(routes, {}, links(), ["vpc-1", "vpc-2"]))


def test_routes_of_other_protocols_are_not_ours() -> None:
    ours = {own_route(parse_route(body), links()) for body in recorded("main-route")}
    assert {route for route in ours if route is not None} == {
        Route(ip_network("192.0.2.0/24"), 100, nexthop=2001),
        Route(ip_network("203.0.113.0/24"), 9, link="vpc-2"),
    }


def test_ipv6s_own_link_local_address_on_our_link_is_not_ours() -> None:
    """A link that was made before its address mode was set, or set by hand, may have one."""
    (index,) = (facts.index for facts in links().values() if facts.name == "vpc-1")
    made_by_kernel = AddressFacts(index, ip_interface("fe80::1/64"), protocol=3, scope=SCOPE_LINK)
    added_by_hand = AddressFacts(index, ip_interface("192.0.2.1/32"), protocol=0, scope=0)
    assert own_address(made_by_kernel, links()) is None
    assert own_address(added_by_hand, links()) == InsideAddress("vpc-1", ip_interface("192.0.2.1/32"))
