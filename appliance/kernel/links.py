"""XFRM links: rtnetlink's link messages to :class:`XfrmLink` and back (linux/if_link.h)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from errno import EAFNOSUPPORT, ENODEV, EOPNOTSUPP
from struct import Struct
from sys import byteorder

from appliance.kernel.wire import (
    CREATE,
    DEL_LINK,
    DUMP,
    EXCLUSIVE,
    GET_LINK,
    INET6,
    NESTED,
    NEW_LINK,
    U8,
    Request,
    attribute,
    attributes,
    number,
    string,
    text,
    u32,
)
from appliance.model.change import Change
from appliance.model.fault import SystemFailure
from appliance.model.resources import LINK_MARK, XfrmLink

INFO = Struct("=BxHiII")  # family, hardware type, index, flags, which flags change
STATS = Struct("=QQQQ")  # packets received, sent; bytes received, sent (struct rtnl_link_stats64)
UP, RUNNING = 0x1, 0x40

NAME, MTU, LINK_INFO, ALIAS, STATS64, AF_SPEC, GROUP, EXT_MASK = 3, 4, 18, 20, 23, 26, 27, 29
KIND, DATA = 1, 2
IF_ID = 2
ADDR_GEN_MODE, GEN_NONE = 8, 1
SKIP_STATS = 0x8
INET6_SETTINGS, ACCEPT_RA = 2, 3
"""IFLA_INET6_CONF, of the IPv6 part of AF_SPEC: the numbers of net.ipv6.conf in the order of DEVCONF_*."""

KIND_XFRM = "xfrm"

BIRTH_GROUP = 173
"""The netdev group that our links are born into. Linux takes no alias in the message that creates a link, and a killed
process must not leave behind a link that nobody owns: until it has an alias, its group is our mark."""

FIRST_DOOMED_GROUP = 0x61_70_70_00
"""Links that go together are put into one group of their own, from this number on: Linux waits out a grace period for
each deletion call (22 ms), not for each link."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """A link of any kind as the kernel describes it. MTU and counters in bytes, the latter 0 if not asked."""

    index: int
    name: str
    mtu: int
    up: bool
    kind: str | None = None
    alias: str | None = None
    group: int = 0
    if_id: int | None = None
    received: int = 0
    sent: int = 0
    running: bool = True
    accept_ra: int | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is an XFRM link that carries our mark."""
        if self.kind != KIND_XFRM:
            return False
        return self.group == BIRTH_GROUP if self.alias is None else self.alias.startswith(LINK_MARK)


@dataclass(frozen=True, slots=True)
class Clash:
    """A link that is not ours and holds a name or an ``if_id`` that we want."""

    wanted: XfrmLink
    holder: LinkFacts

    def __str__(self) -> str:
        what = f"the interface name {self.wanted.name}"
        if self.holder.name != self.wanted.name:
            what = f"if_id {self.wanted.if_id}, wanted for {self.wanted.name},"
        return f"{what} is taken by {self.holder.name} ({self.holder.kind or 'a device'}), which is not ours"


def dump_links(*, counters: bool = False) -> Request:
    """Ask for every link; statistics are most of the answer and come only on wish."""
    return Request(GET_LINK, DUMP, INFO.pack(0, 0, 0, 0, 0) + u32(EXT_MASK, 0 if counters else SKIP_STATS))


def get_link(name: str) -> Request:
    """Ask for one link; that there is none is an answer too."""
    body = INFO.pack(0, 0, 0, 0, 0) + u32(EXT_MASK, SKIP_STATS) + text(NAME, name)
    return Request(GET_LINK, 0, body, forgive=(ENODEV,))


def parse_link(body: bytes) -> LinkFacts:
    """The link this message describes, ours or not."""
    _, _, index, flags, _ = INFO.unpack_from(body)
    found = attributes(body, INFO.size)
    info = attributes(found.get(LINK_INFO, b""))
    kind = string(info, KIND)
    data = attributes(info.get(DATA, b"")) if kind == KIND_XFRM else {}
    _, _, received, sent = STATS.unpack_from(found[STATS64]) if STATS64 in found else (0, 0, 0, 0)
    return LinkFacts(
        index=index,
        name=string(found, NAME) or "",
        mtu=number(found, MTU),
        up=bool(flags & UP),
        running=bool(flags & RUNNING),
        kind=kind,
        alias=string(found, ALIAS),
        group=number(found, GROUP),
        if_id=number(data, IF_ID) if IF_ID in data else None,
        received=received,
        sent=sent,
        accept_ra=_accept_ra(found),
    )


def _accept_ra(found: Mapping[int, bytes]) -> int | None:
    """The IPv6 setting of that name; None where the link has no IPv6."""
    settings = attributes(attributes(found.get(AF_SPEC, b"")).get(INET6, b"")).get(INET6_SETTINGS, b"")
    at = 4 * ACCEPT_RA
    return int.from_bytes(settings[at : at + 4], byteorder, signed=True) if len(settings) >= at + 4 else None


