"""One connection: its tunnels' evidence put together and judged, and what follows for its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter

from appliance.daemon.published import Published
from appliance.daemon.sensing import Healths, Senses
from appliance.design.wish import Wish
from appliance.model.drawn import Drawn, make_each
from appliance.model.health import ANSWERING, UNARMED, ConnectionVerdict, PathEvidence
from appliance.model.intent import Connection, Intent
from appliance.model.peering import Stances
from appliance.model.ranking import metrics_of
from appliance.verdict.connection import reconsider
from appliance.verdict.manner import Manner
from appliance.verdict.stance import choose_stances


@dataclass(frozen=True, slots=True)
class Judgement:
    """``backup`` is the verdict for routes that carry while BGP brings none, where the intent asks for them."""

    verdict: ConnectionVerdict
    backup: ConnectionVerdict | None = None
    stances: Stances = field(default_factory=dict)


class Judges:
    """Judge all connections. One of which nothing new is known keeps its judgement until that asked to be looked at
    again: of a thousand tunnels few have news at a time, and the switch of those few waits for no other."""

    def __init__(self) -> None:
        self._drawn = Drawn()
        self._held: dict[str, tuple[object, Judgement]] = {}

    def judge(self, wish: Wish, was: Published, senses: Senses, healths: Healths, now: float) -> dict[str, Judgement]:
        """By connection: by what is known now, and what was held before."""
        intent, drained = wish.intent, senses.operations.drained_at(datetime.now(UTC))
        ranked = make_each(self._drawn, "ranked", wish.connections, metrics_of)
        held = {}
        for connection, ranks in zip(wish.connections, ranked, strict=True):
            name = connection.name
            evidence = {tunnel: senses.evidence(connection, tunnel, healths, drained, now) for tunnel in ranks}
            pinned = senses.operations.pinned.get(name) or _heading(connection, senses)
            news = connection, intent.failback, intent.probe, pinned, *map(_outline, evidence.values())
            last = self._held.get(name)
            if last is None or last[0] != news or not _rests(name, last[1], was, evidence, now):
                last = news, _judge(connection, evidence, _manner(connection, intent, pinned), was, now)
            held[name] = last
        self._held = held
        return {name: judgement for name, (_, judgement) in held.items()}


_facts = attrgetter("installed", "gone_at", "bgp", "bgp_since", "inbound_at", "drained", "excused")


def _outline(seen: PathEvidence) -> object:
    """What is news when it is another; figures of a path that works are looked at when it is time."""
    return _facts(seen), [(health.state, health.since, health.lost_at) for health in seen.targets]


def _rests(name: str, held: Judgement, was: Published, evidence: Mapping[str, PathEvidence], now: float) -> bool:
    """Whether it can be no other yet. Where somebody does not answer, or answers without an SA, every answer tells
    something."""
    verdicts = [held.verdict] if held.backup is None else [held.verdict, held.backup]
    if held.verdict is not was.verdicts.get(name) or held.backup is not was.backups.get(name):
        return False
    if any(verdict.look_again is not None and verdict.look_again <= now for verdict in verdicts):
        return False
    for seen in evidence.values():
        alive = {UNARMED} if seen.installed is False else {UNARMED, ANSWERING}
        if any(health.state not in alive for health in seen.targets):
            return False
    return True


def _judge(
    connection: Connection, evidence: Mapping[str, PathEvidence], manner: Manner, was: Published, now: float
) -> Judgement:
    verdict = reconsider(was.verdicts.get(connection.name), evidence, manner, now)
    if connection.mode != "bgp":
        return Judgement(verdict)
    backup = None
    if connection.fallback == "static":
        backup = reconsider(was.backups.get(connection.name), _without_sessions(evidence), manner, now)
    return Judgement(verdict, backup, choose_stances(verdict, evidence))


def _without_sessions(evidence: Mapping[str, PathEvidence]) -> Mapping[str, PathEvidence]:
    """The same, for routes that need no session."""
    return {name: replace(seen, bgp=None) for name, seen in evidence.items()}


def _manner(connection: Connection, intent: Intent, pinned: str | None) -> Manner:
    return Manner(
        prefer=connection.preference,
        need=connection.probe.need,
        failback=intent.failback,
        pinned=pinned,
        recovered=intent.probe.recovered,
    )


def _heading(connection: Connection, senses: Senses) -> str | None:
    """Where the cloud chooses the tunnel, ours is the same. As long as nothing came that would tell, it is taken to
    send over its best, however short that works: what goes elsewhere may bring no answer, and so never tell."""
    if connection.mode != "policy":
        return None
    heading = senses.headings.get(connection.name)
    return heading.tunnel if heading and heading.tunnel else next(iter(metrics_of(connection)), None)
