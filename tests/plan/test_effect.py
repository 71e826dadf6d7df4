"""What a plan says it does to traffic."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.change import Change
from appliance.model.filtering import ManagementGuard
from appliance.model.machine import DefaultRoute, Interface, Machine
from appliance.model.resources import Blackhole, Detour, ExabgpConfig, FirewallTable, FrrConfig, Resource, XfrmLink
from appliance.plan.effect import BRIEF, CUT, NONE, judge_change, judge_plan
from appliance.plan.safety import object_to
from appliance.plan.text import describe_change
from tests.plan.test_order import IKE, LINK, WHOLE

ROUTER = FrrConfig(
    "router bgp 64512\n neighbor 169.254.10.1 remote-as 64513\n neighbor 169.254.10.1 timers 10 30\n"
    " address-family ipv4 unicast\n  neighbor 169.254.10.1 route-map appliance-vpc-in in\n"
)


SPEAKER = ExabgpConfig(
    "neighbor 169.254.10.1 {\n    peer-as 64513;\n    hold-time 30;\n    announce {\n        ipv4 {\n"
    "            unicast 192.0.2.0/24 next-hop self;\n        }\n    }\n}\n"
)


def speaker(old: str, new: str) -> ExabgpConfig:
    return ExabgpConfig(SPEAKER.text.replace(old, new))


def router(old: str, new: str) -> FrrConfig:
    return FrrConfig(ROUTER.text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "traffic"),
    [
        (None, LINK, NONE),
        (LINK, replace(LINK, mtu=1400), NONE),
        (LINK, replace(LINK, if_id=8), BRIEF),
        (LINK, None, CUT),
        (IKE, replace(IKE, rekey_time=100), NONE),
        (IKE, replace(IKE, child=replace(IKE.child, rekey_time=100)), NONE),
        (IKE, replace(IKE, proposals=("aes128-sha1-modp1024",)), BRIEF),
        (IKE, replace(IKE, child=replace(IKE.child, proposals=("aes128-sha1",))), BRIEF),
        (ROUTER, router("-in in", "-other in"), NONE),
        (ROUTER, router("timers 10 30", "timers 20 60"), BRIEF),
        (ROUTER, FrrConfig("router bgp 64512\n"), CUT),
        (None, SPEAKER, NONE),
        (SPEAKER, speaker("next-hop self", "next-hop self med 1000"), NONE),
        (SPEAKER, speaker("hold-time 30", "hold-time 60"), BRIEF),
        (SPEAKER, speaker("169.254.10.1", "169.254.10.5"), CUT),
        (SPEAKER, None, CUT),
    ],
)
def test_effect_of_one_change(old: Resource | None, new: Resource | None, traffic: str) -> None:
    assert judge_change(Change(old, new)).traffic == traffic


def test_a_detour_is_told_by_where_it_leads() -> None:
    stays = ((None, ip_network("169.254.23.4/30")),)
    around = Detour("vpc-1", "vpc-2", 7, stays)
    assert describe_change(Change(None, around)) == "+ detour vpc-1: via vpc-2"
    assert describe_change(Change(around, None)) == "- detour vpc-1: via vpc-2"
    assert describe_change(Change(around, replace(around, via="vpc-3"))) == "~ detour vpc-1: via vpc-2 -> vpc-3"
    assert describe_change(Change(around, replace(around, digest=8))) == "~ detour vpc-1: other packets stay"


def test_a_plan_is_as_bad_as_its_worst_change() -> None:
    assert judge_plan([Change(None, LINK), Change(LINK, None), Change(IKE, None)]).traffic == CUT
    assert judge_plan([]).traffic == NONE


def test_the_administrators_own_address_must_not_vanish_into_a_tunnel() -> None:
    twin = Change(None, Blackhole(ip_network("10.0.0.0/8"), 0xFF000000))
    far, near = Machine(), Machine({"eth2": Interface("eth2", 1500, True, (ip_interface("10.9.0.1/24"),))})
    (objection,) = object_to([twin], far, [ip_address("10.9.0.5")])
    assert objection.rule == "cut-management"
    assert "10.9.0.5" in objection.message
    assert object_to([twin], near, [ip_address("10.9.0.5")]) == ()
    assert object_to([twin], far, [ip_address("192.0.2.9")]) == ()


def test_who_comes_in_by_an_uplink_is_not_shut_out_unasked() -> None:
    table = Change(None, FirewallTable("x"))
    box = Machine(
        {"eth0": Interface("eth0", 1500, True, (ip_interface("203.0.113.9/24"),))},
        (DefaultRoute("eth0", ip_address("203.0.113.1"), 0, 4),),
    )
    for who in ("203.0.113.77", "192.0.2.9"):
        (objection,) = object_to([table], box, [ip_address(who)], (), ("eth0",))
        assert (objection.rule, who in objection.message) == ("cut-management", True)
    assert object_to([table], box, [ip_address("203.0.113.77")], (), ("eth1",)) == ()
    assert object_to([], box, [ip_address("203.0.113.77")], (), ("eth0",)) == ()
    assert object_to([Change(FirewallTable("y"), table.new)], box, [ip_address("192.0.2.9")], (), ("eth0",)) == ()


def test_who_administers_the_box_is_named_or_asked_about() -> None:
    changed = Change(FirewallTable("x"), FirewallTable("y"))
    box = Machine(
        {"eth0": Interface("eth0", 1500, True, (ip_interface("203.0.113.9/24"),)),
         "eth2": Interface("eth2", 1500, True, (ip_interface("10.9.0.1/24"),))},
        (DefaultRoute("eth0", ip_address("203.0.113.1"), 0, 4),),
    )  # fmt: skip
    outside, inside, named = ip_address("203.0.113.77"), ip_address("10.9.0.5"), ip_network("203.0.113.64/26")

    def shut_out(guard: ManagementGuard) -> list[str]:
        everybody = (outside, inside, *guard.sources)
        return [found.message.split()[5] for found in object_to([changed], box, everybody, (), ("eth0",), guard)]

    assert shut_out(ManagementGuard()) == []
    assert shut_out(ManagementGuard(("eth2",))) == [str(outside)]
    assert shut_out(ManagementGuard((), (named,))) == [str(inside)]
    assert shut_out(ManagementGuard(("eth2",), (named,))) == [str(outside), str(inside)]
    assert shut_out(ManagementGuard(ports=())) == [str(outside), str(inside)]


def test_losing_every_tunnel_at_once_is_asked_about() -> None:
    gone = [Change(LINK, None), Change(XfrmLink("vpc-2", 8, 1438, "appliance:vpc/vpc-2"), None)]
    assert [objection.rule for objection in object_to(gone, Machine(), [])] == ["remove-all-tunnels"]
    assert object_to(gone[:1], Machine(), []) == ()


def test_texts_of_changes_name_the_thing_and_keep_secrets() -> None:
    texts = [describe_change(Change(None, resource)) for resource in WHOLE]
    assert "+ xfrm-link vpc-1: if_id 7, mtu 1438, alias appliance:vpc/vpc-1" in "\n".join(texts)
    assert "not-a-real" not in "\n".join(texts)
    assert "f00d" not in "\n".join(texts)
    changed = describe_change(Change(LINK, replace(LINK, mtu=1400)))
    assert changed == "~ xfrm-link vpc-1: mtu 1438 -> 1400"
    assert "- neighbor 169.254.10.1 timers 10 30" in describe_change(Change(ROUTER, router("10 30", "20 60")))
