"""FRR's JSON about BGP, read into sessions and paths. Shapes are those of FRR 10.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from appliance.frr.policy import first_match, inbound_rules
from appliance.frr.tree import Tree
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.session import BgpSession, FilteredPath, LearnedPath, Notification

Json = Mapping[str, Any]

_OWN_DOING = frozenset(
    {
        "No AFI/SAFI activated for peer",
        "Update source change",
        "Local AS change",
        "Remote AS change",
        "Unspecified reason",
        "Waiting for NHT",
        "Waiting for peer OPEN",
        "Password change",
        "Multihop change",
        "",
    }
)
"""Reasons of a reset that say no more than that we configured the session or that it has yet to start."""

_STATES = {"clearing": "idle", "deleted": "idle"}
"""FRR's own states, in which the routes of a session that ended are being taken out."""

_BAD_PEER_AS = (2, 2)
_OPEN = 1  # RFC 4271, section 4.1
_FOUR_OCTET_AS = 65  # RFC 6793, the capability that holds the AS number in full


def parse_sessions(neighbors: Json, shutdown_texts: Mapping[str, str] | None = None) -> tuple[BgpSession, ...]:
    """The sessions of ``show bgp neighbors json``, by address.

    ``received`` equals ``accepted`` here: what policy left out is known to ``prefix-counts`` only (see
    :func:`parse_received`). ``shutdown_texts`` are by address (see :func:`parse_shutdown_texts`).
    """
    texts = shutdown_texts or {}
    found = [
        _session(ip_address(name), entry, texts.get(name, ""))
        for name, entry in neighbors.items()
        if isinstance(entry, Mapping) and "bgpState" in entry
    ]
    return tuple(sorted(found, key=lambda session: (session.address.version, int(session.address))))


def _session(address: IPAddress, entry: Json, text: str) -> BgpSession:
    families = list(entry.get("addressFamilyInfo", {}).values())
    state = _STATES.get(str(entry["bgpState"]).lower(), str(entry["bgpState"]).lower())
    up = state == "established"
    accepted = sum(family.get("acceptedPrefixCounter", 0) for family in families) if up else 0
    counts = entry.get("messageStats", {})
    notification = _notification(entry, text)
    return BgpSession(
        address=address,
        state=state,
        peer_asn=entry["remoteAs"],
        our_asn=entry["localAs"],
        local_address=_local_address(entry),
        since=_came_up(entry) if up else None,
        received=accepted,
        accepted=accepted,
        advertised=sum(family.get("sentPrefixCounter", 0) for family in families) if up else 0,
        last_error=_last_error(entry, notification),
        notification=notification,
        keepalive=_seconds(entry.get("bgpTimerKeepAliveIntervalMsecs")),
        hold=_seconds(entry.get("bgpTimerHoldTimeMsecs")),
        opens_sent=counts.get("opensSent", 0),
        opens_received=counts.get("opensRecv", 0),
        established_count=entry.get("connectionsEstablished", 0),
        resets=entry.get("connectionsDropped", 0),
        reset_s=_seconds(entry.get("lastResetTimerMsecs")),
    )


def _came_up(entry: Json) -> datetime | None:
    seconds = entry.get("bgpTimerUpEstablishedEpoch")
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _local_address(entry: Json) -> IPAddress | None:
    """The socket's address; while there is none ("Unknown"), the one we told FRR to use."""
    texts = (str(entry.get(key, "")) for key in ("hostLocal", "updateSource"))
    return next((ip_address(text) for text in texts if _is_address(text)), None)


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000


def _notification(entry: Json, text: str) -> Notification | None:
    reason = entry.get("lastResetDueTo", "")
    code = str(entry.get("lastErrorCodeSubcode", ""))
    if not reason.startswith("BGP Notification") or not re.fullmatch("[0-9A-Fa-f]{4}", code):
        return None
    said = entry.get("lastNotificationReason", "")
    return Notification(
        sent=reason.endswith("send"),
        code=int(code[:2], 16),
        subcode=int(code[2:], 16),
        text=f"{said}: {text}" if text else said,
    )


