"""Tunnels on a virtual clock: probes as scheduled, answers with delay and loss, and the verdicts that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count
from random import Random

from appliance.model.health import ConnectionVerdict, PathEvidence, Target
from appliance.model.intent import Probing
from appliance.probe.schedule import Schedule
from appliance.probe.window import BURST, Window
from appliance.verdict.connection import reconsider
from appliance.verdict.manner import Manner

Fate = Callable[[float, Random], float | None]
"""What becomes of a probe sent at a time: seconds until its answer, or None: it is lost."""


def answering(rtt: float = 0.01, loss: float = 0.0, cuts: tuple[tuple[float, float], ...] = ()) -> Fate:
    """Answers after ``rtt``, loses a share at random, and all in the ``cuts`` (from, until)."""

    def fate(at: float, chance: Random) -> float | None:
        if any(begin <= at < end for begin, end in cuts) or chance.random() < loss:
            return None
        return rtt * (1 + chance.random() / 10)

    return fate


@dataclass
class Tunnels:
    """Tunnels of one connection, each with a target at its other end (or all with the same: ``shared``).

    Judged when something is news and when the verdict asked for it, as the daemon does; ``always``: at every step.
    """

    fates: Mapping[str, Fate]
    pace: Probing = field(default_factory=Probing)
    manner: Manner = field(default_factory=Manner)
    confirm: int = BURST
    seed: int = 1
    lateness: Callable[[Random], float] = lambda chance: 0.0
    shared: bool = False
    always: bool = False
    installed: Callable[[str, float], bool] = lambda name, now: True

    def __post_init__(self) -> None:
        self.now = 100.0
        self.chance = Random(self.seed)
        self.schedule = Schedule(confirm=self.confirm)
        self.verdict: ConnectionVerdict | None = None
        self.history: list[tuple[float, ConnectionVerdict]] = []
        self.sent: list[tuple[float, str]] = []
        self._answers: list[tuple[float, int, Window, int]] = []
        self._serial = count()
        addresses = [ip_address(f"192.0.2.{1 if self.shared else number}") for number in range(1, len(self.fates) + 1)]
        targets = [Target(name, name, "icmp", address) for name, address in zip(self.fates, addresses, strict=True)]
        self.schedule.set_targets(targets, self.pace, self.now)

    def run(self, until: float) -> None:
        """Let time pass; every verdict that says something new goes into ``history``."""
        while True:
            due = self.schedule.wake_at()
            answer = self._answers[0][0] if self._answers else None
            look = self.verdict.look_again if self.verdict else self.now
            wakes = [at for at in (due, answer, look) if at is not None]
            at = max(self.now, min(wakes))
            if at > until:
                self.now = until
                return
            self.now = at + self.lateness(self.chance)
            self._round()

    def _round(self) -> None:
        news = self.verdict is None or (self.verdict.look_again or self.now) <= self.now
        while self._answers and self._answers[0][0] <= self.now:
            at, _, window, number = heappop(self._answers)
            news |= window.answered(number & 0xFFFF, at)
        asking, lost = self.schedule.step(self.now)
        for window, number in zip(asking, self.schedule.sent(asking, self.now), strict=True):
            self.sent.append((self.now, window.target.tunnel))
            delay = self.fates[window.target.tunnel](self.now, self.chance)
            if delay is not None:
                heappush(self._answers, (self.now + delay, next(self._serial), window, number))
        if news or lost or self.always:
            self._judge()

    def _judge(self) -> None:
        evidence = {
            window.target.tunnel: PathEvidence(
                installed=self.installed(window.target.tunnel, self.now), targets=(window.health(self.now),)
            )
            for window in self.schedule.windows.values()
        }
        before = self.verdict
        self.verdict = reconsider(before, evidence, self.manner, self.now)
        if (
            before is None
            or self.verdict.carrying != before.carrying
            or self._states(before) != self._states(self.verdict)
        ):
            self.history.append((self.now, self.verdict))

    @staticmethod
    def _states(verdict: ConnectionVerdict) -> list[str]:
        return [path.state for path in verdict.paths.values()]

    @property
    def losses(self) -> int:
        """How often a tunnel was held for dead."""
        assert self.verdict is not None
        return sum(len(path.flaps) for path in self.verdict.paths.values())
