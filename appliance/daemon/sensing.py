"""What is known of every tunnel at a moment, put together from those who tell: SAs, sessions, bytes, the operator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from appliance.daemon.excusing import Excuses
from appliance.model.forwarding import LinkCounters
from appliance.model.health import PathEvidence, TargetHealth
from appliance.model.intent import Connection
from appliance.model.operation import Operations
from appliance.model.sa import TunnelSa
from appliance.verdict.following import Heading, notice, still_known

YET_TO_COME = 30.0
"""Seconds that a session has for coming up before its absence says anything."""

Healths = Mapping[str, tuple[TargetHealth, ...]]
"""Per tunnel, every target that is asked over it."""


@dataclass(slots=True)
class Sessions:
    """The routing sessions of one speaker, by tunnel. ``life`` is another after every restart of it; ``asked`` is since
    when a session was looked for, ``since`` when it last came up in this life, if ever."""

    life: object = None
    up: Mapping[str, bool] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def hear(self, up: Mapping[str, bool] | None, life: object, now: float) -> None:
        """Which sessions stand; None: the speaker does not answer, so that nothing is known."""
        if up is None or life != self.life:
            self.asked, self.since, self.up = {}, {}, {}
        came = {name: now for name, stands in (up or {}).items() if stands and not self.up.get(name)}
        self.life, self.up, self.since = life, up or {}, self.since | came
        self.asked = {name: self.asked.get(name, now) for name in self.up}

    def stands(self, name: str, now: float) -> bool | None:
        """Whether the tunnel's session does; None while it is yet to come, and when nobody can tell."""
        if name not in self.up or self.up[name]:
            return self.up.get(name)
        late = now - self.asked[name] >= YET_TO_COME
        return False if late or name in self.since else None

    def due(self, now: float) -> float | None:
        """When time alone says something about a session."""
        waiting = (self.asked[name] + YET_TO_COME for name, stands in self.up.items() if not stands)
        return min((at for at in waiting if at > now), default=None)


class Senses:
    """All that tells of tunnels but the probes. ``installed`` is None while the IKE daemon says nothing."""

    def __init__(self) -> None:
        self.installed: Mapping[str, bool] | None = None
        self.operations = Operations()
        self.sessions: dict[str, Sessions] = {}
        self._gone: dict[str, float] = {}
        self._bytes: Mapping[str, int] = {}
        self._counted_at = 0.0
        self._inbound: dict[str, float] = {}
        self._packets: Mapping[tuple[str, int | None], int] = {}
        self.headings: dict[str, Heading] = {}
        self.excuses = Excuses()

    @property
    def easy(self) -> bool:
        """Whether every tunnel has its SA."""
        return self.installed is not None and all(self.installed.values())

    def hear_sas(self, sas: Iterable[TunnelSa] | None, names: Iterable[str]) -> None:
        """Which SAs stand; None: nobody tells."""
        if sas is None:
            self.installed = None
            return
        before, now = self.installed or {}, monotonic()
        up = {sa.name for sa in sas if sa.up}
        self.installed = {name: name in up for name in names}
        fallen = {name for name, stands in self.installed.items() if not stands}
        self._gone = {name: self._gone.get(name, now) for name in fallen if before.get(name) or name in self._gone}

    def hear_sessions(self, speaker: str, up: Mapping[str, bool] | None, life: object) -> bool:
        """Which routing sessions of a speaker stand, by tunnel. Whether that is news."""
        sessions = self.sessions.setdefault(speaker, Sessions())
        before = sessions.up
        sessions.hear(up, life, monotonic())
        return sessions.up != before

    def hear_counters(self, counters: Mapping[str, LinkCounters], links: Mapping[str, str], now: float) -> None:
        """How many bytes came out of each tunnel's inbound SA until ``now``. What grew since the last time did so no
        earlier than then."""
        counted = {name: counters[link].received for name, link in links.items() if link in counters}
        for name, count in counted.items():
            if count > self._bytes.get(name, count):
                self._inbound[name] = self._counted_at
        self._bytes, self._counted_at = counted, now

    def hear_arrivals(self, sas: Iterable[TunnelSa], connections: Iterable[Connection], now: float) -> list[str]:
        """What came out of the SAs of connections that follow the cloud's choice. What happened, a sentence each."""
        found = tuple(sas)
        packets = {(sa.name, sa.child_id): sa.packets_in for sa in found}
        grown: dict[str, int] = {}
        for (name, child), count in packets.items():
            grown[name] = grown.get(name, 0) + max(0, count - self._packets.get((name, child), count))
        self._packets = packets
        news = []
        for connection in connections:
            was = still_known(self.headings.get(connection.name, Heading()), {sa.name for sa in found if sa.up})
            mine = {tunnel.name: grown.get(tunnel.name, 0) for tunnel in connection.tunnels}
            heading = self.headings[connection.name] = notice(was, mine, now)
            if was.tunnel is not None and heading.tunnel != was.tunnel:
                news.append(f"{connection.name}: the cloud sends over {heading.tunnel} now, no longer {was.tunnel}")
        return news

    def evidence(
        self, connection: Connection, name: str, healths: Healths, drained: Collection[str], now: float
    ) -> PathEvidence:
        """All that is known of one tunnel. One that was not heard of yet is not gone. ``drained``: all that are."""
        session = self.sessions.get(connection.speaker) if connection.mode == "bgp" else None
        return PathEvidence(
            installed=self.installed.get(name) if self.installed is not None else None,
            targets=healths.get(name, ()),
            gone_at=self._gone.get(name),
            bgp=session.stands(name, now) if session else None,
            bgp_since=session.since.get(name) if session else None,
            inbound_at=self._inbound.get(name),
            drained=name in drained,
            excused=self.excuses.cover(name, now),
        )

    def due(self, now: float) -> float | None:
        """When time alone says something new (monotonic)."""
        wall = datetime.now(UTC)
        ending = self.operations.next_change(wall)
        due = [sessions.due(now) for sessions in self.sessions.values()]
        due.append(None if ending is None else now + (ending - wall).total_seconds())
        return min((at for at in due if at is not None), default=None)
