"""The status as programs read it: plain data of the published shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from appliance.model.address import IPNetwork
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute
from appliance.model.health import CARRYING, LAST_RESORT, STANDBY
from appliance.model.intent import Connection, Tunnel
from appliance.model.resources import LEARNED_PROTOCOL, ROUTE_PROTOCOL
from appliance.model.sa import TunnelSa
from appliance.model.session import BgpSession
from appliance.report.evidence import Evidence
from appliance.report.judging import (
    OK,
    TunnelState,
    judge_connection,
    judge_tunnel,
    judge_whole,
    routes_of,
    sa_of,
    session_of,
)

SOURCES = {BGP_PROTOCOL: "bgp", LEARNED_PROTOCOL: "bgp", ROUTE_PROTOCOL: "static"}
"""Who wrote a route, by its protocol number."""

NO_PROBE = {"state": "unknown", "armed": False, "loss": None, "rtt_ms": None, "targets": []}


def compose_status(seen: Evidence, *, version: str, revision: int | None, daemon: Mapping[str, Any],
                   warnings: tuple[str, ...]) -> dict[str, Any]:  # fmt: skip
    """The whole status but its schema number. ``revision`` is the last applied one."""
    connections = [_connection(seen, connection) for connection in seen.intent.connections]
    state = judge_whole([connection["state"] for connection in connections])
    return {
        "at": seen.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "site": seen.intent.site.name,
        "version": version,
        "revision": revision,
        "state": state,
        "healthy": state == OK,
        "why": None if state == OK else _why(connections),
        "daemon": dict(daemon),
        "confirm_until": None,
        "drift": list(seen.drift),
        "warnings": list(warnings),
        "connections": connections,
    }


def _why(connections: list[dict[str, Any]]) -> str:
    """Of the tunnels that are of no use the first; where all are, of those that carry though something is wrong."""
    tunnels = [t for c in connections for t in c["tunnels"]]
    bad = [t for t in tunnels if t["state"] not in (CARRYING, STANDBY)]
    bad = bad or [t for t in tunnels if t["state"] == CARRYING and t["why"]]
    if not bad:
        return "there is no connection"
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{bad[0]['name']} is {bad[0]['state']}: {bad[0]['why']}{others}"


def _connection(seen: Evidence, connection: Connection) -> dict[str, Any]:
    states = {tunnel.name: judge_tunnel(seen, connection, tunnel) for tunnel in connection.tunnels}
    return {
        "name": connection.name,
        "id": connection.id,
        "cloud": connection.cloud,
        "mode": connection.mode,
        "speaker": connection.speaker if connection.mode == "bgp" else None,
        "state": judge_connection(tuple(states.values())),
        "redundant": sum(state.useful for state in states.values()) > 1,
        "announced": [str(network) for network in seen.told.get(connection.name, ())],
        "tunnels": [_tunnel(seen, connection, tunnel, states[tunnel.name]) for tunnel in connection.tunnels],
        "prefixes": _prefixes(seen, connection),
    }


def _tunnel(seen: Evidence, connection: Connection, tunnel: Tunnel, state: TunnelState) -> dict[str, Any]:
    link, ike = seen.links.get(tunnel.name), seen.ikes.get(tunnel.name)
    sa, session = sa_of(seen, tunnel), session_of(seen, tunnel)
    counters = seen.counters.get(link.name) if link else None
    local = sa.local if sa else (ike.local if ike else None)
    return {
        "name": tunnel.name,
        "uplink": tunnel.uplink or (seen.intent.uplinks[0].name if len(seen.intent.uplinks) == 1 else None),
        "interface": link.name if link else None,
        "if_id": link.if_id if link else None,
        "local": _text(local),
        "remote": str(tunnel.remote),
        "public": _text(seen.publics.get(tunnel.name)),
        "mtu": link.mtu if link else None,
        "state": state.state,
        "why": state.why,
        "admin": "down" if connection.name in seen.down else "up",
        "since": _since(seen, sa, session),
        **_history(seen, tunnel),
        "next_retry": None,
        "ike": sa.settled[0] if sa else "down",
        "child": (sa.settled[1] or "down") if sa else "down",
        "sa": _sa(sa),
        "bgp": (session.state if session else "down") if connection.mode == "bgp" else None,
        "bgp_detail": _session(session),
        "probe": seen.probes.get(tunnel.name, NO_PROBE),
        "rx_bytes": counters.received if counters else 0,
        "tx_bytes": counters.sent if counters else 0,
        "remark": _remark(seen, tunnel, state),
    }


def _remark(seen: Evidence, tunnel: Tunnel, state: TunnelState) -> str | None:
    """What the daemon has to say of a tunnel that is all right: who judges it while no probe is answered, a target that
    is dead for itself."""
    verdict = seen.verdicts.get(tunnel.name)
    return verdict.remark if verdict is not None and state.useful else None


def _history(seen: Evidence, tunnel: Tunnel) -> dict[str, Any]:
    """How often the tunnel was lost within the hour, what that costs it, and until when; None: nobody counts."""
    verdict = seen.verdicts.get(tunnel.name)
    if verdict is None:
        return {"flaps_1h": None, "penalty": None, "reuse_at": None}
    reuse = None if verdict.reuse_at is None else seen.at + timedelta(seconds=verdict.reuse_at - seen.uptime)
    return {
        "flaps_1h": len(verdict.flaps),
        "penalty": round(verdict.penalty_at(seen.uptime)),
        "reuse_at": None if reuse is None else reuse.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _since(seen: Evidence, sa: TunnelSa | None, session: BgpSession | None) -> str | None:
    """When what is up now came up: the session, else the IKE SA."""
    if session is not None and session.since is not None:
        return session.since.isoformat(timespec="seconds").replace("+00:00", "Z")
    if sa is not None and sa.established_s is not None:
        at = seen.at - timedelta(seconds=sa.established_s)
        return at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return None


def _sa(sa: TunnelSa | None) -> dict[str, Any] | None:
    if sa is None:
        return None
    return {
        "ike_version": sa.version,
        "ike_proposal": sa.ike_proposal,
        "esp_proposal": sa.esp_proposal,
        "spi_in": sa.spi_in,
        "spi_out": sa.spi_out,
        "nat_t": sa.nat_t,
        "rekey_in_s": sa.rekey_in_s,
    }


def _session(session: BgpSession | None) -> dict[str, Any] | None:
    if session is None:
        return None
    return {
        "peer_asn": session.peer_asn,
        "since": session.since.isoformat(timespec="seconds").replace("+00:00", "Z") if session.since else None,
        "received": session.received,
        "accepted": session.accepted,
        "advertised": session.advertised,
        "last_error": session.last_error,
    }


def _prefixes(seen: Evidence, connection: Connection) -> list[dict[str, Any]]:
    """What is reached over this connection, in mode static perhaps over another that goes first, and what only its
    blackhole holds."""
    if connection.mode == "policy":
        return _policed(seen, connection)
    own = {tunnel.name for tunnel in connection.tunnels}
    names = {link.name: name for name, link in seen.links.items() if name in own or connection.mode == "static"}
    carried = _carried(seen, connection)
    protected = {*connection.networks, *seen.learned.get(connection.name, ())} & set(seen.blackholes)
    found = []
    for prefix in sorted(carried.keys() | protected, key=lambda network: (network.version, network)):
        route = carried.get(prefix)
        via = sorted({names[v.link] for v in route.vias if v.link in names}) if route else []
        source = SOURCES.get(route.protocol, "blackhole") if route else "blackhole"
        if source == "static" and connection.mode == "bgp":
            source = "fallback"
        found.append({"prefix": str(prefix), "source": source, "via": via})
    return found


def _policed(seen: Evidence, connection: Connection) -> list[dict[str, Any]]:
    """What the policies send into the tunnel that carries."""
    states = {tunnel.name: judge_tunnel(seen, connection, tunnel).state for tunnel in connection.tunnels}
    via = [name for name, state in states.items() if state in (CARRYING, LAST_RESORT)]
    source = "static" if via else "blackhole"
    return [{"prefix": str(network), "source": source, "via": via} for network in sorted(connection.networks, key=str)]


def _carried(seen: Evidence, connection: Connection) -> dict[IPNetwork, ForwardingRoute]:
    """Routes by prefix: those into its tunnels, and of ours those to its networks; with BGP those that carry while it
    brings none."""
    links = {seen.links[tunnel.name].name for tunnel in connection.tunnels if tunnel.name in seen.links}
    static = connection.mode == "static"
    ours = (
        route
        for route in seen.routes
        if route.protocol == ROUTE_PROTOCOL
        and (route.prefix in connection.networks if static else any(via.link in links for via in route.vias))
    )
    into = (route for tunnel in connection.tunnels for route in routes_of(seen, connection, tunnel))
    return {route.prefix: route for route in (*ours, *into)}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
