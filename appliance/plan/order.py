"""In which order changes are safe, and which must not happen when another has failed.

Build bottom-up, then remove top-down: no path goes before its replacement stands. What must never be is a moment with
forwarding but without the barriers, or an SA without its interface (its packets would leave in clear).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from appliance.model.address import IPInterface
from appliance.model.change import Change
from appliance.model.resources import (
    Blackhole,
    Detour,
    ExabgpConfig,
    FirewallTable,
    FrrConfig,
    IkeConnection,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    SharedKey,
    Sysctl,
    XfrmLink,
    XfrmPolicy,
)

BUILD_ORDER: tuple[type, ...] = (
    Blackhole,
    FirewallTable,
    XfrmPolicy,
    Sysctl,
    XfrmLink,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Rule,
    Route,
    Detour,
    SharedKey,
    IkeConnection,
    FrrConfig,
    ExabgpConfig,
)
"""Blackholes, filter and IPsec policies first: forwarding, a Sysctl, only once they stand. Links before what encrypts
into them."""

_LINK_SETTING = BUILD_ORDER.index(InsideAddress)


def in_order(changes: Collection[Change]) -> tuple[Change, ...]:
    """The changes as they may be carried out: additions and changes upwards, then removals downwards.

    The exceptions: what cannot coexist, one if_id under two names, one address on two links. There the old one goes
    first, with all that rests on it. And where tunnels go and none comes the filter changes last: until then it
    lets the far ends answer a goodbye, and nothing of their sessions out by an uplink.
    """
    wanted = [change.new for change in changes if change.new is not None and change.old is None]
    if_ids = {
        change.new.if_id
        for change in changes
        if isinstance(change.new, XfrmLink)
        and not (isinstance(change.old, XfrmLink) and change.old.if_id == change.new.if_id)
    }
    addresses = {inside.address for inside in wanted if isinstance(inside, InsideAddress)}
    closing = _only_closes(changes)
    last = (2, 0, "")
    return tuple(
        sorted(
            changes,
            key=lambda change: last if closing and _is_filter(change) else _turn(change, if_ids, addresses),
        )
    )


def _only_closes(changes: Iterable[Change]) -> bool:
    ends = [change for change in changes if isinstance(change.resource, IkeConnection)]
    return bool(ends) and all(change.new is None for change in ends)


def _is_filter(change: Change) -> bool:
    return isinstance(change.old, FirewallTable) and isinstance(change.new, FirewallTable)


def _turn(change: Change, if_ids: Collection[int], addresses: Collection[IPInterface]) -> tuple[int, int, str]:
    resource = change.resource
    height = _height(resource)
    if change.new is not None:
        return 0, height, "" if _goes_first(resource) else resource.key
    match resource:
        case XfrmLink(if_id=taken) | IkeConnection(if_id=taken) if taken in if_ids:
            return -1, -height, resource.key
        case InsideAddress(address=address) if address in addresses:
            return -1, -height, resource.key
    return 1, -height, resource.key


def _goes_first(resource: Resource) -> bool:
    """Before forwarding, at which Linux drops what routers advertised."""
    return isinstance(resource, Sysctl) and resource.name.endswith(".accept_ra")


def held_back(change: Change, failed: Iterable[Change]) -> str | None:
    """Why this change must not be tried after those failed, or None. Removals are always tried."""
    if change.new is None:
        return None
    for broken in failed:
        if broken.new is not None and _rests_on(change.new, broken.new):
            return f"not tried, since this failed first: {broken.resource.key}"
    return None


def _height(resource: Resource) -> int:
    if isinstance(resource, Sysctl) and not resource.machine_wide:
        return _LINK_SETTING  # a setting of a link needs the link
    return BUILD_ORDER.index(type(resource))


def _rests_on(upper: Resource, lower: Resource) -> bool:
    match upper, lower:
        case IkeConnection(), XfrmLink():
            return upper.if_id == lower.if_id
        case InsideAddress(), XfrmLink():
            return upper.link == lower.name
        case Nexthop(), XfrmLink():
            return upper.link == lower.name
        case Detour(), XfrmLink():
            return lower.name in (upper.link, upper.via)
        case Sysctl(machine_wide=True), FirewallTable() | Blackhole():
            return upper.value == "1" and upper.name.endswith(("ip_forward", "forwarding"))
        case IkeConnection(), SharedKey():
            return lower.id.endswith(upper.name)
        case IkeConnection(), FirewallTable() | Blackhole() | XfrmPolicy():
            return True
    return False
