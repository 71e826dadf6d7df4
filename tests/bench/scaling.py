"""F2 and C4: what the kernel makes us pay for numbers, through our own door.

F2, in a network namespace of this machine: prefixes stand on one nexthop group, so that moving all of them is one
message; beside it the same table rewritten route by route with ``ip -batch``, the fastest way that scripts have. The
control leaves Linux as it is (``nexthop_compat_mode=1``), where it announces each route again.

C4: many links go as one netdev group; beside it one by one with ``ip -batch``, which waits for the kernel at each. In a
namespace of this machine, whose kernel has no XFRM links, our door is made to take macvlan links for ours; with real
ones (C4x) it runs in the box, whose emulated processor takes many times longer for what has to be done for each link in
any case, while the waiting that is saved takes no longer than elsewhere.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from statistics import median

from appliance.kernel import links as kernel_links
from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.resources import Nexthop, NexthopGroup, Resource, Route, XfrmLink
from tests.bench.rows import Row, middle, spread

PREFIXES = 100_000
SWITCHES, COMPATIBLE = 60, 6
FLAT = 5.0
REWRITES = 3
LINKS = 500
REMOVALS, FEW_REMOVALS = 5, 2
AT_ONCE = 50.0
NO_ATTRIBUTE = 0x3FFF
"""What stands for ``if_id`` in macvlan's own attributes is something else."""
IDS = 4_000_000
METRIC = 100
COMPAT = Path("/proc/sys/net/ipv4/nexthop_compat_mode")


@dataclass(frozen=True, slots=True)
class _Ways:
    """Two ways out and the group that carries. Each table has ids of its own."""

    group: int

    def carried_by(self, number: int) -> NexthopGroup:
        return NexthopGroup(self.group, ((self.group + number, 1),))

    def resources(self) -> list[Resource]:
        singles = [Nexthop(self.group + number, f"bench-{number}", 4) for number in (1, 2)]
        return [*singles, self.carried_by(1)]


