"""F1 where BGP brings the routes by the embedded speaker: what it learned stands on nexthop groups of ours, so that a
path that fell silent leaves them by one message; no other daemon chooses anew.

Like :mod:`tests.bench.failover`, with the real ExaBGP here and two gateways of the tests' own at the far end.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from appliance.daemon.passes import make_wish, parse_loaded
from appliance.daemon.switching import Switchboard
from appliance.daemon.tending import keep_held, keep_switched
from appliance.daemon.waking import Bell, ring_on_stop
from appliance.model.address import IPAddress
from appliance.probe.prober import Prober
from tests.announce.far import FarEnd
from tests.bench.embedded import embedded, everyone_may_run_python
from tests.bench.failover import (
    INTERVAL,
    LIMIT,
    PAIRS,
    PATHS,
    Stream,
    blackouts_of,
    cut_again_and_again,
    intent_text,
    late,
    of_late,
    ring_from_afar,
    rise,
    say,
    standing,
    systems_in,
    until,
    working,
)
from tests.bench.learning import entered
from tests.bench.paths import BEHIND, Far, far_machine
from tests.bench.rows import Row

CUTS = 40


def measure() -> list[Row]:
    """One row."""
    rise()
    everyone_may_run_python()
    found = asyncio.run(_blackouts())
    worst = late(found)
    peers = {"median, ms": round(median(found) * 1000, 1), "99 of 100, ms": round(worst * 1000, 1), "cuts": len(found)}
    what = f"blackout after a silent cut, 99 of 100 / the limit of {LIMIT * 1000:.0f} ms (50 ms x 3), BGP by ExaBGP"
    return [
        Row("F1-exabgp", what, round(worst / LIMIT, 3), 1.25, "lower", of_late(found), peers, "as for static routes")
    ]


async def _blackouts() -> list[float]:
    with far_machine(PATHS, PAIRS) as far, Stream(far) as streamed:
        async with _gateways(far) as ends, _steered() as board:
            await asyncio.wait_for(_all_up(ends), 30)
            for end in ends:
                end.offer([f"{BEHIND}/32"])
            await until(lambda: set(working(board)) == set(PATHS) and len(board.stances) == 1)
            made = await cut_again_and_again(far, board, INTERVAL, CUTS)
        return blackouts_of(made, streamed())


async def _all_up(ends: Iterable[FarEnd]) -> None:
    while not all(end.up for end in ends):
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _gateways(far: Far) -> AsyncIterator[list[FarEnd]]:
    """One for each path, in the far machine's network."""
    ends = [FarEnd(str(theirs)) for _, theirs in PAIRS]
    with entered(Path(f"/proc/{far.pid}/ns/net")):  # nothing else goes on yet
        for end in ends:
            await end.start()
    try:
        yield ends
    finally:
        for end in ends:
            await end.stop()


@asynccontextmanager
async def _steered() -> AsyncIterator[Switchboard]:
    """The daemon's judging, switching and listening over the two paths."""
    with tempfile.TemporaryDirectory() as folder:
        systems = systems_in(Path(folder))
        text = intent_text(INTERVAL, PATHS, PAIRS, "mode: bgp\n    speaker: exabgp\n    peer-asn: 64512")
        wish = await make_wish(systems, parse_loaded(text, "bench").intent, {})
        judge, hold, stop = Bell(), Bell(), asyncio.Event()
        loop = asyncio.get_running_loop()
        prober = Prober(lambda: ring_from_afar(loop, judge))
        board = Switchboard(systems, prober)

        def hear(up: Iterable[IPAddress] | None, life: object) -> None:
            if board.hear_peers("exabgp", up, life):
                judge.ring()

        board.follow(wish)
        board.hear(standing(path, pair) for path, pair in zip(PATHS, PAIRS, strict=True))
        prober.start()
        board.follow(wish)
        async with embedded(wish, hear, systems) as speaker:
            board.listening = speaker.listening
            tasks = [
                asyncio.create_task(task)
                for task in (
                    ring_on_stop(stop, judge, hold),
                    keep_switched(board, judge, (hold,), stop, say),
                    keep_held(board, hold, stop, say),
                )
            ]
            try:
                yield board
            finally:
                stop.set()
                await asyncio.gather(*tasks)
                prober.stop()
