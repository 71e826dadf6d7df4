"""IPsec policies: XFRM's policy messages to :class:`XfrmPolicy` and back (linux/xfrm.h)."""

from __future__ import annotations

from collections.abc import Mapping
from errno import ENOENT
from ipaddress import ip_address
from struct import Struct

from appliance.kernel.families import FAMILIES, NUMBERS, parse_network
from appliance.kernel.links import LinkFacts
from appliance.kernel.wire import DUMP, INET, XFRM, Request, attribute, attributes, number
from appliance.model.address import IPAddress
from appliance.model.change import Change
from appliance.model.resources import LAST_POLICIES, OWN_POLICIES, XfrmPolicy

NEW_POLICY, DEL_POLICY, GET_POLICY, UPDATE_POLICY = 19, 20, 21, 25
TEMPLATES, IF_ID = 5, 31
DIRECTIONS = {"in": 0, "out": 1, "fwd": 2}
ALLOW, BLOCK = 0, 1
TUNNEL_MODE, ESP, UNIQUE = 1, 50, 0
ENDLESS = 0xFFFF_FFFF_FFFF_FFFF
EVERY_ALGORITHM = 0xFFFF_FFFF

SELECTOR = Struct("=16s16sHHHHHBBB3xiI")  # destination, source, ports and masks, family, lengths, protocol, link, user
LIFETIMES = Struct("=8Q4Q")  # bytes and packets soft and hard, four times; what was used up
ABOUT = Struct("=IIBBBB4x")  # priority, index, direction, action, flags, share
BY_SELECTOR = Struct("=IB3x")  # index, direction
TEMPLATE = Struct("=16sIB3xH2x16sIBBBxIII")  # destination, SPI, protocol, family, source, reqid, mode, ..., algorithms


def dump_policies() -> Request:
    """Ask for every policy of the network namespace."""
    return Request(GET_POLICY, DUMP, b"", protocol=XFRM)


def own_policy(body: bytes) -> XfrmPolicy | None:
    """The resource, or None for a policy whose priority is not one of ours, or that belongs to an interface."""
    selector = SELECTOR.unpack_from(body)
    priority, _, direction, action, _, _ = ABOUT.unpack_from(body, SELECTOR.size + LIFETIMES.size)
    found = attributes(body, SELECTOR.size + LIFETIMES.size + ABOUT.size)
    names = {value: name for name, value in DIRECTIONS.items()}
    ours = priority in OWN_POLICIES or priority in LAST_POLICIES
    if not ours or number(found, IF_ID) or direction not in names:
        return None
    family, to_length, from_length = selector[6:9]
    width = 4 if family == INET else 16
    reqid, ends = (0, (None, None)) if action == BLOCK else _parse_template(found.get(TEMPLATES, b""))
    return XfrmPolicy(
        direction=names[direction],
        source=parse_network(family, selector[1][:width], from_length),
        destination=parse_network(family, selector[0][:width], to_length),
        priority=priority,
        reqid=reqid,
        outer_source=ends[0],
        outer_destination=ends[1],
    )


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The message that carries out a change. A policy is replaced in place: there is no moment without one."""
    if isinstance(change.new, XfrmPolicy):
        return (Request(UPDATE_POLICY, 0, _body(change.new), protocol=XFRM),)
    assert isinstance(change.old, XfrmPolicy)
    body = _selector(change.old) + BY_SELECTOR.pack(0, DIRECTIONS[change.old.direction])
    return (Request(DEL_POLICY, 0, body, forgive=(ENOENT,), protocol=XFRM),)


def _body(policy: XfrmPolicy) -> bytes:
    action = ALLOW if policy.reqid else BLOCK
    lifetimes = LIFETIMES.pack(*(ENDLESS,) * 4, *(0,) * 8)
    about = ABOUT.pack(policy.priority, 0, DIRECTIONS[policy.direction], action, 0, UNIQUE)
    return _selector(policy) + lifetimes + about + (attribute(TEMPLATES, _template(policy)) if policy.reqid else b"")


def _selector(policy: XfrmPolicy) -> bytes:
    to, from_ = policy.destination, policy.source
    ends = (_packed(to.network_address), _packed(from_.network_address))
    return SELECTOR.pack(*ends, 0, 0, 0, 0, NUMBERS[to.version], to.prefixlen, from_.prefixlen, 0, 0, 0)


def _template(policy: XfrmPolicy) -> bytes:
    """An address that is left out fits every SA of the request id."""
    outer = policy.outer_source or policy.outer_destination
    family = NUMBERS[outer.version if outer else policy.source.version]
    ends = (_packed(policy.outer_destination), _packed(policy.outer_source))
    algorithms = (EVERY_ALGORITHM,) * 3
    return TEMPLATE.pack(ends[0], 0, ESP, family, ends[1], policy.reqid, TUNNEL_MODE, 0, 0, *algorithms)


def _parse_template(data: bytes) -> tuple[int, tuple[IPAddress | None, IPAddress | None]]:
    if len(data) < TEMPLATE.size:
        return 0, (None, None)
    to, _, _, family, from_, reqid, *_ = TEMPLATE.unpack_from(data)
    return reqid, (_unpacked(family, from_), _unpacked(family, to))


def _packed(address: IPAddress | None) -> bytes:
    return (address.packed if address else b"").ljust(16, b"\0")


def _unpacked(family: int, data: bytes) -> IPAddress | None:
    if family not in FAMILIES or not any(data):
        return None
    return ip_address(data[:4] if family == INET else data)
