"""Waits for a connection to carry traffic, says what happens meanwhile, and finds the reason when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from appliance.daemon.looking import look
from appliance.daemon.protecting import Speaks
from appliance.daemon.tending import tend_tunnels
from appliance.daemon.wiring import Systems
from appliance.design.peering import compose_router
from appliance.design.wish import Wish, profile_of
from appliance.diagnose.bgp import judge_session
from appliance.diagnose.ike import judge
from appliance.ipsec.charon import Listener
from appliance.ipsec.retry import Book
from appliance.model.finding import Finding
from appliance.model.intent import Connection, Tunnel
from appliance.model.profile import PhaseRules
from appliance.model.session import BgpSession
from appliance.report.evidence import Evidence
from appliance.report.judging import TunnelState, judge_tunnel, sa_of, session_of

LOOK_EVERY = 0.5  # seconds
SETTLED_AFTER = 5.0
"""Seconds after which a refusal that keeps its reason counts as the answer; silence is waited out to the end."""
FINAL = frozenset(
    {
        "no-key", "wrong-key", "identity", "no-proposal-ike", "no-proposal-child", "pfs-mismatch", "selectors",
        "kernel-refused", "wrong-peer-asn", "wrong-own-asn", "router-id", "all-filtered",
    }
)  # fmt: skip
"""Reasons that do not go away by waiting."""

Say = Callable[[str, str], None]
"""Told a tunnel's name and its news."""


@dataclass(slots=True)
class Watch:
    """What is remembered while waiting: a tunnel's last news, its sessions' history, since when its finding stands."""

    news: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[BgpSession]] = field(default_factory=dict)
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    calls: Book = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waited:
    """How it ended: the tunnels' states by name and, for those that are not useful, the reasons."""

    seen: Evidence
    states: dict[str, TunnelState]
    findings: tuple[Finding, ...]

    @property
    def up(self) -> bool:
        """Whether every tunnel carries or stands by."""
        return all(state.useful for state in self.states.values())


async def wait_until_up(
    systems: Systems, wish: Wish, connection: Connection, heard: Listener, patience: float, say: Say
) -> Waited:
    """Look until every tunnel is useful, the reasons are settled, or ``patience`` seconds are over."""
    watch, end = Watch(), monotonic() + patience
    alone = not systems.store.load_daemon()["running"]
    while True:
        seen = await look(systems, wish.intent, None, drift=False)
        states = {tunnel.name: judge_tunnel(seen, connection, tunnel) for tunnel in connection.tunnels}
        _tell_news(watch, seen, connection, states, say)
        _remember_sessions(watch, seen, connection)
        findings = await _findings(systems, wish, connection, watch, seen, states, heard)
        waited = Waited(seen, states, findings)
        if waited.up or monotonic() >= end or _settled(watch, states, findings):
            return waited
        if alone:  # with a daemon that is its work
            watch.calls = await tend_tunnels(systems, watch.calls)
        await asyncio.sleep(min(LOOK_EVERY, max(0.0, end - monotonic())))


def _tell_news(watch: Watch, seen: Evidence, connection: Connection, states: dict[str, TunnelState], say: Say) -> None:
    for tunnel in connection.tunnels:
        news = _news(seen, connection, tunnel, states[tunnel.name])
        if watch.news.get(tunnel.name) != news:
            watch.news[tunnel.name] = news
            say(tunnel.name, news)


def _news(seen: Evidence, connection: Connection, tunnel: Tunnel, state: TunnelState) -> str:
    if state.useful:
        return state.state
    sa, session = sa_of(seen, tunnel), session_of(seen, tunnel)
    ike = sa.ike_state if sa else "waiting"
    child = (sa.child_state or "none") if sa else "none"
    bgp = f", bgp {session.state if session else 'none'}" if connection.mode == "bgp" else ""
    return f"ike {ike}, child {child}{bgp}"


