"""Which tunnel of a connection goes first, by metric."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.model.intent import Connection, Tunnel

FIRST_METRIC = 100


def metrics_of(connection: Connection) -> Mapping[str, int]:
    """Tunnel name -> metric, the lowest first. Without one of its own a tunnel has 100, 101 and so on by name, for the
    order in a file means nothing; ``vpc-2`` comes before ``vpc-10``."""
    by_name = sorted(connection.tunnels, key=lambda tunnel: _natural(tunnel.name))
    found = {tunnel.name: _metric(tunnel, FIRST_METRIC + place) for place, tunnel in enumerate(by_name)}
    return dict(sorted(found.items(), key=lambda item: (item[1], _natural(item[0]))))


def _metric(tunnel: Tunnel, otherwise: int) -> int:
    return otherwise if tunnel.metric is None else tunnel.metric


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers in a name count as numbers."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return tuple((0, int(digits), "") if digits else (1, 0, text) for digits, text in parts)
