"""Evidence of a path in a few words."""

from __future__ import annotations

from ipaddress import ip_address

from appliance.model.health import ANSWERING, LOST, UNARMED, PathEvidence, Target, TargetHealth

PEERS = {"a": "192.0.2.1", "b": "192.0.2.5", "c": "192.0.2.9"}
SHARED = "198.51.100.4"


def asked(tunnel: str, address: str | None = None) -> Target:
    return Target(tunnel, tunnel, "icmp", ip_address(address or PEERS[tunnel]))


def up(tunnel: str, at: float, address: str | None = None, *, loss: float = 0.0, rtt: float = 0.01) -> TargetHealth:
    return TargetHealth(asked(tunnel, address), ANSWERING, 0.0, 50, at, None, loss, rtt, 300)


def lost(tunnel: str, since: float, address: str | None = None, *, streak: int = 0) -> TargetHealth:
    answered_at = since - 0.1 if not streak else since + 1
    return TargetHealth(asked(tunnel, address), LOST, since, streak, answered_at, since, 1.0, 0.01, 300)


def unarmed(tunnel: str, address: str | None = None) -> TargetHealth:
    return TargetHealth(asked(tunnel, address), UNARMED)


def good(tunnel: str, at: float = 0.0) -> PathEvidence:
    return PathEvidence(True, (up(tunnel, at),))


def dead(tunnel: str, since: float = 0.0) -> PathEvidence:
    """The SA stands, nothing comes back."""
    return PathEvidence(True, (lost(tunnel, since),))


def torn(tunnel: str, since: float = 0.0) -> PathEvidence:
    """No SA, nothing comes back."""
    return PathEvidence(False, (lost(tunnel, since),), gone_at=since)
