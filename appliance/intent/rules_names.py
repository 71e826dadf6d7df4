"""Names must tell things apart, and references must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.intent.finding import Finding, connections_of, tunnels_of
from appliance.model.intent import Intent

_KERNEL_WORDS = frozenset({"lo", "all", "default", "ip_vti0", "ip6_vti0", "sit0", "tunl0", "ip6tnl0", "xfrm0"})


def name_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with names, ids and references."""
    tunnels = list(tunnels_of(intent))
    yield from _twins((f"uplinks[{i}].name", uplink.name) for i, uplink in enumerate(intent.uplinks))
    yield from _twins((f"lans[{i}].name", lan.name) for i, lan in enumerate(intent.lans))
    yield from _twins((f"{key}.name", connection.name) for key, connection in connections_of(intent))
    yield from _twins((f"{key}.id", connection.id) for key, connection in connections_of(intent) if connection.id)
    yield from _twins((f"{place.key}.name", place.tunnel.name) for place in tunnels)
    yield from _twins((f"{p.key}.interface", p.tunnel.interface) for p in tunnels if p.tunnel.interface)
    yield from _twins((f"{p.key}.if-id", str(p.tunnel.if_id)) for p in tunnels if p.tunnel.if_id is not None)
    yield from _interface_findings(intent)
    yield from _uplink_findings(intent)


def _twins(named: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """A fault for each value that an earlier key has already."""
    first: dict[str, str] = {}
    for key, value in named:
        if value in first:
            yield Finding(key, f"{first[value]} has it already", found=value, about=(first[value],))
        first.setdefault(value, key)


def _interface_findings(intent: Intent) -> Iterator[Finding]:
    """A tunnel's interface is ours alone."""
    taken = {uplink.interface: f"uplinks[{i}].interface" for i, uplink in enumerate(intent.uplinks)}
    taken |= {lan.interface: f"lans[{i}].interface" for i, lan in enumerate(intent.lans) if lan.interface}
    for place in tunnels_of(intent):
        name = place.tunnel.interface or place.tunnel.name
        key = f"{place.key}.{'interface' if place.tunnel.interface else 'name'}"
        if name in taken:
            yield Finding(key, "a tunnel needs an interface of its own", found=name, about=(taken[name],))
        elif name in _KERNEL_WORDS:
            yield Finding(key, "the kernel means something else by this interface name", found=name)


def _uplink_findings(intent: Intent) -> Iterator[Finding]:
    names = [uplink.name for uplink in intent.uplinks]
    for place in tunnels_of(intent):
        key = f"{place.key}.uplink"
        if place.tunnel.uplink is not None and place.tunnel.uplink not in names:
            allowed = ", ".join(names) or "none is configured: add it under uplinks"
            yield Finding(key, "no such uplink", found=place.tunnel.uplink, allowed=allowed, about=("uplinks",))
        if place.tunnel.uplink is None and len(names) > 1:
            yield Finding(key, "missing: there are several uplinks", allowed=", ".join(names), about=("uplinks",))
        yield from _family_findings(intent, key, place.tunnel.remote.version, place.tunnel.uplink)


def _family_findings(intent: Intent, key: str, version: int, name: str | None) -> Iterator[Finding]:
    """The uplink speaks the protocol of the far end's address."""
    for index, uplink in enumerate(intent.uplinks):
        for attribute in ("address", "gateway", "public"):
            address = getattr(uplink, attribute)
            chosen = uplink.name == name or (name is None and len(intent.uplinks) == 1)
            if chosen and address is not None and address.version != version:
                other = f"uplinks[{index}].{attribute}"
                message = f"the remote is IPv{version}, but {other} is IPv{address.version}"
                yield Finding(key, message, about=(other, key.replace(".uplink", ".remote")))
