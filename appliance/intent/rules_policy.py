"""Mode policy: what goes into the tunnels is told by selectors, and nobody chooses by route."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.finding import Finding, connections_of, notice, overlap, within
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Intent, Selector

Named = tuple[str, IPNetwork]


def policy_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with selectors and with what mode policy cannot do."""
    taken: list[tuple[str, IPNetwork, IPNetwork]] = []
    for key, connection in connections_of(intent):
        if connection.mode != "policy":
            yield from _misplaced(key, connection)
            continue
        yield from _selector_findings(intent, key, connection)
        yield from _version_findings(intent, key, connection)
        yield from _habit_findings(key, connection)
        for index, one in enumerate(_products(intent, connection)):
            place = f"{key}.selectors[{index}]" if connection.selectors else f"{key}.networks"
            yield from _overlaps(place, one, taken)
            taken += [(place, near, far) for near in one.local for far in one.remote]


def _products(intent: Intent, connection: Connection) -> tuple[Selector, ...]:
    return connection.selectors or (Selector(intent.site.networks, connection.networks),)


def _misplaced(key: str, connection: Connection) -> Iterator[Finding]:
    if connection.selectors:
        message = "selectors are for mode policy: here routes choose"
        yield Finding(f"{key}.selectors", message, found=connection.mode, fix="leave them out", about=(f"{key}.mode",))


def _selector_findings(intent: Intent, key: str, connection: Connection) -> Iterator[Finding]:
    about = (f"{key}.mode",)
    if not connection.networks:
        yield Finding(f"{key}.networks", "missing: nobody tells what is behind the cloud", about=about)
    if not connection.selectors and not intent.site.networks:
        message = "missing: without selectors all of ours goes in, and there is nothing of ours"
        yield Finding("site.networks", message, about=(*about, f"{key}.selectors"))
    ours = (*intent.site.networks, *(network for lan in intent.lans for network in lan.networks))
    for index, one in enumerate(connection.selectors):
        place = f"{key}.selectors[{index}]"
        yield from _outside(f"{place}.local", one.local, ours, "is none of ours", ("site.networks",))
        wanted = "lies in none of the connection's networks"
        yield from _outside(f"{place}.remote", one.remote, connection.networks, wanted, (f"{key}.networks",))


def _outside(
    place: str, inner: tuple[IPNetwork, ...], outer: tuple[IPNetwork, ...], message: str, about: tuple[str, ...]
) -> Iterator[Finding]:
    for index, network in enumerate(inner):
        if not any(within(network, one) for one in outer):
            allowed = ", ".join(map(str, outer)) or None
            yield Finding(f"{place}[{index}]", message, found=str(network), allowed=allowed, about=about)


def _version_findings(intent: Intent, key: str, connection: Connection) -> Iterator[Finding]:
    """One quick mode of IKEv1 agrees on one network at either side (RFC 2409, section 5.5)."""
    products = _products(intent, connection)
    near = {network for one in products for network in one.local}
    far = {network for one in products for network in one.remote}
    several = len(near) > 1 or len(far) > 1
    for index, tunnel in enumerate(connection.tunnels):
        if several and tunnel.ike.version == 1:
            place = f"{key}.tunnels[{index}].ike.version"
            message = f"IKEv1 agrees on one network at either side, and there are {len(near)} and {len(far)}"
            about = (f"{key}.mode", f"{key}.selectors", f"{key}.networks", "site.networks")
            yield Finding(place, message, found="1", allowed="2: IKEv2 takes them all", about=about)


def _habit_findings(key: str, connection: Connection) -> Iterator[Finding]:
    about = (f"{key}.mode",)
    if connection.prefer == "equal":
        message = "one tunnel at a time carries in mode policy: both ends would have to choose alike"
        yield Finding(f"{key}.prefer", message, found="equal", allowed="ordered", about=about)
    if any(target.kind != "peer-inside" for target in connection.probe.targets):
        message = "in mode policy no tunnel can be asked over by itself: its SA and what comes out of it decide"
        yield notice(f"{key}.probe", connection.name, message, about=about)
    pairs = sum(len(one.local) * len(one.remote) for one in connection.selectors)
    if connection.cloud == "aws" and pairs > 1:
        message = "AWS keeps one pair of SAs a tunnel: of several pairs only the last one set up works"
        yield notice(f"{key}.selectors", connection.name, message, fix="one pair, or mode: static", about=about)


def _overlaps(place: str, one: Selector, taken: list[tuple[str, IPNetwork, IPNetwork]]) -> Iterator[Finding]:
    """A packet that two selectors take goes into one of two tunnels, and nobody says which."""
    for near in one.local:
        for far in one.remote:
            met = next((other for other in taken if overlap(near, other[1]) and overlap(far, other[2])), None)
            if met is not None:
                message = f"overlaps {met[1]} to {met[2]} of {met[0]}: a packet may not belong to two"
                yield Finding(place, message, found=f"{near} to {far}", about=(met[0],))
                return
