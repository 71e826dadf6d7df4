"""IPsec policies on the fake kernel and on Linux: what is put there is seen again, and what is others' is not."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.resources import CHARON_POLICIES, LAST_POLICIES, OWN_POLICIES, Resource, XfrmPolicy
from appliance.plan.diff import make_plan
from tests.contracts.namespace import own_namespace
from tests.fakes.kernel import FakeKernel

OURS, THEIRS = ip_network("172.16.20.0/24"), ip_network("192.168.0.0/16")
NEAR, FAR, OTHER = (ip_address(text) for text in ("203.0.113.9", "198.51.100.7", "198.51.100.8"))
OUT = XfrmPolicy("out", OURS, THEIRS, OWN_POLICIES.start, 77, NEAR, FAR)
INTO = XfrmPolicy("in", THEIRS, OURS, OWN_POLICIES.start, 77, None, NEAR)
THROUGH = XfrmPolicy("fwd", THEIRS, OURS, OWN_POLICIES.start + 5, 77)
SIX = XfrmPolicy("out", ip_network("2001:db8:20::/48"), ip_network("2001:db8:10::/48"), OWN_POLICIES.start, 0x7FFF_FFFF,
                 ip_address("2001:db8::9"), ip_address("2001:db8:ff::7"))  # fmt: skip
MIXED = replace(SIX, destination=ip_network("2001:db8:30::/48"), reqid=9, outer_source=NEAR, outer_destination=FAR)
CLOSED = XfrmPolicy("out", OURS, ip_network("10.0.0.0/8"), OWN_POLICIES.start)
ALL = frozenset((OUT, INTO, THROUGH, SIX, MIXED, CLOSED))
FOREIGN = "src 10.9.0.0/24 dst 10.8.0.0/24"
CHARONS = "src 172.16.20.0/24 dst 192.168.0.0/16"
MARKED = f"mark 0 mask 0x1000000 priority {CHARON_POLICIES.start}"


@pytest.fixture(params=["fake", "linux"])
def kernel(request: pytest.FixtureRequest) -> Iterator[FakeKernel | Kernel]:
    if request.param == "fake":
        yield FakeKernel()
        return
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6).close()
    except OSError as error:
        pytest.skip(f"this kernel has no IPsec: {errno.errorcode[error.errno or 0]}")
    with own_namespace():
        yield Kernel()


def observe(kernel: FakeKernel | Kernel) -> frozenset[Resource]:
    return asyncio.run(kernel.observe())


def bring(kernel: FakeKernel | Kernel, *desired: Resource) -> list[str | None]:
    changes = make_plan(desired, observe(kernel))
    return [outcome.error for outcome in asyncio.run(kernel.apply(changes)) if outcome.error]


def test_what_is_put_there_is_seen_again_and_goes_again(kernel: FakeKernel | Kernel) -> None:
    assert bring(kernel, *ALL) == []
    assert observe(kernel) == ALL
    assert bring(kernel) == []
    assert observe(kernel) == frozenset()


def test_another_tunnel_takes_over_in_place(kernel: FakeKernel | Kernel) -> None:
    bring(kernel, *ALL)
    moved = replace(OUT, outer_destination=OTHER)
    (outcome,) = asyncio.run(kernel.apply([Change(OUT, moved)]))
    assert outcome.error is None
    assert observe(kernel) == ALL - {OUT} | {moved}


def test_a_policy_that_stood_last_leads_and_stands_last_again(kernel: FakeKernel | Kernel) -> None:
    last = replace(OUT, priority=LAST_POLICIES.start, reqid=0, outer_source=None, outer_destination=None)
    bring(kernel, *(ALL - {OUT}), last)
    for was, now in ((last, OUT), (OUT, last)):
        (outcome,) = asyncio.run(kernel.apply([Change(was, now)]))
        assert outcome.error is None
        assert observe(kernel) == ALL - {OUT} | {now}


def test_a_policy_can_be_closed_and_opened(kernel: FakeKernel | Kernel) -> None:
    for policy in (OUT, replace(OUT, reqid=0, outer_source=None, outer_destination=None), OUT):
        assert bring(kernel, policy) == []
        assert observe(kernel) == {policy}


@pytest.mark.parametrize("others", [f"{FOREIGN} dir out priority 100", f"{CHARONS} dir out {MARKED}"])
def test_others_policies_are_not_seen_and_stay(others: str) -> None:
    """Linux only: the fake holds no others'. charon's are for what ours are for, and have a mark."""
    with own_namespace():
        done = subprocess.run(f"ip xfrm policy add {others} tmpl src 203.0.113.9 dst 198.51.100.9"
                              " proto esp reqid 1 mode tunnel".split(), capture_output=True, check=False)  # fmt: skip
        if done.returncode:
            pytest.skip(f"ip xfrm policy add: {done.stderr.decode().strip()}")
        linux = Kernel()
        assert bring(linux, *ALL) == []
        assert observe(linux) == ALL
        assert bring(linux) == []
        shown = subprocess.run(["ip", "xfrm", "policy"], capture_output=True, check=True, text=True).stdout
    assert shown.count(others.partition(" dir")[0]) == 1
