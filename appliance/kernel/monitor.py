"""The door to the kernel's own news: what changed in the network, told at once (netlink multicast)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from appliance.kernel.nexthops import INFO as NEXTHOP_INFO
from appliance.kernel.routes import INFO as ROUTE_INFO
from appliance.kernel.wire import DEL_NEXTHOP, DEL_ROUTE, NEW_NEXTHOP, NEW_ROUTE, Message, messages
from appliance.model.fault import SystemLacks
from appliance.model.forwarding import BGP_PROTOCOL
from appliance.model.resources import LEARNED_PROTOCOL

SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
LINK, ADDRESS4, ROUTE4, RULE4, ADDRESS6, ROUTE6, RULE6 = 1, 5, 7, 8, 9, 11, 19
SETTINGS4, SETTINGS6, NEXTHOP = 24, 25, 32
GROUPS = (LINK, ADDRESS4, ROUTE4, RULE4, ADDRESS6, ROUTE6, RULE6, SETTINGS4, SETTINGS6, NEXTHOP)
"""Multicast groups of rtnetlink (RTNLGRP_*, linux/rtnetlink.h)."""

NETLINK_NETFILTER, NFTABLES = 12, 7
NETLINK_XFRM, POLICY = 6, 4
SOCKETS = ((socket.NETLINK_ROUTE, GROUPS), (NETLINK_NETFILTER, (NFTABLES,)), (NETLINK_XFRM, (POLICY,)))
ZEBRA_PROTOCOL = 11  # nexthop objects of FRR's
COMES_AND_GOES = (BGP_PROTOCOL, LEARNED_PROTOCOL)
DATAGRAM = 1 << 16
BUFFER = 1 << 20  # bytes: some thousand changes at once; beyond it we only learn that there were many

NETWORK, FILTER, LEARNED = "network", "filter", "learned"
"""What news is about: links, addresses, routes, rules, nexthops, settings · packet filters · routes that BGP brought or
took, which come and go by the thousand."""

Tell = Callable[[str], None]
"""Told what the news is about."""


@contextmanager
def watching(tell: Tell) -> Iterator[None]:
    """Until the block ends, the running event loop calls ``tell`` for changes of links, addresses, routes, rules,
    nexthop objects, settings and packet filters, whoever made them; once for all that came together."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        for protocol, groups in (
            (socket.NETLINK_ROUTE, GROUPS),
            (NETLINK_NETFILTER, (NFTABLES,)),
            (NETLINK_XFRM, (POLICY,)),
        ):
            sock = stack.enter_context(_joined(protocol, groups))
            loop.add_reader(sock, _hear, sock, protocol, tell)
            stack.callback(loop.remove_reader, sock)
        yield


def _joined(protocol: int, groups: tuple[int, ...]) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    except OSError as error:
        raise SystemLacks(f"the kernel tells no news: {error.strerror}") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.bind((0, 0))
    for group in groups:
        sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    return sock


def _hear(sock: socket.socket, protocol: int, tell: Tell) -> None:
    """Read all there is."""
    kinds: set[str] = set()
    alike = {NETLINK_NETFILTER: FILTER, NETLINK_XFRM: NETWORK}.get(protocol)
    while True:
        try:
            data = sock.recv(DATAGRAM)
        except BlockingIOError:
            break
        except OSError:  # ENOBUFS: more came than we took
            kinds.add(alike or NETWORK)
        else:
            kinds |= {alike} if alike else set(map(kind_of, messages(data)))
    for kind in sorted(kinds):
        tell(kind)


def kind_of(message: Message) -> str:
    """What a message of rtnetlink is about."""
    if message.type in (NEW_ROUTE, DEL_ROUTE):
        return LEARNED if ROUTE_INFO.unpack_from(message.body)[5] in COMES_AND_GOES else NETWORK
    if message.type in (NEW_NEXTHOP, DEL_NEXTHOP):
        return LEARNED if NEXTHOP_INFO.unpack_from(message.body)[2] in (ZEBRA_PROTOCOL, LEARNED_PROTOCOL) else NETWORK
    return NETWORK
