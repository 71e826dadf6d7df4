"""The order of changes: what must stand before what, and what must not be tried after a failure."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from appliance.model.change import Change
from appliance.model.resources import (
    Blackhole,
    ChildSa,
    FirewallTable,
    FrrConfig,
    IkeConnection,
    InsideAddress,
    Resource,
    SharedKey,
    Sysctl,
    XfrmLink,
)
from appliance.model.secret import Secret
from appliance.plan.diff import make_plan
from appliance.plan.order import held_back

EVERYTHING = (ip_network("0.0.0.0/0"),)
CHILD = ChildSa("appliance-vpc-1", EVERYTHING, EVERYTHING, ("aes256gcm16-ecp384",), 2760, 120, 3600, 1024)
IKE = IkeConnection(
    name="vpc-1",
    version=2,
    local=ip_address("192.0.2.1"),
    remote=ip_address("198.51.100.1"),
    local_id="192.0.2.1",
    remote_id="198.51.100.1",
    proposals=("aes256-sha256-modp2048",),
    rekey_time=27000,
    rand_time=300,
    over_time=1800,
    dpd_delay=10,
    unique="replace",
    if_id=7,
    child=CHILD,
)
LINK = XfrmLink("vpc-1", 7, 1438, "appliance:vpc/vpc-1")
FORWARD = Sysctl("net.ipv4.ip_forward", "1", machine_wide=True)
TWIN = Blackhole(ip_network("10.0.0.0/8"), 0xFF000000)
TABLE = FirewallTable("table inet appliance {\n}\n")
WHOLE: tuple[Resource, ...] = (
    FrrConfig("router bgp 64512\n"),
    IKE,
    SharedKey("appliance-vpc-1", ("192.0.2.1", "198.51.100.1"), "f00d", Secret("not-a-real-key")),
    InsideAddress("vpc-1", ip_interface("169.254.10.2/30")),
    Sysctl("net.ipv4.conf.vpc-1.rp_filter", "2"),
    LINK,
    FORWARD,
    TABLE,
    TWIN,
)


def position(plan: tuple[Change, ...], resource: Resource) -> int:
    return [change.resource for change in plan].index(resource)


def test_barriers_stand_before_forwarding_and_links_before_what_encrypts_into_them() -> None:
    plan = make_plan(WHOLE, ())
    assert position(plan, TWIN) < position(plan, FORWARD)
    assert position(plan, TABLE) < position(plan, FORWARD)
    assert position(plan, LINK) < position(plan, IKE)
    assert position(plan, LINK) < position(plan, WHOLE[4])


def test_a_machine_listens_to_its_routers_before_it_forwards() -> None:
    settings = [
        Sysctl(f"net.ipv6.conf.{name}", "1", machine_wide=True) for name in ("all.forwarding", "eth0.accept_ra")
    ]
    assert [change.resource for change in make_plan(settings, [])] == settings[::-1]


def test_removal_takes_the_tunnel_away_before_the_barriers() -> None:
    plan = make_plan((), WHOLE)
    assert position(plan, IKE) < position(plan, LINK) < position(plan, TWIN)
    assert position(plan, FORWARD) < position(plan, TABLE)


def test_the_filter_closes_when_what_it_let_in_has_gone_and_opens_before_it_comes() -> None:
    """A far end may answer a goodbye, and nothing of a session that ends leaves by an uplink."""
    wider, narrower = TABLE, FirewallTable("table inet appliance {\n\tchain input {\n\t}\n}\n")
    rest: tuple[Resource, ...] = (TWIN, FORWARD)
    closing = make_plan((narrower, *rest), (wider, *rest, IKE, LINK))
    assert [change.resource for change in closing] == [IKE, LINK, narrower]
    opening = make_plan((wider, *rest, IKE, LINK), (narrower, *rest))
    assert opening[0].new == wider
    other = replace(IKE, name="vpc-2", if_id=8)
    both = make_plan((wider, *rest, other), (narrower, *rest, IKE))
    assert both[0].new == wider


def test_a_wish_that_is_fulfilled_is_an_empty_plan_in_any_order() -> None:
    shuffled = random.Random(3).sample(WHOLE, k=len(WHOLE))
    assert make_plan(WHOLE, shuffled) == ()


def test_a_changed_key_is_seen_and_never_shown() -> None:
    old, new = WHOLE[2], SharedKey("appliance-vpc-1", ("192.0.2.1", "198.51.100.1"), "beef", Secret("other-fake-key"))
    (change,) = make_plan([new], [old])
    assert change.verb == "change"
    assert "fake" not in repr(change)
    assert "not-a-real" not in repr(change)


def test_an_if_id_under_a_new_name_frees_the_old_one_first() -> None:
    renamed = replace(LINK, name="vpc-a")
    plan = make_plan([renamed, replace(IKE, name="vpc-a")], [LINK, IKE])
    assert [(change.verb, change.resource.key) for change in plan] == [
        ("remove", "ike-connection vpc-1"),
        ("remove", "xfrm-link vpc-1"),
        ("add", "xfrm-link vpc-a"),
        ("add", "ike-connection vpc-a"),
    ]


def test_no_sa_without_its_interface_and_no_forwarding_without_the_barriers() -> None:
    no_link, no_table, no_twin = Change(None, LINK), Change(None, TABLE), Change(None, TWIN)
    assert held_back(Change(None, IKE), [no_link])
    assert held_back(Change(None, IKE), [no_twin])
    assert held_back(Change(None, FORWARD), [no_table])
    assert held_back(Change(None, FORWARD), [no_twin])
    assert held_back(Change(None, replace(IKE, if_id=8)), [no_link]) is None
    assert held_back(Change(IKE, None), [no_link]) is None
