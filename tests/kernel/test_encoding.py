"""Our messages are, byte for byte, those of iproute2 for the same wish; see iproute2.golden beside this file."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from appliance.kernel.changes import STEPS
from appliance.kernel.links import LinkFacts, delete_group, enter_group
from appliance.kernel.wire import Request
from appliance.model.change import Change
from appliance.model.fault import SystemFailure
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

GOLDEN = Path(__file__).with_name("iproute2.golden")

LINK = XfrmLink("vpc-1", 17, 1438, "appliance:vpc/vpc-1")
PRESENT = {
    "vpc-1": LinkFacts(2, "vpc-1", 1438, True, "xfrm", "appliance:vpc/vpc-1", 173, 17),
    "vpc-2": LinkFacts(3, "vpc-2", 1400, True, "xfrm", "appliance:vpc/vpc-2", 173, 18),
}
INSIDE = InsideAddress("vpc-1", ip_interface("169.254.23.6/30"))
GROUP = NexthopGroup(2001, ((1001, 3), (1002, 256)))
ROUTE = Route(ip_network("192.0.2.0/24"), 100, nexthop=2001)
TWIN = Blackhole(ip_network("10.0.0.0/8"), 0xFF00_0000)


def golden() -> dict[str, tuple[int, int, bytes]]:
    lines = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    found = {}
    for command, message in zip(lines[::2], lines[1::2], strict=True):
        kind, flags, body = message.split()
        found[command] = (int(kind), int(flags, 16), bytes.fromhex(body))
    return found


def steps(old: Resource | None, new: Resource | None) -> tuple[Request, ...]:
    change = Change(old, new)
    return STEPS[type(change.resource)](change, PRESENT)


def add(resource: Resource) -> Request:
    return steps(None, resource)[0]


def remove(resource: Resource) -> Request:
    return steps(resource, None)[0]


def change(old: Resource, new: Resource) -> Request:
    (request,) = steps(old, new)
    return request


CASES = {
    "ip link add name vpc-1 mtu 1438 group 173 type xfrm if_id 17": add(LINK),
    "ip link set dev vpc-1 up alias appliance:vpc/vpc-1": STEPS[XfrmLink](
        Change(replace(LINK, alias=""), LINK), {"vpc-1": replace(PRESENT["vpc-1"], alias=None)}
    )[0],
    "ip link set dev vpc-1 up mtu 1400": change(LINK, replace(LINK, mtu=1400)),
    "ip link set dev vpc-1 up type xfrm if_id 99": change(LINK, replace(LINK, if_id=99)),
    "ip link set dev vpc-1 group 4711": enter_group(PRESENT["vpc-1"], 4711),
    "ip link del group 4711": delete_group(4711),
    "ip link del dev vpc-1": remove(LINK),
    "ip address add 169.254.23.6/30 proto 173 dev vpc-1": add(INSIDE),
    "ip address add 2001:db8:1::2/126 proto 173 dev vpc-1 nodad": add(
        InsideAddress("vpc-1", ip_interface("2001:db8:1::2/126"))
    ),
    "ip address del 169.254.23.6/30 proto 173 dev vpc-1": remove(INSIDE),
    "ip nexthop add id 1001 via 169.254.23.5 dev vpc-1 proto 173": add(
        Nexthop(1001, "vpc-1", 4, ip_address("169.254.23.5"))
    ),
    "ip nexthop add id 1002 dev vpc-2 proto 173": add(Nexthop(1002, "vpc-2", 4)),
    "ip nexthop add id 1003 via 2001:db8:1::1 dev vpc-1 proto 173": add(
        Nexthop(1003, "vpc-1", 6, ip_address("2001:db8:1::1"))
    ),
    "ip nexthop add id 1004 blackhole proto 173": add(Nexthop(1004, None, 4)),
    "ip nexthop add id 2001 group 1001,3/1002,256 proto 173": add(GROUP),
    "ip nexthop replace id 2001 group 1001,1 proto 173": change(GROUP, NexthopGroup(2001, ((1001, 1),))),
    "ip nexthop del id 1003": remove(Nexthop(1003, "vpc-1", 6)),
    "ip route add 192.0.2.0/24 metric 100 nhid 2001 proto 173": add(ROUTE),
    "ip route add 2001:db8:200::/40 metric 100 nhid 1003 proto 173": add(
        Route(ip_network("2001:db8:200::/40"), 100, nexthop=1003)
    ),
    "ip route add 198.51.100.0/24 table 300 metric 7 via 169.254.23.5 dev vpc-1 proto 173": add(
        Route(ip_network("198.51.100.0/24"), 7, table=300, gateway=ip_address("169.254.23.5"), link="vpc-1")
    ),
    "ip route add 203.0.113.0/24 metric 9 dev vpc-2 proto 173": add(
        Route(ip_network("203.0.113.0/24"), 9, link="vpc-2")
    ),
    "ip route add 203.0.113.0/24 metric 10 via inet6 2001:db8:1::1 dev vpc-1 proto 173": add(
        Route(ip_network("203.0.113.0/24"), 10, gateway=ip_address("2001:db8:1::1"), link="vpc-1")
    ),
    "ip route add default metric 11 dev vpc-2 proto 173": add(Route(ip_network("0.0.0.0/0"), 11, link="vpc-2")),
    "ip route replace 192.0.2.0/24 metric 100 nhid 1001 proto 173": change(ROUTE, replace(ROUTE, nexthop=1001)),
    "ip route add blackhole 10.0.0.0/8 metric 4278190080 proto 173": add(TWIN),
    "ip route add blackhole 2001:db8:100::/40 metric 4278190080 proto 173": add(
        Blackhole(ip_network("2001:db8:100::/40"), 0xFF00_0000)
    ),
    "ip route del blackhole 10.0.0.0/8 metric 4278190080 proto 173": remove(TWIN),
    "ip rule add priority 100 from 192.0.2.0/24 protocol 173 table 300": add(
        Rule(100, 300, source=ip_network("192.0.2.0/24"))
    ),
    "ip -6 rule add priority 101 to 2001:db8::/32 protocol 173 table 254": add(
        Rule(101, 254, destination=ip_network("2001:db8::/32"), family=6)
    ),
}


def test_every_recorded_command_has_its_case() -> None:
    assert CASES.keys() == golden().keys()


@pytest.mark.parametrize("command", CASES)
def test_our_message_is_that_of_iproute2(command: str) -> None:
    message = CASES[command].encode(sequence=1)
    kind, flags, body = golden()[command]
    assert int.from_bytes(message[4:6], "little") == kind
    assert hex(int.from_bytes(message[6:8], "little")) == hex(flags)
    assert message[16:].hex() == body.hex()


def test_a_link_is_born_down_then_named_and_silenced_then_up() -> None:
    """Linux takes neither alias nor address mode with the birth, and makes a link-local address as it comes up."""
    birth, naming, silencing, rise = steps(None, LINK)
    assert [LINK.alias.encode() in request.body for request in (birth, naming)] == [False, True]
    assert [request.body[8] & 1 for request in (birth, naming, silencing, rise)] == [0, 0, 0, 1]


def test_a_new_metric_stands_before_the_old_one_goes() -> None:
    added, removed = steps(TWIN, replace(TWIN, metric=0xFF00_0001))
    assert (added.type, removed.type) == (24, 25)
    assert removed == remove(TWIN)


@pytest.mark.parametrize(
    "impossible",
    [
        InsideAddress("vpc-9", ip_interface("169.254.23.6/30")),
        Nexthop(1, "vpc-9", 4),
        Route(ip_network("192.0.2.0/24"), 1, link="vpc-9"),
        Route(ip_network("2001:db8::/32"), 0, link="vpc-1"),
        Rule(1, 254, source=ip_network("0.0.0.0/0")),
    ],
)
def test_what_cannot_be_said_is_refused(impossible: Resource) -> None:
    with pytest.raises(SystemFailure):
        steps(None, impossible)
