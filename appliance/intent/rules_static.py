"""Static routes: what is routed, and in which order over which tunnels."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.finding import Finding, connections_of
from appliance.model.intent import Connection, Intent
from appliance.model.ranking import metrics_of


def path_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with the choice among tunnels, in either mode."""
    for key, connection in connections_of(intent):
        if connection.mode == "static":
            yield from _network_findings(key, connection)
            yield from _metric_findings(key, connection)
        elif connection.mode == "bgp":
            yield from _bgp_findings(key, connection)


def _network_findings(key: str, connection: Connection) -> Iterator[Finding]:
    place, about = f"{key}.networks", (f"{key}.mode",)
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
    """With BGP the routes decide."""
    about = (f"{key}.mode",)
    if connection.preference == "ordered":
        message = "an order among tunnels under BGP: not available in this version"
        yield Finding(f"{key}.prefer", message, found="ordered", allowed="equal", fix="prefer: equal", about=about)
    for index, tunnel in enumerate(connection.tunnels):
        place = f"{key}.tunnels[{index}]"
        if tunnel.metric is not None:
            message = "a metric is for mode static: with BGP the cloud's routes decide"
            yield Finding(f"{place}.metric", message, found=str(tunnel.metric), fix="leave it out", about=about)
        if tunnel.weight not in (None, 1):
            message = "an uneven share of the traffic under BGP: not available in this version"
            yield Finding(f"{place}.weight", message, found=str(tunnel.weight), fix="leave it out", about=about)
