"""A prober in memory: it asks nobody, and a test says who answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from time import monotonic

from appliance.model.health import ANSWERING, LOST, UNARMED, Target, TargetHealth
from appliance.model.intent import Probing


class FakeProber:
    """``healths`` by target; one that nobody spoke of has never answered. ``running`` between start and stop."""

    def __init__(self) -> None:
        self.healths: dict[Target, TargetHealth] = {}
        self.pace = Probing()
        self.hastened: list[frozenset[str]] = []
        self.running = False
        self._on_change: Callable[[], None] = lambda: None

    def open(self, on_change: Callable[[], None]) -> FakeProber:
        self._on_change = on_change
        return self

    # The door

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def set_targets(self, targets: Iterable[Target], pace: Probing, known: Mapping[Target, str] | None = None) -> None:
        self.pace = pace
        states = known or {}
        fresh = {target: TargetHealth(target, states.get(target, UNARMED)) for target in targets}
        self.healths = {target: self.healths.get(target, health) for target, health in fresh.items()}

    def hasten(self, tunnels: Iterable[str]) -> None:
        self.hastened.append(frozenset(tunnels))

    def health(self, now: float) -> Mapping[str, tuple[TargetHealth, ...]]:
        found: dict[str, list[TargetHealth]] = {}
        for target, health in self.healths.items():
            found.setdefault(target.tunnel, []).append(health)
        return {tunnel: tuple(healths) for tunnel, healths in found.items()}

    # What a test says

    def answers(self, *tunnels: str) -> None:
        """Every target over these tunnels answers, and did for long."""
        now = monotonic()
        self._become(tunnels, state=ANSWERING, since=now, streak=1000, answered_at=now, lost_at=None, samples=1000)

    def falls_silent(self, *tunnels: str) -> None:
        """Nobody answers over these any more."""
        now = monotonic()
        self._become(tunnels, state=LOST, since=now, streak=0, lost_at=now)

    def _become(self, tunnels: Iterable[str], **changed: object) -> None:
        for target, health in self.healths.items():
            if target.tunnel in tunnels:
                self.healths[target] = replace(health, **changed)  # type: ignore[arg-type]
        self._on_change()
