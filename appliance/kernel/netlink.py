"""The door to the kernel: interfaces, addresses, routes, nexthop objects and rules over rtnetlink.

Messages travel many to a datagram and are matched with their acknowledgements by sequence number. A socket belongs to
the network namespace of the thread that opens it: that is the caller's; the talking is done in another thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from errno import EINVAL, ENOENT, EOPNOTSUPP, EPERM
from itertools import chain
from typing import Self, TypeVar

from appliance.kernel.addresses import AddressFacts, dump_addresses, own_address, parse_address_facts
from appliance.kernel.changes import carry_out, is_quick
from appliance.kernel.detours import dump_detours, own_detours, probe_redirection, rehearsal
from appliance.kernel.forwarding import find_defaults, find_forwarding
from appliance.kernel.links import (
    Clash,
    LinkFacts,
    dump_links,
    find_clashes,
    get_link,
    own_link,
    parse_link,
    probe_kind,
)
from appliance.kernel.monitor import Tell, watching
from appliance.kernel.nexthops import NexthopFacts, dump_nexthops, own_nexthop, parse_nexthop, probe_nexthop
from appliance.kernel.policies import dump_policies, own_policy
from appliance.kernel.routes import (
    RouteFacts,
    dump_learned_routes,
    dump_main_routes,
    dump_own_routes,
    dump_unicast_routes,
    is_default,
    learned_route,
    own_route,
    parse_route,
)
from appliance.kernel.rules import dump_rules, own_rule
from appliance.kernel.wire import (
    DONE,
    ERROR,
    INET,
    INET6,
    INTERRUPTED,
    ROUTE,
    XFRM,
    Ack,
    Message,
    Request,
    messages,
    parse_ack,
    parse_done,
)
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.forwarding import ForwardingRoute, LinkCounters
from appliance.model.machine import Interface, Machine
from appliance.model.resources import (
    LEARNED_PROTOCOL,
    Blackhole,
    Detour,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    XfrmLink,
    XfrmPolicy,
)

T = TypeVar("T")
Routes = Iterable[RouteFacts]

SOL_NETLINK, EXT_ACK, CAP_ACK, STRICT_CHECK = 270, 11, 10, 12
BATCH = 100  # messages: their acknowledgements fit into the smallest receive buffer that Linux gives
DATAGRAM = 1 << 17  # bytes; Linux fills at most 32 kB
PATIENCE = 30.0  # seconds
ATTEMPTS = 8  # at a table that changes while it is read

UNKNOWN = ("(ENOENT)", "(EOPNOTSUPP)")
"""How a refusal ends where the kernel has no such filters."""

NO_PRIVILEGE = "changing the network needs the privilege CAP_NET_ADMIN"


class Conversation:
    """One netlink socket: dumps, and batches of requests with their acknowledgements. Blocks."""

    def __init__(self) -> None:
        self._socket = _open_socket(ROUTE)
        self._sockets = {ROUTE: self._socket}
        with suppress(OSError):  # a kernel without IPsec has no such protocol
            self._sockets[XFRM] = _open_socket(XFRM)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets.values():
            one.close()

    def dump(self, request: Request) -> list[bytes]:
        """The bodies of all answers. Read again when the table changed meanwhile: half a table is a wrong plan."""
        self._speak(request.protocol)
        for _ in range(ATTEMPTS):
            bodies = self._dump_once(request)
            if bodies is not None:
                return bodies
        raise SystemFailure("the kernel's tables change faster than they can be read", retry=True)

    def ask(self, requests: Sequence[Request]) -> list[Ack]:
        """Send all, of one protocol, and return the acknowledgement of each, in the same order."""
        self._speak(requests[0].protocol if requests else ROUTE)
        acks: list[Ack] = []
        for start in range(0, len(requests), BATCH):
            acks += self._ask_batch(requests[start : start + BATCH])
        return acks

    def tell(self, requests: Sequence[Request]) -> list[Ack]:
        """As :meth:`ask`, where a forgiven refusal counts as done. Raises SystemLacks without the privilege."""
        acks = self.ask(requests)
        if any(ack.errno == EPERM for ack in acks):
            raise SystemLacks(NO_PRIVILEGE, hint="run as root")
        return [Ack(0) if ack.errno in request.forgive else ack for request, ack in zip(requests, acks, strict=True)]

    def links(self, *, counters: bool = False) -> dict[int, LinkFacts]:
        """Every link by its index."""
        facts = map(parse_link, self.dump(dump_links(counters=counters)))
        return {link.index: link for link in facts}

    def links_by_name(self, names: Collection[str] | None = None) -> dict[str, LinkFacts]:
        """Every link by its name; of them only those, when given."""
        if names is None:
            return {link.name: link for link in self.links().values()}
        found = {name: self._dump_once(get_link(name)) for name in names}
        return {name: parse_link(bodies[0]) for name, bodies in found.items() if bodies}

    def nexthops(self) -> dict[int, NexthopFacts]:
        """Every nexthop object by its id."""
        facts = map(parse_nexthop, self.dump(dump_nexthops()))
        return {nexthop.id: nexthop for nexthop in facts}

    def addresses(self) -> list[AddressFacts]:
        """Every address."""
        return [facts for body in self.dump(dump_addresses()) if (facts := parse_address_facts(body))]

    def of_both_families(self, question: Callable[[int], Request]) -> Iterator[bytes]:
        """What answers a question per family. Linux booted without IPv6 answers for IPv4 again: left out."""
        for family in (INET, INET6):
            yield from (body for body in self.dump(question(family)) if body[0] == family)

    def routes(self, question: Callable[[int], Request], *, only: Callable[[bytes], bool] | None = None) -> Routes:
        """The routes that ``question`` asks for, of both families; of them ``only`` those, when given."""
        bodies = self.of_both_families(question)
        return map(parse_route, bodies if only is None else filter(only, bodies))

    def _speak(self, protocol: int) -> None:
        if protocol not in self._sockets:
            raise SystemLacks("this kernel has no IPsec", hint="run a kernel built with CONFIG_XFRM_USER")
        self._socket = self._sockets[protocol]

    def _dump_once(self, request: Request) -> list[bytes] | None:
        self._sequence += 1
        self._socket.send(request.encode(self._sequence))
        bodies: list[bytes] = []
        interrupted = False
        while True:
            for message in self._receive():
                if message.sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(message.flags & INTERRUPTED)
                if message.type in (DONE, ERROR):
                    end = _in_words(parse_done(message) if message.type == DONE else parse_ack(message))
                    _refuse(Ack(0) if end.errno in request.forgive else end)
                    return None if interrupted else bodies
                bodies.append(message.body)

    def _ask_batch(self, requests: Sequence[Request]) -> list[Ack]:
        first = self._sequence + 1
        self._sequence += len(requests)
        self._socket.send(b"".join(_padded(request.encode(first + at)) for at, request in enumerate(requests)))
        acks: dict[int, Ack] = {}
        while len(acks) < len(requests):
            acks |= {m.sequence: _in_words(parse_ack(m)) for m in self._receive() if m.type == ERROR}
        return [acks[first + at] for at in range(len(requests))]

    def _receive(self) -> Iterable[Message]:
        try:
            return messages(self._socket.recv(DATAGRAM))
        except TimeoutError as silence:
            raise SystemFailure(f"the kernel did not answer within {PATIENCE:.0f} s", retry=True) from silence
        except OSError as failure:
            raise SystemFailure(f"talking to the kernel failed: {failure.strerror}", retry=True) from failure


def _open_socket(protocol: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    opened.settimeout(PATIENCE)
    for option in (EXT_ACK, CAP_ACK, *((STRICT_CHECK,) if protocol == ROUTE else ())):
        opened.setsockopt(SOL_NETLINK, option, 1)
    opened.bind((0, 0))
    return opened


class Kernel:
    """Links, inside addresses, routes, nexthop objects and rules of ours. Needs CAP_NET_ADMIN to apply."""

    owns = (XfrmLink, InsideAddress, Blackhole, Nexthop, NexthopGroup, Route, Rule, XfrmPolicy, Detour)

    def __init__(self) -> None:
        self._redirects: bool | None = None

    async def observe(self) -> frozenset[Resource]:
        """What is there and carries our mark."""
        return await _converse(_observe)

    async def learned(self) -> frozenset[Resource]:
        """Routes, nexthops and groups of the embedded speaker."""
        return await _converse(_observe_learned)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out the changes in order, one outcome each; go on past a failed one. What is quick is done in this very
        thread: Linux is done before it could have begun in another."""
        if is_quick(changes):
            outcomes = _carried_out(changes) if changes else ()
        else:
            outcomes = await _converse(lambda talk: carry_out(changes, talk))
        if any(isinstance(one.change.new, Detour) and str(one.error).endswith(UNKNOWN) for one in outcomes):
            self._redirects = False
        return outcomes

    async def machine(self) -> Machine:
        """Interfaces, default routes and the kernel's release. Whether it can redirect is asked once: a kernel without
        starts a process for every such question, to look for a module."""
        if self._redirects is None:
            self._redirects = await _converse(_can_redirect)
        return replace(await _converse(_describe), redirects=self._redirects)

    async def rehearse(self, names: Collection[str]) -> bool:
        """Have all loaded that a detour needs, by way of one of these links; nothing stays of it. False where there is
        no such link."""
        errors = await _converse(lambda talk: _rehearse(talk, names))
        if errors and not {ENOENT, EOPNOTSUPP}.isdisjoint(errors):
            self._redirects = False
        return bool(errors)

    async def counters(self) -> Mapping[str, LinkCounters]:
        """Bytes received and sent, by link name."""
        links = await _converse(lambda talk: talk.links(counters=True))
        return {link.name: LinkCounters(link.received, link.sent) for link in links.values()}

    async def forwarding(self, links: Collection[str]) -> tuple[ForwardingRoute, ...]:
        """Every route of the main table, and of that for LANs' default routes, that leaves by one of these links,
        whoever wrote it."""
        wanted = frozenset(links)
        return await _converse(
            lambda talk: find_forwarding(talk.routes(dump_unicast_routes), talk.nexthops(), talk.links(), wanted)
        )

    async def clashes(self, links: Iterable[XfrmLink]) -> tuple[Clash, ...]:
        """Links that are not ours and hold a name or an ``if_id`` that we want."""
        present = await _converse(Conversation.links)
        return find_clashes(links, present.values())

    def watch(self, tell: Tell) -> AbstractContextManager[None]:
        """While the block runs ``tell`` is called for changes in the network: see :mod:`appliance.kernel.monitor`."""
        return watching(tell)

    async def lacks(self) -> tuple[SystemLacks, ...]:
        """What the kernel does not offer or we may not do, each with its remedy. Changes nothing."""
        return await _converse(_find_lacks)


