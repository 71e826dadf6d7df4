"""A hundred storms: both ends lose a tunnel at one moment and call each other, more than once, at the same time. Their
clocks run apart; what each sees are the same SPIs, in its own directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from appliance.daemon.tending import UNEASY
from appliance.ipsec.charon import SETTLED
from appliance.ipsec.status import surplus, surplus_children
from appliance.model.sa import TunnelSa
from tests.ipsec.test_status import sas

STORMS, STEP, DELAY = 100, 0.05, 0.1
TOO_LONG = 5.0
"""Seconds for which more than one child may stand where one should."""


@dataclass(slots=True)
class World:
    """Children that stand at both ends, by their IKE_SA and SPIs, with the time since which they do."""

    chance: Random
    now: float = 0.0
    standing: dict[tuple[str, str], float] = field(default_factory=dict)
    closing: dict[tuple[str, str], float] = field(default_factory=dict)
    spare_since: float | None = None
    longest: float = 0.0

    def storm(self) -> None:
        """Nothing stands any more, and calls cross: of either end's one to three, each with a child or two."""
        self.standing.clear()
        self.closing.clear()
        for _ in range(self.chance.randint(1, 6)):
            ike, made = f"{self.chance.getrandbits(64):016x}", self.now + self.chance.random()
            for _ in range(self.chance.choice((1, 1, 2))):
                self.standing[ike, f"{self.chance.getrandbits(32):08x} {self.chance.getrandbits(32):08x}"] = made

    def seen(self, *, far: bool) -> Iterator[TunnelSa]:
        """As one of the ends has it."""
        (some,) = sas("ikev2-up")
        numbers = {ike: number for number, ike in enumerate(sorted({ike for ike, _ in self.standing}, reverse=far))}
        for (ike, spis), made in self.standing.items():
            if made <= self.now:
                first, second = spis.split()[::-1] if far else spis.split()
                yield replace(some, ike_id=numbers[ike], ike_spis=ike, child_id=int(first, 16), child_state="installed",
                              spi_in=first, spi_out=second, installed_s=int(self.now - made))  # fmt: skip

    def look(self, *, far: bool) -> None:
        """One end closes what is too much; the other hears of it a moment later."""
        found = tuple(self.seen(far=far))
        tunnels, children = surplus(found, SETTLED), surplus_children(found, SETTLED)
        for sa in found:
            if sa.ike_id in tunnels or sa.child_id in children:
                pair = (str(sa.spi_in), str(sa.spi_out))
                spis = " ".join(reversed(pair) if far else pair)
                self.closing.setdefault((sa.ike_spis, spis), self.now + DELAY)

    def step(self) -> None:
        """Time passes, and what is being closed ends."""
        self.now += STEP
        for key in [key for key, due in self.closing.items() if due <= self.now]:
            self.standing.pop(key, None)
            del self.closing[key]
        there = sum(made <= self.now for made in self.standing.values())
        if there <= 1:
            self.spare_since = None
        elif self.spare_since is None:
            self.spare_since = self.now
        else:
            self.longest = max(self.longest, self.now - self.spare_since)


def test_never_more_than_one_child_for_long_and_never_none() -> None:
    world = World(Random(4))
    looks = {False: 0.7, True: 1.9}
    for _ in range(STORMS):
        world.storm()
        until, made = world.now + world.chance.uniform(8, 12), max(world.standing.values())
        while world.now < until:
            world.step()
            for far, due in looks.items():
                if due <= world.now:
                    world.look(far=far)
                    looks[far] = world.now + UNEASY
            assert world.now < made or world.standing, "the ends closed each other's choice"
        assert len(world.standing) == 1
    assert world.longest <= TOO_LONG + 1 + DELAY + STEP  # a storm's calls take a second to come
