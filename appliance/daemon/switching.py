"""Which tunnels carry what is routed to them: evidence in, verdicts kept, and nexthop groups replaced at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Protocol

from appliance.daemon.published import Published, load_published, save_published
from appliance.daemon.wiring import Systems
from appliance.design.paths import Bundle, bundles, path_groups
from appliance.design.tunnels import tunnel_link
from appliance.design.wish import Wish
from appliance.model.change import Change, Outcome
from appliance.model.health import ConnectionVerdict, PathEvidence, Target, TargetHealth
from appliance.model.intent import Connection, Probing
from appliance.model.machine import Carrying
from appliance.model.ranking import metrics_of
from appliance.model.resources import NexthopGroup
from appliance.model.sa import TunnelSa
from appliance.probe.targets import compose_targets
from appliance.report.probing import describe_probe
from appliance.verdict.connection import reconsider
from appliance.verdict.manner import Manner

Healths = Mapping[str, tuple[TargetHealth, ...]]
"""Per tunnel, every target that is asked over it."""


class Asks(Protocol):
    """Whoever asks over the tunnels whether anybody answers."""

    def set_targets(self, targets: Iterable[Target], pace: Probing, known: Mapping[Target, str] | None = None) -> None:
        """Ask these from now on; ``known`` is what was held of them before this daemon."""

    def health(self, now: float) -> Healths:
        """What came back, by tunnel."""


class Switchboard:
    """The verdicts of every connection with static routes, and the nexthop groups that follow from them.

    A pass makes groups that are missing and removes those that nobody wants; what is in one is decided here alone.
    ``generation`` grows with every switch: a pass that began before one has put back what it saw.
    """

    def __init__(self, systems: Systems, prober: Asks | None = None) -> None:
        self._systems = systems
        self._prober = prober
        self._wish: Wish | None = None
        self._bundles: tuple[Bundle, ...] = ()
        self._installed: Mapping[str, bool] | None = None
        self._gone: dict[str, float] = {}
        self._published = load_published(systems.store.run_dir)
        self.generation = 0

    @property
    def verdicts(self) -> Mapping[str, ConnectionVerdict]:
        """By connection."""
        return self._published.verdicts

    @property
    def carrying(self) -> Carrying:
        """Who carries now."""
        return self._published.carrying

    @property
    def easy(self) -> bool:
        """Whether every tunnel has its SA."""
        return self._installed is not None and all(self._installed.values())

    def follow(self, wish: Wish) -> None:
        """The intent in force is this one now."""
        self._wish, self._bundles = wish, bundles(wish)
        if self._prober is not None:
            links = {tunnel.name: tunnel_link(tunnel) for _, tunnel in wish.tunnels}
            targets = [target for connection in wish.connections for target in compose_targets(connection, links)]
            self._prober.set_targets(targets, wish.intent.probe, _known(targets, self._published))

    def hear(self, sas: Iterable[TunnelSa] | None) -> None:
        """What the IKE daemon says stands; None: it says nothing."""
        if sas is None:
            self._installed = None
            return
        before = self._installed or {}
        up = {sa.name for sa in sas if sa.up}
        now = monotonic()
        names = [tunnel.name for _, tunnel in self._wish.tunnels] if self._wish else []
        self._installed = {name: name in up for name in names}
        fallen = {name for name in names if name not in up}
        self._gone = {name: self._gone.get(name, now) for name in fallen if before.get(name) or name in self._gone}

    async def decide(self) -> tuple[str, ...]:
        """Judge anew and switch what has to be: one message to the kernel. What happened, a sentence each."""
        wish, was = self._wish, self.verdicts
        if wish is None:
            return ()
        now = monotonic()
        routed = [connection for connection in wish.connections if connection.mode == "static"]
        healths = self._prober.health(now) if self._prober is not None else {}
        verdicts = {one.name: self._reconsider(one, was.get(one.name), healths, now) for one in routed}
        before, groups = self._groups(self.carrying), self._groups(_carrying(verdicts))
        shown = self._published
        self._published = Published(verdicts, {name: describe_probe(found) for name, found in healths.items()})
        news = [_sentence(name, was.get(name), verdict) for name, verdict in verdicts.items()]
        switched = [Change(before[id], group) for id, group in groups.items() if before.get(id, group) != group]
        if switched:
            self.generation += 1
            news += _failures(await self._systems.kernel.apply(switched))
        if verdicts != was or _states(shown) != _states(self._published):
            save_published(self._systems.store.run_dir, self._published)
        return tuple(sentence for sentence in news if sentence)

    def due(self) -> float | None:
        """When time alone may change a verdict (monotonic)."""
        return min((one.look_again for one in self.verdicts.values() if one.look_again is not None), default=None)

    def settle(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """A pass's changes, with the groups as they are decided at this moment."""
        groups = self._groups(self.carrying)
        current = (
            Change(change.old, groups.get(change.new.id, change.new))
            if isinstance(change.new, NexthopGroup)
            else change
            for change in changes
        )
        return tuple(change for change in current if change.old != change.new)

    async def enforce(self) -> None:
        """Put every group as it is decided, whatever is there."""
        groups = self._groups(self.carrying).values()
        await self._systems.kernel.apply([Change(group, group) for group in groups])

    def _groups(self, carrying: Carrying) -> Mapping[int, NexthopGroup]:
        return path_groups(replace(self._wish, carrying=carrying), self._bundles) if self._wish else {}

    def _reconsider(
        self, connection: Connection, was: ConnectionVerdict | None, healths: Healths, now: float
    ) -> ConnectionVerdict:
        evidence = {name: self._evidence(name, healths) for name in metrics_of(connection)}
        return reconsider(was, evidence, self._manner(connection), now)

    def _evidence(self, name: str, healths: Healths) -> PathEvidence:
        installed = self._installed.get(name) if self._installed is not None else None  # not heard of yet: not gone
        return PathEvidence(installed=installed, targets=healths.get(name, ()), gone_at=self._gone.get(name))

    def _manner(self, connection: Connection) -> Manner:
        assert self._wish is not None
        intent = self._wish.intent
        return Manner(
            prefer=connection.preference,
            need=connection.probe.need,
            failback=intent.failback,
            recovered=intent.probe.recovered,
        )


def _known(targets: Iterable[Target], published: Published) -> dict[Target, str]:
    """The states of targets as they were last told: a daemon that was restarted knows who ever answered."""
    told = {
        (tunnel, one["target"]): str(one["state"])
        for tunnel, probe in published.probes.items()
        for one in probe["targets"]
    }
    return {target: told[key] for target in targets if (key := (target.tunnel, target.name)) in told}


def _states(published: Published) -> dict[str, object]:
    """What of the probes is worth telling at once; the rest changes with every answer."""
    return {name: probe["state"] for name, probe in published.probes.items()}


def _carrying(verdicts: Mapping[str, ConnectionVerdict]) -> Carrying:
    return {name: verdict.carrying for name, verdict in verdicts.items()}


def _sentence(name: str, was: ConnectionVerdict | None, now: ConnectionVerdict) -> str:
    """Who carries instead of whom, and why; empty when nothing changed."""
    if was is None or was.carrying == now.carrying:
        return ""
    left = [f"{tunnel}: {path.why}" for tunnel, path in now.paths.items() if tunnel in was.carrying and path.why]
    gone = "; ".join(one for one in left if one.split(":")[0] not in now.carrying)
    carries = " and ".join(now.carrying) or "nothing"
    return f"{name}: {carries} carries instead of {' and '.join(was.carrying) or 'nothing'}" + (gone and f" ({gone})")


def _failures(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]