def _carried_out(changes: Sequence[Change]) -> tuple[Outcome, ...]:
    with Conversation() as talk:
        return carry_out(changes, talk)


async def _converse(act: Callable[[Conversation], T]) -> T:
    talk = Conversation()

    def act_and_close() -> T:
        with talk:
            return act(talk)

    return await asyncio.to_thread(act_and_close)


def _observe(talk: Conversation) -> frozenset[Resource]:
    links = talk.links()
    found: Iterable[Resource | None] = chain(
        map(own_link, links.values()),
        (own_address(facts, links) for facts in talk.addresses()),
        (own_route(facts, links) for facts in talk.routes(dump_own_routes)),
        (own_nexthop(facts, links) for facts in talk.nexthops().values()),
        map(own_rule, talk.of_both_families(dump_rules)),
        map(own_policy, _policies(talk)),
        own_detours(talk.dump(dump_detours()), links),
    )
    return frozenset(resource for resource in found if resource is not None)


def _policies(talk: Conversation) -> list[bytes]:
    """None for who may not see them: Linux shows IPsec policies to administrators alone."""
    with suppress(SystemLacks):
        return talk.dump(dump_policies())
    return []


def _observe_learned(talk: Conversation) -> frozenset[Resource]:
    links = talk.links()
    found: Iterable[Resource | None] = chain(
        map(learned_route, talk.routes(dump_learned_routes)),
        (own_nexthop(facts, links, LEARNED_PROTOCOL) for facts in talk.nexthops().values()),
    )
    return frozenset(resource for resource in found if resource is not None)


