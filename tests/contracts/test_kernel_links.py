"""What the kernel's door promises of tunnels' interfaces; without XFRM interfaces that is skipped."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network

import pytest

from appliance.model.change import Change
from appliance.model.resources import (
    Route,
    XfrmLink,
)
from appliance.plan.diff import make_plan
from tests.contracts.kernels import (
    BALANCED,
    BY_LINK,
    EVERYTHING,
    GROUP,
    HOP_ONE,
    HOP_TWO,
    INSIDE,
    INSIDE6,
    INSIDE_TWO,
    NO_DEFAULT,
    NOWHERE,
    ONE,
    OWN_PACKETS,
    RULE,
    RULE6,
    TWIN,
    TWIN6,
    TWO,
    AnyKernel,
    RealKernel,
    apply,
    build,
    errors,
    observe,
)
from tests.contracts.namespace import ip


def test_a_tunnel_is_observed_as_it_was_wished(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO)
    assert observe(xfrm) == {ONE, TWO}


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