def own_link(facts: LinkFacts) -> XfrmLink | None:
    """The resource, or None for a link that is not ours to touch."""
    if not facts.is_ours:
        return None
    return XfrmLink(facts.name, facts.if_id or 0, facts.mtu, facts.alias or "", facts.up)


def find_clashes(wanted: Iterable[XfrmLink], present: Collection[LinkFacts]) -> tuple[Clash, ...]:
    """Every foreign link in the way of one that we want, in the order of the wishes."""
    foreign = [facts for facts in present if not facts.is_ours]
    return tuple(
        Clash(link, facts)
        for link in wanted
        for facts in foreign
        if facts.name == link.name or (facts.kind == KIND_XFRM and facts.if_id == link.if_id)
    )


def standing(name: str, present: Mapping[str, LinkFacts]) -> LinkFacts:
    """The link of this name. Raises SystemFailure when there is none, which may pass."""
    if name not in present:
        raise SystemFailure(f"there is no interface {name}", retry=True)
    return present[name]


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The messages that carry out a change of a link, each to be sent once the one before it succeeded."""
    if isinstance(change.new, XfrmLink):
        if change.old is None:
            return _creation(change.new)
        link = standing(change.new.name, present)
        _refuse_foreign(link)
        return (_alteration(change.new, link),)
    assert isinstance(change.old, XfrmLink)
    old = present.get(change.old.name)
    if old is None:
        return ()
    _refuse_foreign(old)
    return (Request(DEL_LINK, 0, INFO.pack(0, 0, old.index, 0, 0), forgive=(ENODEV,)),)


def enter_group(facts: LinkFacts, group: int) -> Request:
    """Put a link of ours into a netdev group."""
    _refuse_foreign(facts)
    return Request(NEW_LINK, 0, INFO.pack(0, 0, facts.index, 0, 0) + u32(GROUP, group))


def delete_group(group: int) -> Request:
    """Delete every link of a netdev group at once."""
    return Request(DEL_LINK, 0, INFO.pack(0, 0, 0, 0, 0) + u32(GROUP, group))


def free_group(present: Iterable[LinkFacts]) -> int:
    """A netdev group that no link is in, so that deleting it takes only what we put there."""
    taken = {facts.group for facts in present}
    return next(group for group in range(FIRST_DOOMED_GROUP, 0xFFFF_FFFF) if group not in taken)


def probe_kind() -> Request:
    """A link that can never be: EINVAL (if_id 0 is refused) tells that the kernel knows the kind, EOPNOTSUPP that it
    does not, EPERM that we may not make links."""
    return Request(NEW_LINK, CREATE | EXCLUSIVE, INFO.pack(0, 0, 0, 0, 0) + text(NAME, "xfrm-probe") + _xfrm(0))


def _refuse_foreign(facts: LinkFacts) -> None:
    if not facts.is_ours:
        raise SystemFailure(f"interface {facts.name} is not ours", code="foreign-link")


def _creation(link: XfrmLink) -> tuple[Request, ...]:
    """Born down and nameless, then named, silenced, and only then up: so no link-local address is made.

    It would make the kernel send router solicitations and MLD reports into the tunnel; each counts as traffic that was
    not the user's. Where BGP over IPv6 needs one, it is an inside address like the others. A link without IPv6
    (switched off, or an MTU below 1280) refuses to be silenced, and need not be.
    """
    body = INFO.pack(0, 0, 0, 0, 0) + u32(MTU, link.mtu) + u32(GROUP, BIRTH_GROUP) + text(NAME, link.name)
    quiet = attribute(AF_SPEC | NESTED, attribute(INET6 | NESTED, attribute(ADDR_GEN_MODE, U8.pack(GEN_NONE))))
    by_name = text(NAME, link.name)
    return (
        Request(NEW_LINK, CREATE | EXCLUSIVE, body + _xfrm(link.if_id)),
        Request(NEW_LINK, 0, INFO.pack(0, 0, 0, 0, 0) + by_name + attribute(ALIAS, link.alias.encode())),
        Request(NEW_LINK, 0, INFO.pack(0, 0, 0, 0, 0) + by_name + quiet, forgive=(EAFNOSUPPORT, EOPNOTSUPP)),
        Request(NEW_LINK, 0, INFO.pack(0, 0, 0, UP, UP) + by_name),
    )


def _alteration(link: XfrmLink, old: LinkFacts) -> Request:
    """Everything that differs, in place: addresses, routes and SAs stay."""
    body = INFO.pack(0, 0, old.index, UP, UP)
    if link.mtu != old.mtu:
        body += u32(MTU, link.mtu)
    if link.alias != old.alias:
        body += attribute(ALIAS, link.alias.encode())
    if link.if_id != old.if_id:
        body += _xfrm(link.if_id)
    return Request(NEW_LINK, 0, body)


def _xfrm(if_id: int) -> bytes:
    return attribute(LINK_INFO, attribute(KIND, KIND_XFRM.encode()) + attribute(DATA, u32(IF_ID, if_id)))