def _describe(talk: Conversation) -> Machine:
    links = talk.links()
    addresses = talk.addresses()
    interfaces = {
        link.name: Interface(
            name=link.name,
            mtu=link.mtu,
            up=link.up,
            addresses=tuple(facts.address for facts in addresses if facts.index == link.index),
            kind=link.kind,
            alias=link.alias,
            running=link.running,
            accept_ra=link.accept_ra,
        )
        for link in links.values()
    }
    defaults = find_defaults(talk.routes(dump_main_routes, only=is_default), talk.nexthops(), links)
    return Machine(interfaces, defaults, os.uname().release)


def _can_redirect(talk: Conversation) -> bool:
    (answer,) = talk.ask((probe_redirection(),))
    return answer.errno == EINVAL


def _rehearse(talk: Conversation, names: Collection[str]) -> list[int]:
    """How each step went; none without such a link."""
    link = next((link for link in talk.links_by_name(names).values() if link.is_ours), None)
    if link is None:
        return []
    *steps, over = rehearsal(link)
    errors = [ack.errno for ack in talk.ask(steps)]
    if errors[0] == 0:
        talk.ask((over,))
    return errors


def _find_lacks(talk: Conversation) -> tuple[SystemLacks, ...]:
    kind, nexthop = talk.ask((probe_kind(), probe_nexthop()))
    lacks = []
    if kind.errno == EPERM:
        lacks.append(SystemLacks(NO_PRIVILEGE, hint="run as root"))
    elif kind.errno != EINVAL:
        lacks.append(
            SystemLacks(
                "this kernel has no XFRM interfaces",
                hint="load the module xfrm_interface, or run a kernel built with CONFIG_XFRM_INTERFACE",
            )
        )
    if nexthop.errno != ENOENT:
        lacks.append(SystemLacks("this kernel has no nexthop objects", hint="run Linux 5.3 or later"))
    return tuple(lacks)


def _in_words(ack: Ack) -> Ack:
    return ack if ack.text or not ack.errno else Ack(ack.errno, os.strerror(ack.errno))


def _refuse(ack: Ack) -> None:
    if ack.errno == EPERM:
        raise SystemLacks(NO_PRIVILEGE, hint="run as root")
    if ack.errno:
        raise SystemFailure(f"the kernel did not show its tables: {ack.text}")


def _padded(message: bytes) -> bytes:
    return message + bytes(-len(message) % 4)
