"""One connection: its tunnels' evidence put together and judged, and what follows for its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from appliance.daemon.published import Published
from appliance.daemon.sensing import Healths, Senses
from appliance.model.health import ConnectionVerdict, PathEvidence
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


def judge_connection(
    connection: Connection, intent: Intent, was: Published, senses: Senses, healths: Healths, now: float
) -> Judgement:
    """By what is known now, and what was held before."""
    tunnels = {tunnel.name: tunnel for tunnel in connection.tunnels}
    ranked = metrics_of(connection)
    evidence = {name: senses.evidence(connection, tunnels[name], healths, now) for name in ranked}
    manner = _manner(connection, intent, senses)
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


def _manner(connection: Connection, intent: Intent, senses: Senses) -> Manner:
    return Manner(
        prefer=connection.preference,
        need=connection.probe.need,
        failback=intent.failback,
        pinned=senses.operations.pinned.get(connection.name) or _heading(connection, senses),
        recovered=intent.probe.recovered,
    )


def _heading(connection: Connection, senses: Senses) -> str | None:
    """Where the cloud chooses the tunnel, ours is the same. As long as nothing came that would tell, it is taken to
    send over its best, however short that works: what goes elsewhere may bring no answer, and so never tell."""
    if connection.mode != "policy":
        return None
    heading = senses.headings.get(connection.name)
    return heading.tunnel if heading and heading.tunnel else next(iter(metrics_of(connection)), None)