def measure_switch() -> list[Row]:
    """F2: two rows, for its two bars."""
    for number in (1, 2):
        _told(f"ip link add bench-{number} type veth peer name far-{number}".split())
        _told(["ip", "-batch", "-"], f"link set bench-{number} up\nlink set far-{number} up\n")
    COMPAT.write_text("0")  # as ours has it where no FRR speaks BGP
    few = _table(1, _Ways(IDS)).quick
    many = _table(PREFIXES, _Ways(IDS + 10))
    slope = [late / early for early, late in zip(few, many.quick, strict=True)]
    gain = [slow / fast for slow in many.rewritten for fast in many.quick]
    peers = {
        "switch of 1 prefix, ms": round(median(few) * 1000, 3),
        f"switch of {PREFIXES} prefixes, ms": round(median(many.quick) * 1000, 3),
        "the same routes rewritten, s": middle(many.rewritten),
    }
    stock = median(many.compatible) / median(few)
    control = f"with nexthop_compat_mode=1, as Linux has it: {stock:.0f} times, "
    control += "fails as it must" if stock > FLAT else "DOES NOT FAIL: this bar proves nothing"
    return [
        Row("F2", f"switch of {PREFIXES:,} IPv4 prefixes / switch of one", middle(slope), FLAT, "lower", spread(slope),
            peers, control),
        Row("F2-gain", "rewriting the routes with ip -batch / the switch", middle(gain), 1000, "higher", spread(gain),
            peers, control),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Moved:
    """Seconds of each switch, of each in Linux's compatible mode, and of each rewriting of the routes."""

    quick: list[float]
    compatible: list[float]
    rewritten: list[float]


def _table(count: int, ways: _Ways) -> _Moved:
    """All of it with a table of so many prefixes; a big one only is rewritten."""
    _make([*ways.resources(), *(Route(prefix, METRIC, nexthop=ways.group) for prefix in _prefixes(count))])
    _expect_routes(count, ways.group)
    quick = _switches(ways, SWITCHES)
    COMPAT.write_text("1")
    compatible = _switches(ways, COMPATIBLE)
    COMPAT.write_text("0")
    rewritten = [_rewritten(count, f"bench-{turn % 2 + 1}") for turn in range(REWRITES if count > 1 else 0)]
    _remove(ways.resources()[::-1])  # the routes over it go with the group
    return _Moved(quick, compatible, rewritten)


def measure_removal() -> list[Row]:
    """C4 with macvlan links."""
    _told(["ip", "-batch", "-"], "link add base type veth peer name far\nlink set base up\n")
    kernel_links.KIND_XFRM, kernel_links.IF_ID = "macvlan", NO_ATTRIBUTE
    what = f"removing {LINKS} links one by one / ours, macvlan links as stand-ins"
    return [_removal("C4", what, _make_stand_ins, REMOVALS)]


def measure_xfrm_removal() -> list[Row]:
    """C4 with real XFRM links, in the box."""
    what = f"removing {LINKS} links one by one / ours, XFRM links in the emulated guest"
    return [_removal("C4x", what, _make, FEW_REMOVALS)]


def _removal(goal: str, what: str, make: Callable[[Sequence[XfrmLink]], None], rounds: int) -> Row:
    """The control removes a single link: batching one gains nothing."""
    ours: list[float] = []
    theirs: list[float] = []
    links = [_link(number) for number in range(1, LINKS + 1)]
    for number in range(rounds):
        arms = [(ours, partial(_remove, links)), (theirs, partial(_remove_singly, links))]
        random.Random(number).shuffle(arms)
        for found, arm in arms:
            make(links)
            found.append(_seconds(arm))
            _say(f"{LINKS} links: {found[-1]:.2f} s {'ours' if found is ours else 'one by one'}")
    ratios = [slow / fast for slow in theirs for fast in ours]
    bare = [_by_linux_alone(links, make) for _ in range(rounds)]
    single = median([_alone(links[:1], make, _remove_singly) for _ in ours])
    single /= median([_alone(links[:1], make, _remove) for _ in ours])
    verdict = "fails as it must" if single < AT_ONCE else "DOES NOT FAIL: this bar proves nothing"
    peers = {"ours, s": middle(ours), "of that Linux itself, s": middle(bare), "one by one, s": middle(theirs)}
    control = f"one link: {single:.1f}, {verdict}"
    return Row(goal, what, middle(ratios), AT_ONCE, "higher", spread(ratios), peers, control)


def _alone(
    links: Sequence[XfrmLink],
    make: Callable[[Sequence[XfrmLink]], None],
    remove: Callable[[Sequence[XfrmLink]], None],
) -> float:
    make(links)
    return _seconds(partial(remove, links))


def _remove_singly(links: Sequence[XfrmLink]) -> None:
    _told_batch(f"link delete {one.name}" for one in links)


def _make_stand_ins(links: Sequence[XfrmLink]) -> None:
    _told_batch(f"link add link base name {one.name} group {kernel_links.BIRTH_GROUP} type macvlan" for one in links)
    _told_batch(f"link set dev {one.name} alias {one.alias} up" for one in links)


def _by_linux_alone(links: Sequence[XfrmLink], make: Callable[[Sequence[XfrmLink]], None]) -> float:
    """What nobody gets below: the links stand in one group already, and one message takes it away."""
    make(links)
    _told_batch(f"link set {one.name} group 77" for one in links)
    return _seconds(lambda: _told(["ip", "link", "delete", "group", "77"]))


def _link(number: int) -> XfrmLink:
    return XfrmLink(f"bench-{number}", 500_000 + number, 1400, f"appliance:bench/{number}")


def _prefixes(count: int) -> list[IPv4Network]:
    return [IPv4Network(((10 << 24) + (number << 6), 26)) for number in range(count)]


def _switches(ways: _Ways, times: int) -> list[float]:
    """Seconds of each switch there and back, as the daemon makes it: one change through the door."""
    carried = (ways.carried_by(1), ways.carried_by(2))
    kernel = Kernel()

    async def switch_all() -> list[float]:
        found = []
        for number in range(times):
            change = Change(carried[number % 2], carried[(number + 1) % 2])
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


def _expect_routes(count: int, group: int) -> None:
    """By the word of a tool that is not ours."""
    found = _told(["ip", "-4", "route", "show", "proto", "173"]).count(f"nhid {group}")
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
