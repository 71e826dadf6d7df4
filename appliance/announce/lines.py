"""What ExaBGP says on its JSON interface (version 5), line by line, as messages.

Nothing that comes is trusted to have a shape: a line that was cut, or of a kind nobody knows, is :class:`Unreadable`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import (
    Answered,
    Attributes,
    EndOfRib,
    Message,
    Notified,
    Opened,
    Origin,
    StateChange,
    Unreadable,
    Update,
)

Json = Mapping[str, Any]

ORIGINS = {"igp": Origin.IGP, "egp": Origin.EGP, "incomplete": Origin.INCOMPLETE}
FAMILIES = {"ipv4 unicast": 4, "ipv6 unicast": 6}
SEQUENCE, SET, CONFEDERATION = "as-sequence", "as-set", ("confed-sequence", "confed-set")
MALFORMED = "a malformed attribute"
LEFT_OUT, NO_HOP = "discard", "no-nexthop"
"""ExaBGP's words for an attribute that it did without, and for a next hop that there is not."""
SHOWN = 60  # characters of a line that could not be read
_RESTART = "64"  # RFC 4724, the capability's code


def parse_line(line: bytes) -> tuple[Message, ...]:
    """What one line says; more than one message where an UPDATE speaks of several families."""
    text = line.strip()
    if text in (b"done", b"error"):
        return (Answered(text == b"done"),)
    if text == b"shutdown" or text.endswith(b" in progress"):  # it repeats the command
        return ()
    try:
        return tuple(_messages(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        shown = text[:SHOWN].decode("ascii", "replace")
        return (Unreadable(f"ExaBGP said something that cannot be read: {shown!r} ({len(text)} bytes)"),)


def _messages(data: Json) -> Iterator[Message]:
    kind = data["type"]
    if kind == "notification" and "neighbor" not in data:  # it says goodbye
        return
    neighbor = data["neighbor"]
    address = _address(neighbor["address"]["peer"])
    if kind == "update":
        yield from _update(address, neighbor["message"])
    elif kind == "state":
        yield StateChange(address, str(neighbor["state"]), str(neighbor.get("reason", "")))
    elif kind == "open":
        if neighbor["direction"] == "receive":
            yield _opened(address, neighbor["open"])
    elif kind == "notification":
        yield _notified(address, neighbor)
    elif kind != "refresh":
        yield Unreadable(f"ExaBGP said something of a kind that is not known: {str(kind)[:SHOWN]!r}")


def _opened(address: IPAddress, said: Json) -> Opened:
    capabilities = said["capabilities"]
    restart = capabilities.get(_RESTART)
    asn4 = capabilities.get("65", {}).get("asn4")
    return Opened(
        neighbor=address,
        asn=int(said["asn"] if asn4 is None else asn4),
        router_id=str(said["router_id"]),
        hold=int(said["hold_time"]),
        restart_s=int(restart["time"]) if restart else None,
        four_octets=asn4 is not None,
    )


def _notified(address: IPAddress, neighbor: Json) -> Notified:
    said = neighbor["notification"]
    sent = neighbor.get("direction") == "send"
    return Notified(address, sent, int(said["code"]), int(said["subcode"]), str(said.get("message", ""))[:200])


def _update(address: IPAddress, message: Json) -> Iterator[Message]:
    if "eor" in message:
        yield EndOfRib(address, 6 if message["eor"]["afi"] == "ipv6" else 4)
        return
    update = message["update"]
    offered = update.get("announce", {})
    announced = tuple(_announced(offered, address))
    withdrawn = tuple(_withdrawn(update.get("withdraw", {})))
    said = update.get("attribute", {})
    fault, attributes = (_fault(said, offered) if announced or "error" in said else None), None
    if announced and fault is None:
        try:
            attributes = _attributes(said)
        except (ValueError, KeyError, TypeError, AttributeError):  # ExaBGP lets some pass that RFC 7606 does not
            fault = MALFORMED
    if announced or withdrawn or fault:
        yield Update(address, attributes, announced, withdrawn, fault)


def _announced(families: Json, teller: IPAddress) -> Iterator[tuple[IPNetwork, IPAddress]]:
    for family, hops in families.items():
        if family in FAMILIES:
            for hop, prefixes in hops.items():
                nexthop = teller if hop == NO_HOP else _address(hop)
                for one in prefixes:
                    yield ip_network(one["nlri"] if isinstance(one, dict) else one), nexthop


def _withdrawn(families: Json) -> Iterator[IPNetwork]:
    for family, prefixes in families.items():
        if family in FAMILIES:
            for one in prefixes:
                yield ip_network(one["nlri"] if isinstance(one, dict) else one)


def _fault(said: Json, offered: Json) -> str | None:
    """Why an UPDATE counts as a withdrawal: ExaBGP found an attribute malformed that cannot just be left out, or one
    that must be there is not (RFC 7606, section 3, d)."""
    if not str(said.get("error", LEFT_OUT)).startswith(LEFT_OUT):
        return MALFORMED
    missing = [name for name in ("origin", "as-path") if name not in said]
    missing += ["next-hop"] if any(NO_HOP in hops for hops in offered.values()) else []
    return f"without the attribute {' and '.join(missing)}" if missing else None


def _attributes(said: Json) -> Attributes:
    path, length, first = _path(said["as-path"])
    return Attributes(
        origin=ORIGINS[said["origin"]],
        as_path=path,
        as_length=length,
        first_as=first,
        med=int(said["med"]) if "med" in said else None,
        communities=tuple(":".join(map(str, one)) for one in said.get("community", ())),
    )


def _path(segments: Json) -> tuple[tuple[int, ...], int, int | None]:
    """All numbers, the length that counts, and the AS that the path begins with."""
    numbers: list[int] = []
    length, first = 0, None
    for key in sorted(segments, key=int):
        kind, values = segments[key]["element"], [int(value) for value in segments[key]["value"]]
        numbers += values
        if kind == SEQUENCE:
            length += len(values)
        elif kind == SET:
            length += bool(values)
        elif kind not in CONFEDERATION:
            raise ValueError(kind)
        if first is None and values and kind == SEQUENCE:
            first = values[0]
    return tuple(numbers), length, first


@lru_cache(maxsize=4096)
def _address(text: str) -> IPAddress:
    return ip_address(text)
