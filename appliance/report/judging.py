"""From evidence to the state of tunnels, connections and the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.model.forwarding import BGP_PROTOCOL, BGP_PROTOCOLS, ForwardingRoute
from appliance.model.health import CARRYING, DOWN, DRAINED, HELD, LAST_RESORT, STANDBY, UNKNOWN, PathVerdict
from appliance.model.intent import Connection, Tunnel
from appliance.model.ranking import metrics_of
from appliance.model.resources import LEARNED_PROTOCOL, ROUTE_PROTOCOL
from appliance.model.sa import TunnelSa
from appliance.model.session import BgpSession
from appliance.report.evidence import Evidence

OK, DEGRADED = "ok", "degraded"

SPEAKERS = {"frr": "FRR", "exabgp": "ExaBGP"}

IKE_STANDS = frozenset({"established", "rekeying"})


@dataclass(frozen=True, slots=True)
class TunnelState:
    """``why`` is one sentence whenever the tunnel is not carrying."""

    state: str
    why: str | None = None

    @property
    def useful(self) -> bool:
        """Whether traffic flows here or could at once."""
        return self.state in (CARRYING, STANDBY)


def sa_of(seen: Evidence, tunnel: Tunnel) -> TunnelSa | None:
    """The tunnel's SA: the one that carries, else the one that got furthest."""
    own = [sa for sa in seen.sas if sa.name == tunnel.name]
    return max(own, key=lambda sa: (sa.up, sa.ike_state == "established", sa.child is not None), default=None)


def session_of(seen: Evidence, tunnel: Tunnel) -> BgpSession | None:
    """The tunnel's BGP session; over two families the one that is worse."""
    own = [s for s in seen.sessions if s.address in (tunnel.peer_inside, tunnel.peer_inside6)]
    return min(own, key=lambda session: session.up, default=None)


def routes_of(seen: Evidence, connection: Connection, tunnel: Tunnel) -> tuple[ForwardingRoute, ...]:
    """The routes in the kernel that lead into the tunnel: BGP's, or in mode static our own."""
    link, protocol = seen.links.get(tunnel.name), protocol_of(connection)
    return tuple(
        route
        for route in seen.routes
        if link and route.protocol == protocol and any(via.link == link.name for via in route.vias)
    )


def protocol_of(connection: Connection) -> int:
    """The number under which the routes of a connection stand in the kernel: FRR's, the embedded speaker's, or ours."""
    if connection.mode != "bgp":
        return ROUTE_PROTOCOL
    return LEARNED_PROTOCOL if connection.speaker == "exabgp" else BGP_PROTOCOL


def judge_tunnel(seen: Evidence, connection: Connection, tunnel: Tunnel) -> TunnelState:
    """The lowest layer that is not up gives the reason."""
    if connection.name in seen.down:
        return TunnelState(DOWN, "taken down by the operator; `appliance apply` brings it back")
    if "kernel" in seen.silent:
        return TunnelState(UNKNOWN, seen.silent["kernel"])
    sa, session = sa_of(seen, tunnel), session_of(seen, tunnel)
    verdict = seen.verdicts.get(tunnel.name)
    if verdict is not None and verdict.state == LAST_RESORT and (sa is None or not sa.up):
        return TunnelState(LAST_RESORT, verdict.why)
    if "charon" in seen.silent:
        return TunnelState(DOWN, seen.silent["charon"])
    if sa is None:
        return TunnelState(DOWN, seen.lacks.get(tunnel.name) or f"there is no IKE SA with {tunnel.remote}")
    if not sa.up and sa.ike_state not in IKE_STANDS:
        return TunnelState(DOWN, f"IKE with {tunnel.remote} is {sa.ike_state}")
    if not sa.up:
        return TunnelState(DOWN, f"IKE is up, but no child SA is installed with {tunnel.remote}")
    if connection.mode == "policy":
        return _judge_policed(seen, connection, tunnel)
    if connection.mode != "bgp":
        return _judge_path(seen, connection, tunnel)
    if connection.speaker in seen.silent:
        kept = _falls_back(seen, tunnel)
        return TunnelState(CARRYING if kept else DOWN, seen.silent[connection.speaker])
    return _judge_session(seen, connection, tunnel, session)


def _judge_policed(seen: Evidence, connection: Connection, tunnel: Tunnel) -> TunnelState:
    """As the daemon judged it; without a daemon the best tunnel that has its SA carries."""
    verdict = seen.verdicts.get(tunnel.name)
    if verdict is not None:
        return TunnelState(verdict.state, verdict.why)
    able = [name for name in metrics_of(connection) if any(sa.name == name and sa.up for sa in seen.sas)]
    if able[:1] == [tunnel.name]:
        return TunnelState(CARRYING)
    return TunnelState(STANDBY, f"{able[0]} carries, and this one takes over when that fails")


