"""Sessions and paths as one line of JSON, and back: what the daemon tells the verbs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from appliance.model.session import BgpSession, FilteredPath, LearnedPath, Notification


def tell_sessions(sessions: Iterable[BgpSession]) -> list[dict[str, Any]]:
    """The inverse of :func:`parse_sessions`."""
    return [_plain(asdict(session)) for session in sessions]


def parse_sessions(data: Iterable[dict[str, Any]]) -> tuple[BgpSession, ...]:
    """Sessions as they were told."""
    return tuple(
        BgpSession(
            **one
            | {
                "address": ip_address(one["address"]),
                "local_address": ip_address(one["local_address"]) if one["local_address"] else None,
                "since": datetime.fromisoformat(one["since"]) if one["since"] else None,
                "notification": Notification(**one["notification"]) if one["notification"] else None,
            }
        )
        for one in data
    )


def tell_paths(paths: Iterable[LearnedPath]) -> list[list[Any]]:
    """The inverse of :func:`parse_paths`."""
    return [
        [str(p.prefix), str(p.neighbor), str(p.nexthop), p.med, list(p.as_path), p.best, p.multipath] for p in paths
    ]


def parse_paths(data: Iterable[list[Any]]) -> tuple[LearnedPath, ...]:
    """Paths as they were told."""
    return tuple(
        LearnedPath(ip_network(prefix), ip_address(neighbor), ip_address(nexthop), med, tuple(as_path), best, multipath)
        for prefix, neighbor, nexthop, med, as_path, best, multipath in data
    )


def tell_filtered(paths: Iterable[FilteredPath]) -> list[list[str]]:
    """The inverse of :func:`parse_filtered`."""
    return [[str(path.prefix), str(path.neighbor), path.rule] for path in paths]


def parse_filtered(data: Iterable[list[str]]) -> tuple[FilteredPath, ...]:
    """Filtered paths as they were told."""
    return tuple(FilteredPath(ip_network(prefix), ip_address(neighbor), rule) for prefix, neighbor, rule in data)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {key: one if isinstance(one, bool | int | dict | None) else str(one) for key, one in value.items()}
