"""Which uplink a tunnel leaves by, and how networks behind us are reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from appliance.intent.finding import Finding, Place, connections_of, notice, tunnels_of
from appliance.model.address import IPAddress
from appliance.model.intent import Intent, Lan, Tunnel, Uplink


def underlay_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with the ways out and the ways in."""
    yield from _all_on_one(intent)
    for place in tunnels_of(intent):
        yield from _expected_elsewhere(intent, place)
    for index, lan in enumerate(intent.lans):
        yield from _via_findings(lan, f"lans[{index}]")


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
