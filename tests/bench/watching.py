"""F3 and F4: a thousand tunnels watched as quickly as two, and no path held for dead that is not.

Both run the daemon's prober on echo requests between two network namespaces; a tunnel is an address of the far machine,
and it is cut by the packet filter there. F3: seconds from the cut to the moment at which the prober concluded, and the
processor time of the prober's process. F4: how often a path was held for lost while a share of the probes is lost at
random and other processes want all of the machine; several paths at once stand for a longer time.
"""

from __future__ import annotations

import random
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from statistics import median

from appliance.model.health import ANSWERING, LOST, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.prober import Prober
from appliance.probe.schedule import Schedule
from tests.bench.paths import Far, far_machine, hogs, many_addresses
from tests.bench.rows import RESAMPLES, Row

PATH = "path-1"
PAIR = (IPv4Address("169.254.1.2"), IPv4Address("169.254.1.1"))
FIRST = IPv4Address("198.18.0.1")
PATIENCE = 30.0

FEW, MANY = 2, 1000
CALM = Probing(interval=0.1, lost=3)
SAMPLES = 100
ROUNDS = 4
SHARE_OF_A_CORE = 0.25

QUICK = Probing(interval=0.02, lost=3)
PATHS, HOGS = 10, 4
LITTLE, MUCH = 10, 100
"""Of a thousand probes so many are lost: what is promised, and what shows a difference within the time."""
SECONDS = {LITTLE: 60.0, MUCH: 20.0}
"""Ten paths for a minute: as many probes as one path has in ten minutes."""


