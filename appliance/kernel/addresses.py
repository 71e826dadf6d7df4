"""Inside addresses: rtnetlink's address messages to :class:`InsideAddress` and back (linux/if_addr.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, ENODEV
from ipaddress import ip_interface
from struct import Struct

from appliance.kernel.families import FAMILIES, family_of, parse_address
from appliance.kernel.links import LinkFacts, standing
from appliance.kernel.wire import (
    CREATE,
    DEL_ADDRESS,
    DUMP,
    EXCLUSIVE,
    GET_ADDRESS,
    NEW_ADDRESS,
    U8,
    Request,
    attribute,
    attributes,
)
from appliance.model.address import IPInterface
from appliance.model.change import Change
from appliance.model.resources import ROUTE_PROTOCOL, InsideAddress

INFO = Struct("=BBBBI")  # family, prefix length, flags, scope, interface index
ADDRESS, LOCAL, PROTOCOL = 1, 2, 11
NO_DAD = 0x02
SCOPE_LINK = 253


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """An address as the kernel has it; ``protocol`` says who put it there (Linux 5.18)."""

    index: int
    address: IPInterface
    protocol: int
    scope: int


def dump_addresses() -> Request:
    """Ask for every address of both families."""
    return Request(GET_ADDRESS, DUMP, INFO.pack(0, 0, 0, 0, 0))


def parse_address_facts(body: bytes) -> AddressFacts | None:
    """The address this message describes, or None for one of neither IP family."""
    family, length, _, scope, index = INFO.unpack_from(body)
    found = attributes(body, INFO.size)
    raw = found.get(LOCAL, found.get(ADDRESS))
    if family not in FAMILIES or raw is None:
        return None
    protocol = found.get(PROTOCOL, b"\0")[0]
    return AddressFacts(index, ip_interface((parse_address(raw), length)), protocol, scope)


def own_address(facts: AddressFacts, links: Mapping[int, LinkFacts]) -> InsideAddress | None:
    """The resource, or None for an address that is not ours.

    Ours is what carries our protocol number, and whatever is on a link of ours but IPv6's own link-local.
    """
    link = links.get(facts.index)
    if link is None:
        return None
    made_by_kernel = facts.address.version == 6 and facts.scope == SCOPE_LINK
    if facts.protocol == ROUTE_PROTOCOL or (link.is_ours and not made_by_kernel):
        return InsideAddress(link.name, facts.address)
    return None


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The messages that carry out a change of an address; the link must be there, except to remove."""
    resource = change.resource
    assert isinstance(resource, InsideAddress)
    if change.new is None and resource.link not in present:
        return ()
    link = standing(resource.link, present)
    if change.new is None:
        return (Request(DEL_ADDRESS, 0, _body(resource, link), forgive=(EADDRNOTAVAIL, ENODEV)),)
    return (Request(NEW_ADDRESS, CREATE | EXCLUSIVE, _body(resource, link)),)


def _body(resource: InsideAddress, link: LinkFacts) -> bytes:
    """No duplicate address detection: inside a tunnel nobody answers it, and until it ends nothing can be sent."""
    address = resource.address
    flags = NO_DAD if address.version == 6 else 0
    head = INFO.pack(family_of(address), address.network.prefixlen, flags, 0, link.index)
    raw = address.ip.packed
    return head + attribute(LOCAL, raw) + attribute(PROTOCOL, U8.pack(ROUTE_PROTOCOL)) + attribute(ADDRESS, raw)
