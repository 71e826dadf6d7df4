"""F2 and C4: what the kernel makes us pay for numbers, through our own door. Runs in the box.

F2: prefixes stand on one nexthop group, so that moving all of them is one message; beside it the same table rewritten
route by route with ``ip -batch``, the fastest way that scripts have. C4: many links go as one netdev group; beside it
one by one with ``ip -batch``, which waits for the kernel at each.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.resources import Nexthop, NexthopGroup, Resource, Route, XfrmLink
from tests.bench.rows import Row, middle, spread

PREFIXES = 100_000
SWITCHES = 60
REWRITES = 3
LINKS = 500
REMOVALS = 5
GROUP, FIRST, SECOND = 4_000_000, 4_000_001, 4_000_002
METRIC = 100
COMPAT = Path("/proc/sys/net/ipv4/nexthop_compat_mode")


def measure_switch() -> list[Row]:
    """F2: two rows, for its two bars."""
    few, many, rewrites = [], [], []
    with_links = [_link(1), _link(2)]
    ways: list[Resource] = [Nexthop(FIRST, "bench-1", 4), Nexthop(SECOND, "bench-2", 4), _carried_by(FIRST)]
    _make(with_links)
    was = COMPAT.read_text()
    COMPAT.write_text("0")  # as every design of ours has it: else Linux announces each route again
    for count, found in ((1, few), (PREFIXES, many)):
        _make(ways)
        routes = [Route(prefix, METRIC, nexthop=GROUP) for prefix in _prefixes(count)]
        _make(routes)
        _expect_routes(count)
        found += _switches()
        if count > 1:
            rewrites = [_rewritten(count, device) for device in random.Random(count).sample(("bench-1", "bench-2"), 2)]
            rewrites += [_rewritten(count, "bench-1") for _ in range(REWRITES - len(rewrites))]
            _told(["ip", "route", "flush", "proto", "static"])
        _remove([*routes, *reversed(ways)])  # zebra puts back a nexthop whose routes it has not seen go
    _remove(with_links)
    COMPAT.write_text(was)
    slope = [late / early for early, late in zip(few, many, strict=True)]
    gain = [slow / fast for slow in rewrites for fast in many]
    peers = {
        "switch of 1 prefix, ms": round(middle(few) * 1000, 3),
        f"switch of {PREFIXES} prefixes, ms": round(middle(many) * 1000, 3),
        "the same routes rewritten, s": middle(rewrites),
    }
    control = f"rewriting the routes: {middle(rewrites) / middle(few):.0f} times a switch of one, fails as it must"
    return [
        Row("F2", f"switch of {PREFIXES:,} IPv4 prefixes / switch of one", middle(slope), 5, "lower", spread(slope),
            peers, control),
        Row("F2-gain", "rewriting the routes with ip -batch / the switch", middle(gain), 1000, "higher", spread(gain),
            peers, control),
    ]  # fmt: skip


def measure_removal() -> list[Row]:
    """C4, with the time of removing a single link as the control: batching one gains nothing."""
    ours, theirs = [], []
    links = [_link(number) for number in range(1, LINKS + 1)]
    for number in range(REMOVALS):
        arms = [
            (ours, lambda: _remove(links)),
            (theirs, lambda: _told_batch(f"link delete {one.name}" for one in links)),
        ]
        random.Random(number).shuffle(arms)
        for found, arm in arms:
            _make(links)
            found.append(_seconds(arm))
            _say(f"{LINKS} links: {found[-1]:.2f} s {'ours' if found is ours else 'one by one'}")
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    bare = [_by_linux_alone(links) for _ in range(REMOVALS)]
    _make(links[:1])
    single = _seconds(lambda: _remove(links[:1]))
    _make(links[:1])
    alone = _seconds(lambda: _told_batch([f"link delete {links[0].name}"])) / single
    verdict = "fails as it must" if alone < 50 else "DOES NOT FAIL: this bar proves nothing"
    peers = {"ours, s": middle(ours), "of that Linux itself, s": middle(bare), "one by one, s": middle(theirs)}
    what = f"removing {LINKS} links one by one / ours"
    return [Row("C4", what, middle(ratios), 50, "higher", spread(ratios), peers, f"one link: {alone:.1f}, {verdict}")]


def _by_linux_alone(links: Sequence[XfrmLink]) -> float:
    """What nobody gets below: the links stand in one group already, and one message takes it away."""
    _make(links)
    _told_batch(f"link set {one.name} group 77" for one in links)
    return _seconds(lambda: _told(["ip", "link", "delete", "group", "77"]))


def _link(number: int) -> XfrmLink:
    return XfrmLink(f"bench-{number}", 500_000 + number, 1400, f"appliance:bench/{number}")


def _carried_by(nexthop: int) -> NexthopGroup:
    return NexthopGroup(GROUP, ((nexthop, 1),))


def _prefixes(count: int) -> list[IPv4Network]:
    return [IPv4Network(((10 << 24) + (number << 6), 26)) for number in range(count)]


def _switches() -> list[float]:
    """Seconds of each switch there and back, as the daemon makes it: one change through the door."""
    ways = (_carried_by(FIRST), _carried_by(SECOND))
    kernel = Kernel()

    async def switch_all() -> list[float]:
        found = []
        for number in range(SWITCHES):
            change = Change(ways[number % 2], ways[(number + 1) % 2])
            begun = time.perf_counter()
            (outcome,) = await kernel.apply([change])
            found.append(time.perf_counter() - begun)
            if outcome.error:
                raise RuntimeError(outcome.error)
        return found

    return asyncio.run(switch_all())


def _rewritten(count: int, device: str) -> float:
    lines = [f"route replace {prefix} dev {device} metric 90 proto static" for prefix in _prefixes(count)]
    seconds = _seconds(lambda: _told_batch(lines))
    _say(f"{count} routes rewritten: {seconds:.2f} s")
    return seconds


def _make(resources: Sequence[Resource]) -> None:
    _carry_out([Change(None, resource) for resource in resources])


def _remove(resources: Sequence[Resource]) -> None:
    _carry_out([Change(resource, None) for resource in resources])


def _carry_out(changes: Sequence[Change]) -> None:
    outcomes = asyncio.run(Kernel().apply(changes))
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise RuntimeError(f"{failed[0].change.resource.key}: {failed[0].error}")


def _expect_routes(count: int) -> None:
    """By the word of a tool that is not ours."""
    found = _told(["ip", "-4", "route", "show", "proto", "173"]).count(f"nhid {GROUP}")
    if found != count:
        raise RuntimeError(f"{found} routes stand on the group, not {count}")


def _told_batch(lines: Iterable[str]) -> None:
    _told(["ip", "-batch", "-"], "".join(f"{line}\n" for line in lines))


def _told(command: list[str], given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[:300]}")
    return done.stdout


def _seconds(arm: Callable[[], object]) -> float:
    begun = time.perf_counter()
    arm()
    return time.perf_counter() - begun


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)
