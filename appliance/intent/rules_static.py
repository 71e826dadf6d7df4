"""Static routes: what is routed, and in which order over which tunnels."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.finding import Finding, connections_of
from appliance.model.intent import Connection, Intent
from appliance.model.ranking import metrics_of


def path_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with the choice among tunnels, in any mode."""
    for key, connection in connections_of(intent):
        if connection.mode == "static":
            yield from _network_findings(key, connection)
            yield from _metric_findings(key, connection)
        elif connection.mode == "bgp":
            yield from _bgp_findings(key, connection)
        else:
            yield from _metric_findings(key, connection)
        if connection.fallback is not None and connection.mode != "bgp":
            message = "falls back from BGP, which this connection does not speak"
            about = (f"{key}.mode",)
            yield Finding(f"{key}.fallback", message, found=connection.fallback, fix="leave it out", about=about)


def _network_findings(key: str, connection: Connection) -> Iterator[Finding]:
    place, about = f"{key}.networks", (f"{key}.mode", f"{key}.fallback")
    if not connection.networks:
        yield Finding(place, "missing: without BGP nobody tells what is behind the cloud", about=about)
    insides = [(version, tunnel) for tunnel in connection.tunnels for version in _inside_families(tunnel)]
    for index, network in enumerate(connection.networks):
        served = not insides or any(version == network.version for version, _ in insides)
        if not served:
            message = f"no tunnel has an IPv{network.version} address inside"
            yield Finding(f"{place}[{index}]", message, found=str(network), about=(*about, f"{key}.tunnels"))


def _inside_families(tunnel: object) -> list[int]:
    return [version for version, name in ((4, "inside"), (6, "inside6")) if getattr(tunnel, name) is not None]


def _metric_findings(key: str, connection: Connection) -> Iterator[Finding]:
    """In order means: one before the other."""
    if connection.preference != "ordered":
        return
    first: dict[int, str] = {}
    metrics = metrics_of(connection)
    for index, tunnel in enumerate(connection.tunnels):
        place = f"{key}.tunnels[{index}].metric"
        other = first.setdefault(metrics[tunnel.name], place)
        if other != place:
            about = (other, f"{key}.prefer", f"{key}.mode")
            fix = "give it another metric, or let both carry: prefer: equal"
            yield Finding(place, f"{other} is the same: neither goes first", found=str(metrics[tunnel.name]),
                          fix=fix, about=about)  # fmt: skip


def _bgp_findings(key: str, connection: Connection) -> Iterator[Finding]:
    """With BGP the routes decide, but for those that carry while there are none."""
    about = (f"{key}.mode", f"{key}.fallback")
    if connection.fallback is not None:
        yield from _network_findings(key, connection)
        yield from _metric_findings(key, connection)
    for index, tunnel in enumerate(connection.tunnels):
        place = f"{key}.tunnels[{index}]"
        if tunnel.metric is not None and connection.preference != "ordered" and connection.fallback is None:
            message = "a metric is for an order among tunnels: here BGP balances over all of them"
            fix = "prefer: ordered, or leave it out"
            yield Finding(f"{place}.metric", message, found=str(tunnel.metric), fix=fix, about=about)
        if tunnel.weight not in (None, 1) and connection.fallback is None:
            message = "an uneven share of the traffic under BGP: not available in this version"
            yield Finding(f"{place}.weight", message, found=str(tunnel.weight), fix="leave it out", about=about)