def _remember_sessions(watch: Watch, seen: Evidence, connection: Connection) -> None:
    for tunnel in connection.tunnels:
        session = session_of(seen, tunnel)
        past = watch.history.setdefault(tunnel.name, [])
        if session is not None and (not past or past[-1] != session):
            past.append(session)


async def _findings(
    systems: Systems,
    wish: Wish,
    connection: Connection,
    watch: Watch,
    seen: Evidence,
    states: dict[str, TunnelState],
    heard: Listener,
) -> tuple[Finding, ...]:
    found = []
    for tunnel in connection.tunnels:
        if not states[tunnel.name].useful:
            finding = await _find(systems, wish, connection, tunnel, watch, seen, heard)
            found.append(finding or _unexplained(tunnel, states[tunnel.name]))
    return tuple(found)


async def _find(
    systems: Systems,
    wish: Wish,
    connection: Connection,
    tunnel: Tunnel,
    watch: Watch,
    seen: Evidence,
    heard: Listener,
) -> Finding | None:
    """The lowest layer that is not up is asked why."""
    profile, sa = profile_of(connection), sa_of(seen, tunnel)
    if tunnel.name not in seen.ikes:  # taken down meanwhile, by somebody else
        return None
    if sa is None or not sa.up:
        return judge(seen.ikes[tunnel.name], heard.lines(), offer(profile.ike), offer(profile.esp))
    speaker: Speaks = systems.exabgp if connection.speaker == "exabgp" else systems.frr
    router = compose_router(wish, connection.speaker)
    neighbor = next((n for n in (router.neighbors if router else ()) if n.tunnel == tunnel.name), None)
    if neighbor is None:
        return None
    session = session_of(seen, tunnel)
    filtered = await speaker.filtered(neighbor.address) if session and session.up and session.received else ()
    return judge_session(neighbor, watch.history[tunnel.name], filtered)


def offer(rules: PhaseRules) -> tuple[str, ...]:
    """What the cloud accepts, in one line."""
    parts = (sorted(rules.encryption), sorted(rules.integrity), sorted(rules.groups))
    return (" with ".join("/".join(part) for part in parts),)


def _unexplained(tunnel: Tunnel, state: TunnelState) -> Finding:
    why = state.why or "it is not up"
    return Finding(
        "ike", "unexplained", tunnel.name, why, "`appliance status` shows it; charon's and FRR's logs tell more"
    )


def _settled(watch: Watch, states: dict[str, TunnelState], findings: Sequence[Finding]) -> bool:
    """Whether every tunnel that is not useful has been refused for one and the same reason for long enough."""
    now = monotonic()
    current = {(finding.where, finding.code) for finding in findings}
    watch.since = {key: watch.since.get(key, now) for key in current}
    final = [key for key, since in watch.since.items() if now - since >= SETTLED_AFTER]
    waiting = any(finding.code not in FINAL for finding in findings)
    bad = sum(not state.useful for state in states.values())
    return not waiting and bad == len(findings) == len(final)


async def rekey_children(systems: Systems, waited: Waited, connection: Connection, say: Say) -> tuple[Finding, ...]:
    """Rekey every child once: a PFS mismatch shows now, and not in an hour with nobody watching."""
    found = []
    profile = profile_of(connection)
    for tunnel in connection.tunnels:
        sa = sa_of(waited.seen, tunnel)
        if sa is None or not sa.up:
            continue
        rekeyed = await systems.charon.rekey_child(tunnel.name)
        say(tunnel.name, "child rekeyed" if rekeyed.done else "the child's rekey failed")
        if not rekeyed.done:
            ike = waited.seen.ikes[tunnel.name]
            finding = judge(ike, rekeyed.lines, offer(profile.ike), offer(profile.esp))
            found.append(finding or _no_rekey(tunnel))
    return tuple(found)


def _no_rekey(tunnel: Tunnel) -> Finding:
    message = f"{tunnel.name} came up, but its child SA cannot be rekeyed: it will fail within the hour"
    remedy = "compare the PFS group of both sides: the first child is made without it, every later one with it"
    return Finding("child", "rekey-refused", tunnel.name, message, remedy)
