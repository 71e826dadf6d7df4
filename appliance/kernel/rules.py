"""Policy routing rules: rtnetlink's rule messages to :class:`Rule` and back (linux/fib_rules.h)."""

from __future__ import annotations

from collections.abc import Mapping
from errno import EEXIST, ENOENT
from struct import Struct

from appliance.kernel.families import FAMILIES, NUMBERS, parse_network
from appliance.kernel.links import LinkFacts
from appliance.kernel.wire import (
    CREATE,
    DEL_RULE,
    DUMP,
    EXCLUSIVE,
    GET_RULE,
    NEW_RULE,
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
from appliance.model.resources import ROUTE_PROTOCOL, Rule

INFO = Struct("=BBBBBBBBI")  # family, lengths of destination and source, tos, table, two reserved, action, flags
DST, SRC, INCOMING, PRIORITY, SUPPRESS_LENGTH, TABLE, PROTOCOL = 1, 2, 3, 6, 14, 15, 21
LOOKUP = 1  # FR_ACT_TO_TBL
_ANY_LENGTH = 0xFFFF_FFFF
"""What Linux shows where no route is passed over for its length."""


def dump_rules(family: int) -> Request:
    """Ask for every rule of a family."""
    return Request(GET_RULE, DUMP, INFO.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


def own_rule(body: bytes) -> Rule | None:
    """The resource, or None for a rule that does not carry our protocol number."""
    family, dst_length, src_length, _, table, _, _, action, _ = INFO.unpack_from(body)
    found = attributes(body, INFO.size)
    if found.get(PROTOCOL, b"\0")[0] != ROUTE_PROTOCOL or action != LOOKUP or family not in FAMILIES:
        return None
    return Rule(
        priority=number(found, PRIORITY),
        table=number(found, TABLE, table),
        source=parse_network(family, found[SRC], src_length) if SRC in found else None,
        destination=parse_network(family, found[DST], dst_length) if DST in found else None,
        family=FAMILIES[family],
        incoming=string(found, INCOMING),
        no_default=number(found, SUPPRESS_LENGTH, _ANY_LENGTH) == 0,
    )


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The messages that carry out a change: the new rule stands before the old one goes.

    A process killed between the two left both rules: then only the second step is left to do.
    """
    done = []
    if isinstance(change.new, Rule):
        already = () if change.old is None else (EEXIST,)
        done.append(Request(NEW_RULE, CREATE | EXCLUSIVE, _body(change.new), forgive=already))
    if isinstance(change.old, Rule):
        done.append(Request(DEL_RULE, 0, _body(change.old), forgive=(ENOENT,)))
    return tuple(done)


def _body(rule: Rule) -> bytes:
    src, dst = rule.source, rule.destination
    if any(end is not None and end.prefixlen == 0 for end in (src, dst)):
        raise SystemFailure(f"{rule.key}: an end that matches everything is left out, or Linux shows it otherwise")
    low = rule.table if rule.table < 256 else 0
    lengths = (dst.prefixlen if dst else 0, src.prefixlen if src else 0)
    body = INFO.pack(NUMBERS[rule.family], *lengths, 0, low, 0, 0, LOOKUP, 0) + u32(PRIORITY, rule.priority)
    if src is not None:
        body += attribute(SRC, src.network_address.packed)
    if dst is not None:
        body += attribute(DST, dst.network_address.packed)
    if rule.incoming is not None:
        body += text(INCOMING, rule.incoming)
    if rule.no_default:
        body += u32(SUPPRESS_LENGTH, 0)
    body += attribute(PROTOCOL, U8.pack(ROUTE_PROTOCOL))
    return body + (u32(TABLE, rule.table) if rule.table >= 256 else b"")
