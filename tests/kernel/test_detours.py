"""Where packets go that meet a detour, on links of Linux's own; and that whoever hung filters there keeps them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from ipaddress import ip_address, ip_network

import pytest

from appliance.kernel.netlink import Kernel
from appliance.kernel.overhearing import parse_ends
from appliance.model.change import Change
from appliance.model.resources import Detour, Resource, Stay
from tests.contracts.namespace import ip, own_namespace

OURS, INSIDE, PEER, INSIDE6 = "192.0.2.1", "10.255.0.2", "10.255.0.1", "fd00:1::2"
STAYS: tuple[Stay, ...] = (
    (ip_network(INSIDE), None),
    (None, ip_network("10.255.0.0/30")),
    (ip_network(INSIDE6), None),
    (None, ip_network("fd00:1::/126")),
    (ip_network(OURS), ip_network("10.9.0.9")),
)
AROUND = Detour("left", "right", 7, STAYS)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """Everything is routed to one link, on which nobody asks for neighbours; another is beside it."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    with own_namespace():
        if not asyncio.run(Kernel().machine()).redirects:
            pytest.skip("this kernel cannot redirect packets (CONFIG_NET_ACT_MIRRED)")
        for link in ("left", "right"):
            _add_link(link)
        for address in (f"{INSIDE}/30", f"{OURS}/32", f"{INSIDE6}/126", "2001:db8::1/128"):
            ip(f"address add {address} dev left" + (" nodad" if ":" in address else ""))
        for network in ("0.0.0.0/0", "224.0.0.0/4", "169.254.0.0/16", "::/0"):
            ip(f"route add {network} dev left")
        yield Kernel()


def apply(kernel: Kernel, *changes: Change) -> None:
    assert [one.error for one in asyncio.run(kernel.apply(changes)) if one.error] == []


def detours(kernel: Kernel) -> set[Resource]:
    return {one for one in asyncio.run(kernel.observe()) if isinstance(one, Detour)}


def left_by(sent: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    """The destinations of what left by each link, of datagrams from and to these."""
    with ExitStack() as stack:
        taps = {link: stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)) for link in _LINKS}
        for link, tap in taps.items():
            tap.bind((link, 3))
            tap.setblocking(False)
        for source, destination in sent:
            family = socket.AF_INET6 if ":" in source else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                out.bind((source, 0))
                out.sendto(b"x", (destination, 9))
        there = {destination for _, destination in sent}  # the kernel itself talks too
        return {link: there & set(_destinations(tap)) for link, tap in taps.items()}


def _add_link(name: str) -> None:
    ip(f"link add {name} type veth peer name {name}-far")
    ip(f"link set {name} arp off up")
    ip(f"link set {name}-far up")


_LINKS = ("left", "right")


def _destinations(tap: socket.socket) -> Iterator[str]:
    while True:
        try:
            data = tap.recv(100)
        except BlockingIOError:
            return
        ends = parse_ends(data)
        yield str(ends[1]) if ends else str(ip_address(data[16:20]))


def test_what_was_to_leave_by_the_one_leaves_by_the_other(kernel: Kernel) -> None:
    sent = [(OURS, "10.9.0.1"), ("2001:db8::1", "2001:db8:9::1")]
    there = {"10.9.0.1", "2001:db8:9::1"}
    assert left_by(sent) == {"left": there, "right": set()}
    apply(kernel, Change(None, AROUND))
    assert left_by(sent) == {"left": set(), "right": there}
    apply(kernel, Change(AROUND, None))
    assert left_by(sent) == {"left": there, "right": set()}


def test_what_is_about_the_link_itself_stays_on_it(kernel: Kernel) -> None:
    apply(kernel, Change(None, AROUND))
    stays = [
        (INSIDE, "10.9.0.1"),  # would be answered there
        (OURS, PEER),
        (OURS, "10.9.0.9"),  # is asked whether it hears us by this link
        (OURS, "169.254.7.7"),
        (OURS, "224.0.0.5"),
        (INSIDE6, "2001:db8:9::1"),
        ("2001:db8::1", "fd00:1::1"),
    ]
    assert left_by(stays) == {"left": {there for _, there in stays}, "right": set()}
    goes = [(OURS, "10.9.0.8"), (OURS, "10.255.0.4"), ("2001:db8::1", "fd00:1::4")]
    assert left_by(goes) == {"left": set(), "right": {there for _, there in goes}}


def test_to_a_link_that_went_nothing_leaks_out_by_another(kernel: Kernel) -> None:
    apply(kernel, Change(None, AROUND))
    ip("link del right")
    _add_link("right")
    assert detours(kernel) == {Detour("left", "", 7)}
    assert left_by([(OURS, "10.9.0.1")]) == {"left": set(), "right": set()}
    apply(kernel, Change(Detour("left", "", 7), AROUND))
    assert left_by([(OURS, "10.9.0.1")]) == {"left": set(), "right": {"10.9.0.1"}}


def test_filters_and_redirections_of_others_are_not_ours(kernel: Kernel) -> None:
    _tc("qdisc add dev left clsact")
    match = "pref 9 protocol ip u32 match ip dst 10.8.0.1/32"
    _tc(f"filter add dev left egress {match} action mirred egress redirect dev right")
    theirs = _tc("filter show dev left egress")
    assert detours(kernel) == set()
    apply(kernel, Change(None, AROUND))
    assert detours(kernel) == {AROUND}
    apply(kernel, Change(AROUND, None))
    assert _tc("filter show dev left egress") == theirs
    assert left_by([(OURS, "10.8.0.1"), (OURS, "10.9.0.1")]) == {"left": {"10.9.0.1"}, "right": {"10.8.0.1"}}


def test_more_detours_than_one_answer_shows_by_itself_are_all_found(kernel: Kernel) -> None:
    wanted = set()
    for number in range(40):
        _add_link(f"t{number}")
        wanted.add(Detour(f"t{number}", "right", number))
    apply(kernel, *(Change(None, one) for one in wanted))
    assert detours(kernel) == wanted


def _tc(words: str) -> str:
    said = subprocess.run(["tc", *words.split()], check=True, capture_output=True, text=True).stdout
    return "".join(line for line in said.splitlines(keepends=True) if "hw_stats" not in line).rstrip()
