"""What is asked of bgpd, and what its answers come to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from appliance.frr.applying import Daemon
from appliance.frr.status import (
    asks_for_text,
    parse_established,
    parse_filtered,
    parse_heard_asn,
    parse_paths,
    parse_received,
    parse_sessions,
    parse_shutdown_texts,
)
from appliance.frr.tree import parse_tree
from appliance.model.address import IPAddress
from appliance.model.session import BgpSession, FilteredPath, LearnedPath


def read_sessions(bgpd: Daemon) -> tuple[BgpSession, ...]:
    """Every session, by address."""
    failed = _value(bgpd, "show bgp summary failed json")
    found = parse_sessions(_value(bgpd, "show bgp neighbors json"), parse_shutdown_texts(failed))
    return tuple(_completed(bgpd, session) for session in found)


def read_established(bgpd: Daemon) -> frozenset[IPAddress]:
    """With whom there are sessions now."""
    return parse_established(_value(bgpd, "show bgp summary json"))


def read_paths(bgpd: Daemon) -> tuple[LearnedPath, ...]:
    """Every path that was taken in, of both families."""
    answers = [_value(bgpd, f"show bgp {family} unicast json") for family in ("ipv4", "ipv6")]
    return tuple(path for answer in answers for path in parse_paths(answer))


def read_filtered(bgpd: Daemon, neighbor: IPAddress) -> tuple[FilteredPath, ...]:
    """What a neighbour sent and policy kept out."""
    [(_, running)] = bgpd.tell(["show running-config"])
    answer = _value(bgpd, f"show bgp ipv{neighbor.version} unicast neighbors {neighbor} filtered-routes json")
    return parse_filtered(neighbor, answer, parse_tree(running))


def _completed(bgpd: Daemon, session: BgpSession) -> BgpSession:
    """With what the list of neighbours does not tell."""
    if asks_for_text(session):
        [(_, text)] = bgpd.tell([f"show bgp neighbors {session.address}"])
        return replace(session, heard_asn=parse_heard_asn(text))
    if not session.up:
        return session
    family = f"ipv{session.address.version}"
    counts = _value(bgpd, f"show bgp {family} unicast neighbors {session.address} prefix-counts json")
    received = parse_received(counts)
    return session if received is None else replace(session, received=received)


def _value(bgpd: Daemon, command: str) -> Any:
    """The JSON answer; {} when there is none to give (no BGP instance yet)."""
    [(_, text)] = bgpd.tell([command])
    try:
        return json.loads(text)
    except ValueError:
        return {}