def _judge_path(seen: Evidence, connection: Connection, tunnel: Tunnel) -> TunnelState:
    """As the daemon judged it, as long as the kernel agrees; without a daemon by the kernel alone."""
    verdict, carries = seen.verdicts.get(tunnel.name), bool(routes_of(seen, connection, tunnel))
    if verdict is not None and carries == (verdict.state in (CARRYING, LAST_RESORT)):
        return TunnelState(verdict.state, verdict.why)
    if carries:
        return TunnelState(CARRYING)
    others = [one.name for one in connection.tunnels if routes_of(seen, connection, one)]
    if others:
        return TunnelState(STANDBY, f"{' and '.join(others)} carries, and this one takes over when that fails")
    carried = {route.prefix for route in seen.routes if route.protocol == ROUTE_PROTOCOL}
    if carried >= set(connection.networks):
        return TunnelState(STANDBY, "another connection with the same networks goes first")
    return TunnelState(DOWN, "its SAs are up, but no route leads into it")


def _judge_session(seen: Evidence, connection: Connection, tunnel: Tunnel, session: BgpSession | None) -> TunnelState:
    verdict, carries = seen.verdicts.get(tunnel.name), bool(routes_of(seen, connection, tunnel))
    if verdict is not None and _by_verdict(verdict, carries=carries):
        return TunnelState(verdict.state, verdict.why)
    if _falls_back(seen, tunnel) and (session is None or not session.up):
        return TunnelState(CARRYING, "BGP brings no route over it: its fallback routes carry")
    if session is None:
        return TunnelState(
            DOWN, f"{SPEAKERS[connection.speaker]} has no BGP session with {tunnel.peer_inside or tunnel.peer_inside6}"
        )
    if not session.up:
        reason = f": {session.last_error}" if session.last_error else ""
        return TunnelState(DOWN, f"BGP with {session.address} is {session.state}{reason}")
    if carries:
        return TunnelState(CARRYING, verdict.why if verdict is not None and verdict.state == CARRYING else None)
    if session.accepted and _lie_idle(seen, session):
        return TunnelState(
            DOWN, f"the prefixes from {session.address} are accepted, but no route of the kernel has them"
        )
    if session.accepted:
        return TunnelState(STANDBY, "the cloud prefers the other path")
    if session.received:
        return TunnelState(DOWN, f"all {session.received} prefixes from {session.address} were filtered")
    return TunnelState(DOWN, f"the cloud announces no prefix over {session.address}")


def _by_verdict(verdict: PathVerdict, *, carries: bool) -> bool:
    """Whether it is the daemon that keeps the tunnel as it is, whatever its session says: gates close sessions that
    stand, and end those of tunnels that were silent for long. Who has no session is told so by that."""
    if verdict.state == LAST_RESORT:
        return carries
    return verdict.state in (DRAINED, HELD, STANDBY, DOWN) and verdict.health != "unrouted" and not carries


def _falls_back(seen: Evidence, tunnel: Tunnel) -> bool:
    """Whether routes of ours lead into the tunnel, where BGP's should."""
    link = seen.links.get(tunnel.name)
    ours = (route for route in seen.routes if route.protocol == ROUTE_PROTOCOL)
    return link is not None and any(via.link == link.name for route in ours for via in route.vias)


def _lie_idle(seen: Evidence, session: BgpSession) -> bool:
    """Whether what this session brought goes over no tunnel at all: then it does not stand by for another."""
    brought = {path.prefix for path in seen.paths if path.neighbor == session.address}
    carried = {route.prefix for route in seen.routes if route.protocol in BGP_PROTOCOLS}
    return bool(brought) and not brought & carried


def judge_connection(states: Sequence[TunnelState]) -> str:
    """``ok`` when every tunnel is useful, ``down`` when none is. One that stands by as a whole, for another connection
    with the same prefixes, is ``ok``; one of which a tunnel carries though something is said against it, is not."""
    if any(state.state == UNKNOWN for state in states):
        return UNKNOWN
    if not any(state.useful for state in states):
        return DOWN
    sound = all(state.useful and (state.state == STANDBY or state.why is None) for state in states)
    return OK if sound else DEGRADED


def judge_whole(states: Sequence[str]) -> str:
    """The worst connection counts; one that is down beside one that works is ``degraded``."""
    if not states or UNKNOWN in states:
        return UNKNOWN
    if all(state == DOWN for state in states):
        return DOWN
    return OK if all(state == OK for state in states) else DEGRADED