def measure_many() -> list[Row]:
    """F3: detection at 1000 tunnels beside that at 2, and the processor time of both."""
    found: dict[int, list[float]] = {FEW: [], MANY: []}
    used: dict[int, list[float]] = {FEW: [], MANY: []}
    for turn in range(ROUNDS):
        for count in random.Random(turn).sample([FEW, MANY], 2):
            seconds, share = _detections(count, SAMPLES // ROUNDS)
            found[count] += seconds
            used[count].append(share)
            _say(f"{count} tunnels: {late(seconds) * 1000:.0f} ms at most, {share:.1%} of a core")
    ratio = late(found[MANY]) / late(found[FEW])
    sequential = MANY * (CALM.lost * CALM.interval + 1.0) / late(found[MANY])
    control = f"one tunnel after the other, with the same patience (a model): {sequential:.0f} times, "
    control += "fails as it must" if sequential > 1.1 else "DOES NOT FAIL: this bar proves nothing"
    peers = {f"{count} tunnels, {what}, ms": round(1000 * value, 1) for count in found for what, value in (
        ("median", median(found[count])), ("99 of 100", late(found[count])))}  # fmt: skip
    cores = sorted(used[MANY])
    return [
        Row("F3", f"99 of 100 detections with {MANY} tunnels at 100 ms x 3 / with {FEW}", round(ratio, 3), 1.1, "lower",
            _spread_of(found[MANY], found[FEW]), peers, control),
        Row("F3-core", f"processor time of the prober with {MANY} tunnels, of one core", round(median(cores), 3),
            SHARE_OF_A_CORE, "lower", (round(cores[0], 3), round(cores[-1], 3)),
            {f"with {FEW} tunnels": round(median(used[FEW]), 4)}, "the share counts all threads of the process"),
    ]  # fmt: skip


def measure_calm() -> list[Row]:
    """F4: paths that are held for lost though they are not, with and without the confirming burst."""
    false = {(confirm, share): _false_alarms(confirm, share) for share in (LITTLE, MUCH) for confirm in (3, 0)}
    ours, caught = false[3, LITTLE]
    bare, much, bare_much = (false[key][0] for key in ((0, LITTLE), (3, MUCH), (0, MUCH)))
    peers = {
        "real cuts caught, of ten": len(caught), "the slowest of them, ms": round(1000 * max(caught), 1),
        "without the burst": bare, "at 10 % loss": much, "at 10 % loss without the burst": bare_much,
    }  # fmt: skip
    control = f"without the confirming burst, at 10 % loss: {bare_much}, "
    control += "fails as it must" if bare_much > 0 else "DOES NOT FAIL: this bar proves nothing"
    what = f"false losses in {PATHS} x {SECONDS[LITTLE]:.0f} s at 20 ms x 3, 1 % random loss, {HOGS} busy processes"
    return [Row("F4", what, ours, 0, "lower", (ours, ours), peers, control)]


def late(seconds: Sequence[float]) -> float:
    """What 99 of 100 are within."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))]


def _spread_of(many: Sequence[float], few: Sequence[float]) -> tuple[float, float]:
    chance = random.Random(0)
    pairs = ((chance.choices(many, k=len(many)), chance.choices(few, k=len(few))) for _ in range(RESAMPLES))
    found = sorted(late(one) / late(other) for one, other in pairs)
    return round(found[RESAMPLES // 40], 3), round(found[-RESAMPLES // 40], 3)


def _detections(count: int, samples: int) -> tuple[list[float], float]:
    """Seconds from cut to loss, and the share of a core that it took while nothing happened."""
    targets = _targets(count)
    chance = random.Random(count)
    with far_machine([PATH], [PAIR]) as far, _asking(far, targets, CALM) as prober:
        share = _share_of_a_core(3.0)
        found = []
        for number in range(samples):
            target = targets[number % count]
            _until(lambda: prober_states(prober)[target.tunnel] == ANSWERING)  # noqa: B023  (called before the next)
            time.sleep(chance.random() * CALM.interval)
            found.append(_lost_after(prober, far, target))
            far.hear(_address(target))
    return found, share


def _lost_after(prober: Prober, far: Far, target: Target) -> float:
    """From the moment the packet filter has taken the cut."""
    far.silence(_address(target))
    begun = time.monotonic()
    _until(lambda: prober_states(prober)[target.tunnel] == LOST)
    (health,) = prober.health(time.monotonic())[target.tunnel]
    return health.since - begun


def _false_alarms(confirm: int, share: int) -> tuple[int, list[float]]:
    """How often a path was held for lost, and how soon each was when it was cut at last."""
    targets = _targets(PATHS)
    lost = _Losses()
    with far_machine([PATH], [PAIR]) as far, _asking(far, targets, QUICK, lost.look, confirm) as prober, hogs(HOGS):
        lost.prober = prober
        far.lose(share)
        time.sleep(SECONDS[share])
        false = lost.count
        far.lose(0)
        _until(lambda: set(prober_states(prober).values()) == {ANSWERING})
        _say(
            f"{share / 10:g} % loss, {confirm} quick probes: {false} false, {prober.worst_lateness * 1000:.1f} ms late"
        )
        return false, [_lost_after(prober, far, target) for target in targets]


class _Losses:
    """Counts how often a target becomes lost, by the prober's own news."""

    def __init__(self) -> None:
        self.prober: Prober | None = None
        self.count = 0
        self._before: Mapping[str, str] = {}

    def look(self) -> None:
        """Called in the prober's thread."""
        if self.prober is None:
            return
        states = prober_states(self.prober)
        self.count += sum(state == LOST and self._before.get(name) != LOST for name, state in states.items())
        self._before = states


def prober_states(prober: Prober) -> dict[str, str]:
    """By tunnel."""
    return {target.tunnel: window.state for target, window in list(prober._schedule.windows.items())}


@contextmanager
def _asking(
    far: Far, targets: Sequence[Target], pace: Probing, news: Callable[[], None] = lambda: None, confirm: int = 3
) -> Iterator[Prober]:
    many_addresses(far, [_address(target) for target in targets])
    prober = Prober(news)
    prober._schedule = Schedule(confirm=confirm)
    prober.set_targets(targets, pace)
    prober.start()
    try:
        _until(lambda: UNARMED not in prober_states(prober).values())
        yield prober
    finally:
        prober.stop()


def _targets(count: int) -> list[Target]:
    return [Target(f"t{number}", PATH, "icmp", FIRST + number, None, PAIR[0]) for number in range(count)]


def _address(target: Target) -> IPv4Address:
    assert isinstance(target.address, IPv4Address)
    return target.address


def _share_of_a_core(seconds: float) -> float:
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    threading.Event().wait(seconds)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / (time.monotonic() - begun)


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError(f"waited {PATIENCE:.0f} s in vain")
        time.sleep(0.01)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