def _last_error(entry: Json, notification: Notification | None) -> str | None:
    if notification:
        return notification.sentence
    reason = entry.get("lastResetDueTo", "")
    return None if reason in _OWN_DOING else reason


def parse_established(summary: Json) -> frozenset[IPAddress]:
    """With whom sessions are up, of ``show bgp summary json``, which is short for any number of neighbours."""
    return frozenset(
        ip_address(name)
        for family in summary.values()
        if isinstance(family, Mapping)
        for name, peer in family.get("peers", {}).items()
        if peer.get("state") == "Established"
    )


def parse_shutdown_texts(failed: Json) -> dict[str, str]:
    """What peers said when they shut a session down (RFC 9003), of ``show bgp summary failed json``; by address."""
    return {
        name: str(peer["lastShutdownDescription"])
        for family in failed.values()
        if isinstance(family, Mapping)
        for name, peer in family.get("peers", {}).items()
        if peer.get("lastShutdownDescription")
    }


def parse_received(prefix_counts: Json) -> int | None:
    """Prefixes before our policy, of ``show bgp FAMILY unicast neighbors X prefix-counts json``."""
    count = prefix_counts.get("ribTableWalkCounters", {}).get("Adj-in")
    return count if isinstance(count, int) else None


def parse_heard_asn(neighbor_text: str) -> int | None:
    """The AS number in the OPEN that FRR refused. Only the text of ``show bgp neighbors X`` holds that message."""
    found = re.search(r"caused BGP to send a NOTIFICATION:\n((?:\s+[0-9A-F ]+\n)+)", neighbor_text)
    return _asn_of_open(bytes.fromhex("".join(found[1].split()))) if found else None


def _asn_of_open(message: bytes) -> int | None:
    """RFC 4271 section 4.2 and RFC 6793: the capability's number, else the two octets of the header."""
    if len(message) < 29 or message[18] != _OPEN:
        return None
    options = message[29 : 29 + message[28]]
    while len(options) >= 2:
        kind, length = options[0], options[1]
        value, options = options[2 : 2 + length], options[2 + length :]
        while kind == 2 and len(value) >= 2:
            capability, data, value = value[0], value[2 : 2 + value[1]], value[2 + value[1] :]
            if capability == _FOUR_OCTET_AS and len(data) == 4:
                return int.from_bytes(data, "big")
    return int.from_bytes(message[20:22], "big")


def asks_for_text(session: BgpSession) -> bool:
    """Whether the text about this session can name the AS number that the far end really has."""
    said = session.notification
    return said is not None and said.sent and (said.code, said.subcode) == _BAD_PEER_AS


def parse_paths(routes: Json) -> tuple[LearnedPath, ...]:
    """Every path that came from a neighbour and was accepted, of ``show bgp FAMILY unicast json``."""
    return tuple(
        _path(ip_network(prefix), entry)
        for prefix, entries in routes.get("routes", {}).items()
        for entry in entries
        if _is_address(entry.get("peerId", ""))
    )


def _path(prefix: IPNetwork, entry: Json) -> LearnedPath:
    hops = entry.get("nexthops", [])
    used = next((hop for hop in hops if hop.get("used")), hops[0])
    return LearnedPath(
        prefix=prefix,
        neighbor=ip_address(entry["peerId"]),
        nexthop=ip_address(used["ip"]),
        med=entry.get("metric", 0),
        as_path=tuple(int(number) for number in re.findall(r"\d+", entry.get("path", ""))),
        best=entry.get("bestpath", False),
        multipath=entry.get("multipath", False),
        valid=entry.get("valid", False),
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def parse_filtered(neighbor: IPAddress, filtered: Json, applied: Tree) -> tuple[FilteredPath, ...]:
    """What policy kept out, of ``show bgp FAMILY unicast neighbors X filtered-routes json``, with the rule that did."""
    rules = inbound_rules(neighbor, applied)
    prefixes = [ip_network(prefix) for prefix in filtered.get("receivedRoutes", {})]
    return tuple(FilteredPath(prefix, neighbor, first_match(prefix, rules)) for prefix in prefixes)
