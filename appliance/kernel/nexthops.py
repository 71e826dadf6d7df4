"""Nexthop objects: rtnetlink's messages to :class:`Nexthop` and :class:`NexthopGroup` and back (linux/nexthop.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from errno import ENOENT
from struct import Struct

from appliance.kernel.families import FAMILIES, NUMBERS, parse_address
from appliance.kernel.links import LinkFacts, standing
from appliance.kernel.wire import (
    CREATE,
    DEL_NEXTHOP,
    DUMP,
    EXCLUSIVE,
    GET_NEXTHOP,
    NEW_NEXTHOP,
    REPLACE,
    Request,
    attribute,
    attributes,
    number,
    u32,
)
from appliance.model.address import IPAddress
from appliance.model.change import Change
from appliance.model.resources import OWN_NEXTHOPS, ROUTE_PROTOCOL, Nexthop, NexthopGroup

INFO = Struct("=BBBBI")  # family, scope, protocol, reserved, flags
MEMBER = Struct("=IBBH")  # id, weight - 1, its high byte, reserved (struct nexthop_grp)
ID, GROUP, BLACKHOLE, OIF, GATEWAY = 1, 2, 4, 5, 6


@dataclass(frozen=True, slots=True)
class NexthopFacts:
    """A nexthop object as the kernel has it: a way out, or a group of them as (id, weight)."""

    id: int
    protocol: int
    family: int = 0  # 4 or 6; 0 for a group
    oif: int = 0
    gateway: IPAddress | None = None
    members: tuple[tuple[int, int], ...] = ()
    blackhole: bool = False


def dump_nexthops() -> Request:
    """Ask for every nexthop object, also those of FRR: routes lead through them."""
    return Request(GET_NEXTHOP, DUMP, INFO.pack(0, 0, 0, 0, 0))


def probe_nexthop() -> Request:
    """Ask for an object that nobody has: ENOENT tells that the kernel knows nexthop objects, EOPNOTSUPP that not."""
    return Request(GET_NEXTHOP, 0, INFO.pack(0, 0, 0, 0, 0) + u32(ID, 0xFFFF_FFFF))


def parse_nexthop(body: bytes) -> NexthopFacts:
    """The nexthop object this message describes, ours or not."""
    family, _, protocol, _, _ = INFO.unpack_from(body)
    found = attributes(body, INFO.size)
    members = tuple((id, low + (high << 8) + 1) for id, low, high, _ in MEMBER.iter_unpack(found.get(GROUP, b"")))
    gateway = found.get(GATEWAY)
    return NexthopFacts(
        id=number(found, ID),
        protocol=protocol,
        family=FAMILIES.get(family, 0),
        oif=number(found, OIF),
        gateway=None if gateway is None else parse_address(gateway),
        members=members,
        blackhole=BLACKHOLE in found,
    )


def own_nexthop(
    facts: NexthopFacts, links: Mapping[int, LinkFacts], protocol: int = ROUTE_PROTOCOL
) -> Nexthop | NexthopGroup | None:
    """The resource, or None for an object that does not carry ``protocol``, a number of ours."""
    if facts.protocol != protocol:
        return None
    if facts.members:
        return NexthopGroup(facts.id, tuple(sorted(facts.members)), protocol)
    if facts.blackhole:
        return Nexthop(facts.id, None, facts.family, protocol=protocol)
    link = links.get(facts.oif)
    return None if link is None else Nexthop(facts.id, link.name, facts.family, facts.gateway, protocol)


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The message that carries out a change. An object is replaced in place: the routes over it move at once."""
    resource = change.resource
    assert isinstance(resource, Nexthop | NexthopGroup)
    if change.new is None:
        return (Request(DEL_NEXTHOP, 0, INFO.pack(0, 0, 0, 0, 0) + u32(ID, resource.id), forgive=(ENOENT,)),)
    may_stand = change.old is not None or resource.id in OWN_NEXTHOPS
    flags = CREATE | (REPLACE if may_stand else EXCLUSIVE)
    if isinstance(change.new, NexthopGroup):
        return (Request(NEW_NEXTHOP, flags, _group(change.new)),)
    assert isinstance(change.new, Nexthop)
    if change.new.link is None:
        return (Request(NEW_NEXTHOP, flags, _nowhere(change.new)),)
    return (Request(NEW_NEXTHOP, flags, _single(change.new, standing(change.new.link, present))),)


def _single(nexthop: Nexthop, link: LinkFacts) -> bytes:
    body = INFO.pack(NUMBERS[nexthop.family], 0, nexthop.protocol, 0, 0) + u32(ID, nexthop.id)
    if nexthop.gateway is not None:
        body += attribute(GATEWAY, nexthop.gateway.packed)
    return body + u32(OIF, link.index)


def _nowhere(nexthop: Nexthop) -> bytes:
    head = INFO.pack(NUMBERS[nexthop.family], 0, nexthop.protocol, 0, 0)
    return head + u32(ID, nexthop.id) + attribute(BLACKHOLE, b"")


def _group(group: NexthopGroup) -> bytes:
    members = b"".join(MEMBER.pack(id, (weight - 1) & 0xFF, 0, 0) for id, weight in group.members)
    return INFO.pack(0, 0, group.protocol, 0, 0) + u32(ID, group.id) + attribute(GROUP, members)
