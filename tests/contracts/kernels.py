"""The kernel's door on the fake and, in a namespace of its own, on Linux; and one of everything that it can hold."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface, ip_network

from appliance.kernel.netlink import Kernel
from appliance.model.change import Change, Outcome
from appliance.model.resources import (
    Blackhole,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    XfrmLink,
)
from tests.contracts.namespace import ip
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
