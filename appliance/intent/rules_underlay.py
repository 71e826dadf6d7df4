"""Which uplink a tunnel leaves by, and how networks behind us are reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from appliance.intent.finding import Finding, Place, connections_of, notice, tunnels_of, within
from appliance.model.address import IPAddress
from appliance.model.intent import Intent, Lan, Tunnel, Uplink


def underlay_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with the ways out and the ways in."""
    yield from _all_on_one(intent)
    yield from _same_address(intent)
    for index, uplink in enumerate(intent.uplinks):
        yield from _gateway_findings(intent, uplink, f"uplinks[{index}]")
    for place in tunnels_of(intent):
        yield from _expected_elsewhere(intent, place)
    for index, lan in enumerate(intent.lans):
        yield from _via_findings(lan, f"lans[{index}]")


def _gateway_findings(intent: Intent, uplink: Uplink, key: str) -> Iterator[Finding]:
    """A gateway is a neighbour outside: packets to it must not need a tunnel that needs it."""
    gateway, place = uplink.gateway, f"{key}.gateway"
    if gateway is None:
        return
    if gateway.is_unspecified or gateway.is_multicast or gateway.is_loopback:
        yield Finding(place, "no router can have this address", found=str(gateway), fix="gateway: auto")
    elif gateway == uplink.address:
        message = "our own address: what is sent there comes back to us"
        yield Finding(place, message, found=str(gateway), fix="gateway: auto", about=(f"{key}.address",))
    host = ip_network(gateway)
    for name, connection in connections_of(intent):
        behind = next((i for i, net in enumerate(connection.networks) if net.prefixlen and within(host, net)), None)
        if behind is not None:
            message = f"lies behind {connection.name}: its own tunnels' packets would go round in them"
            yield Finding(place, message, found=str(gateway), about=(f"{name}.networks[{behind}]",))
    for tunnel in tunnels_of(intent):
        yield from _gateway_of_tunnel(tunnel, uplink, place)


def _gateway_of_tunnel(tunnel: Place, uplink: Uplink, place: str) -> Iterator[Finding]:
    insides = [inside for inside in (tunnel.tunnel.inside, tunnel.tunnel.inside6) if inside is not None]
    if uplink.gateway is not None and any(within(ip_network(uplink.gateway), inside.network) for inside in insides):
        message = f"is inside {tunnel.tunnel.name}, whose own packets would go round in it"
        yield Finding(place, message, found=str(uplink.gateway), about=(f"{tunnel.key}.inside",))
    if uplink.gateway == tunnel.tunnel.remote:
        message = f"is the far end of {tunnel.tunnel.name}, which cannot be the way to itself"
        about = (f"{tunnel.key}.remote",)
        yield Finding(place, message, found=str(uplink.gateway), fix="gateway: auto", about=about)


def _all_on_one(intent: Intent) -> Iterator[Finding]:
    """Two uplinks are there so that one may fail."""
    for key, connection in connections_of(intent):
        used = {tunnel.uplink for tunnel in connection.tunnels}
        others = [uplink.name for uplink in intent.uplinks if uplink.name not in used]
        if len(connection.tunnels) > 1 and len(used) == 1 and others and None not in used:
            (name,) = used
            message = f"all tunnels leave by {name}, and fail with it"
            about = (f"{key}.tunnels", "uplinks")
            yield notice(f"{key}.tunnels", connection.name, message, fix=f"let one leave by {others[0]}", about=about)


def _same_address(intent: Intent) -> Iterator[Finding]:
    """Uplinks on one interface are told apart by our address."""
    first: dict[tuple[str, IPAddress | None], str] = {}
    for index, uplink in enumerate(intent.uplinks):
        key = f"uplinks[{index}]"
        other = first.setdefault((uplink.interface, uplink.address), key)
        alone = sum(one.interface == uplink.interface for one in intent.uplinks) == 1
        if uplink.address is None and not alone:
            message = f"{uplink.interface} has several uplinks: say which address this one has"
            yield Finding(f"{key}.address", message, found="auto", about=("uplinks",))
        elif other != key:
            message = f"{other} is the same interface with the same address"
            yield Finding(f"{key}.address", message, found=str(uplink.address), about=(f"{other}.address",))


def _expected_elsewhere(intent: Intent, place: Place) -> Iterator[Finding]:
    """The identity that the cloud knows us by is, where it is an address, the one its packets go to."""
    uplink, expected = _uplink_of(intent, place.tunnel), _address(place.tunnel.local_id)
    public = uplink.public or uplink.address if uplink else None
    if uplink is None or expected is None or public in (None, expected):
        return
    key, about = f"{place.key}.local-id", (f"{place.key}.uplink", "uplinks")
    owner = next((one for one in intent.uplinks if expected in (one.public, one.address)), None)
    if owner is not None:
        message = f"the cloud expects this tunnel from {owner.name}, and it leaves by {uplink.name}"
        yield Finding(key, message, found=str(expected), fix=f"uplink: {owner.name}", about=about)
    else:
        message = f"the cloud expects this tunnel from {expected}, and {uplink.name} is seen as {public}"
        yield notice(key, place.tunnel.name, message, fix="look which one is right", about=about)


def _uplink_of(intent: Intent, tunnel: Tunnel) -> Uplink | None:
    if tunnel.uplink is None and len(intent.uplinks) == 1:
        return intent.uplinks[0]
    return next((uplink for uplink in intent.uplinks if uplink.name == tunnel.uplink), None)


def _address(text: str | None) -> IPAddress | None:
    try:
        return ip_address(text) if text else None
    except ValueError:
        return None


def _via_findings(lan: Lan, key: str) -> Iterator[Finding]:
    if lan.via is None:
        return
    if lan.interface is None:
        yield Finding(f"{key}.interface", f"missing: {lan.via} is somewhere on it", about=(f"{key}.via",))
    for index, network in enumerate(lan.networks):
        place = f"{key}.networks[{index}]"
        if network.version != lan.via.version:
            yield Finding(place, f"{lan.via} is of the other family", found=str(network), about=(f"{key}.via",))
        elif lan.via in network:
            message = f"holds {lan.via}, the router it is said to be behind"
            yield Finding(place, message, found=str(network), about=(f"{key}.via",))
