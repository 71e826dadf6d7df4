"""What the kernel's door promises of detours: found again by what marks them, whoever made the links."""

from __future__ import annotations

import asyncio
import subprocess
import time

import pytest

from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.resources import Detour, Resource
from appliance.plan.diff import make_plan
from tests.contracts.kernels import ONE, TWO, AnyKernel, RealKernel, apply, build, errors, observe

AROUND = Detour("vpc-1", "vpc-2", 7)
BACK = Detour("vpc-2", "vpc-1", 9)


@pytest.fixture(autouse=True)
def able(kernel: AnyKernel) -> None:
    if not asyncio.run(kernel.machine()).redirects:
        pytest.skip("this kernel cannot redirect packets (CONFIG_NET_ACT_MIRRED)")


def around(kernel: AnyKernel) -> set[Resource]:
    return {one for one in observe(kernel) if isinstance(one, Detour)}


def comes_to(kernel: AnyKernel, wanted: set[Resource]) -> bool:
    """Linux shows the action of a filter that is gone for some milliseconds more (RCU)."""
    deadline = time.monotonic() + 5
    while around(kernel) != wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    return around(kernel) == wanted


def test_a_detour_is_observed_as_it_was_wished_and_wanted_again_it_is_no_change(linked: AnyKernel) -> None:
    build(linked, AROUND)
    assert around(linked) == {AROUND}
    assert make_plan([AROUND], around(linked)) == ()


def test_a_detour_to_elsewhere_or_around_other_packets_takes_the_place_of_the_one_before(linked: AnyKernel) -> None:
    linked.add_foreign_link("vpc-3")
    build(linked, AROUND)
    for other in (Detour("vpc-1", "vpc-3", 7), Detour("vpc-1", "vpc-3", 8)):
        (before,) = around(linked)
        assert errors(apply(linked, Change(before, other))) == []
        assert comes_to(linked, {other})


def test_a_detour_is_put_again_over_what_is_left_of_it(linked: AnyKernel) -> None:
    build(linked, AROUND)
    assert errors(apply(linked, Change(AROUND, AROUND), Change(None, AROUND))) == []
    assert comes_to(linked, {AROUND})


def test_each_link_has_its_own(linked: AnyKernel) -> None:
    build(linked, AROUND, BACK)
    assert around(linked) == {AROUND, BACK}
    assert errors(apply(linked, Change(AROUND, None))) == []
    assert comes_to(linked, {BACK})


def test_a_detour_that_is_gone_already_is_no_failure(linked: AnyKernel) -> None:
    assert errors(apply(linked, Change(AROUND, None))) == []
    build(linked, AROUND)
    assert errors(apply(linked, Change(AROUND, None), Change(AROUND, None))) == []
    assert comes_to(linked, set())


def test_it_goes_with_its_link_and_leads_to_nowhere_when_the_other_one_goes(linked: AnyKernel) -> None:
    linked.add_foreign_link("vpc-3")
    build(linked, AROUND, Detour("vpc-2", "vpc-3", 9))
    linked.delete_link("vpc-3")
    assert comes_to(linked, {AROUND, Detour("vpc-2", "", 9)})
    linked.delete_link("vpc-1")
    assert comes_to(linked, {Detour("vpc-2", "", 9)})


def test_without_one_of_its_links_it_waits(linked: AnyKernel) -> None:
    linked.delete_link("vpc-2")
    (outcome,) = apply(linked, Change(None, AROUND))
    assert outcome.error == "there is no interface vpc-2"
    assert outcome.retry
    linked.delete_link("vpc-1")
    assert [one.error for one in apply(linked, Change(None, AROUND), Change(AROUND, None))] == [
        "there is no interface vpc-1",
        None,
    ]


def test_who_looks_at_a_machine_without_detours_sees_none(kernel: AnyKernel) -> None:
    assert around(kernel) == set()
    assert Detour in Kernel.owns


def test_a_rehearsal_on_a_tunnel_leaves_nothing(xfrm: AnyKernel) -> None:
    assert not asyncio.run(xfrm.rehearse(["vpc-1"]))
    build(xfrm, ONE, TWO)
    assert asyncio.run(xfrm.rehearse(["vpc-1", "vpc-2"]))
    assert observe(xfrm) == {ONE, TWO}
    assert asyncio.run(xfrm.machine()).redirects
    if isinstance(xfrm, RealKernel):
        told = subprocess.run(["tc", "qdisc", "show", "dev", "vpc-1"], capture_output=True, text=True, check=True)
        assert "clsact" not in told.stdout


def test_a_rehearsal_beside_a_detour_leaves_that(xfrm: AnyKernel) -> None:
    build(xfrm, ONE, TWO, AROUND)
    assert asyncio.run(xfrm.rehearse(["vpc-1"]))
    assert around(xfrm) == {AROUND}


def test_others_links_are_left_alone(kernel: AnyKernel) -> None:
    kernel.add_foreign_link("vpc-1")
    assert not asyncio.run(kernel.rehearse(["vpc-1"]))
