"""What a stranger takes from the kernel is back within a second, by the running daemon, on a real kernel; and a tunnel
whose SA falls is called again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from time import monotonic

import pytest

from appliance.daemon.loop import keep_converged
from tests.contracts.namespace import ip
from tests.daemon.sites import HEAD, applied, connection, tunnel
from tests.daemon.working import rested, until
from tests.daemon.workshop import Workshop, looks, ours, workshop

SITE = HEAD.replace("interface: eth0}\n", "interface: eth0}\n  - {name: isp2, interface: eth1, gateway: 192.0.2.1}\n")
STATIC = SITE + connection(
    "vpc",
    [
        tunnel("vpc-1", "198.51.100.7", "169.254.23.6", "169.254.23.5", "        uplink: isp1\n"),
        tunnel("vpc-2", "198.51.100.71", "169.254.22.74", "169.254.22.73", "        uplink: isp2\n"),
    ],
).replace("mode: bgp\n    peer-asn: 64512\n", "mode: static\n    networks: [10.0.0.0/16]\n")
SOON, PATIENCE = 1.0, 60.0
LOOKS = 15
"""A second is so many looks of ours at a machine that has time, and many more. Where somebody else has the machine a
look takes long, and so may the daemon."""
TIMES = 5
"""One of so many must be soon."""


@dataclass(frozen=True, slots=True)
class Mending:
    """How long one took, and how long it may, in seconds."""

    took: float
    most: float


def _rule() -> None:
    rule = ours("rule show")[0]
    ip(f"rule del priority {rule['priority']}")


def _nexthop() -> None:
    ip(f"nexthop del id {next(one for one in ours('nexthop show') if 'group' in one)['id']}")


def _shell(command: str) -> Callable[[], None]:
    def deed() -> None:
        subprocess.run(command, shell=True, check=True, capture_output=True)

    return deed


DEEDS: dict[str, Callable[[], None]] = {
    "a route": _shell("ip route del 10.0.0.0/16 metric 100 proto 173"),
    "a blackhole": _shell("ip route del blackhole 10.0.0.0/16 metric 4278190080"),
    "a rule": _rule,
    "an inside address": _shell("ip address del 169.254.23.6/30 dev vpc-1"),
    "a nexthop group": _nexthop,
    "every nexthop": _shell("ip nexthop flush protocol 173"),
    "a link set down": _shell("ip link set vpc-1 down"),
    "a link": _shell("ip link del vpc-1"),
    "the packet filter": _shell("nft delete table inet appliance"),
    "the rules of the packet filter": _shell("nft flush table inet appliance"),
    "forwarding": _shell("echo 0 > /proc/sys/net/ipv4/ip_forward"),
    "a tunnel's setting": _shell("echo 1 > /proc/sys/net/ipv4/conf/vpc-1/rp_filter"),
}


async def mended(deed: Callable[[], None], whole: str) -> Mending:
    """From the deed until everything is as it was."""
    deed()  # while it is done the daemon, in this very thread, does nothing
    begun = looked = monotonic()
    assert looks() != whole, "the deed did nothing"
    slowest = monotonic() - looked
    while True:
        looked = monotonic()
        now = await asyncio.to_thread(looks)
        slowest = max(slowest, monotonic() - looked)
        if now == whole:
            return Mending(monotonic() - begun, max(SOON, LOOKS * slowest))
        assert monotonic() < begun + PATIENCE, "\n".join(unified_diff(whole.splitlines(), now.splitlines(), n=0))
        await asyncio.sleep(0.005)


async def soonest(deed: Callable[[], None], whole: str) -> Mending:
    """Of several times the first that was soon, or the last."""
    for _ in range(TIMES - 1):
        found = await mended(deed, whole)
        if found.took < found.most:
            return found
    return await mended(deed, whole)


async def called_again(box: Workshop) -> Mending:
    """From the fall of a tunnel's SA until it stands again."""
    begun = monotonic()
    box.charon.fall("vpc-1")
    assert not any(sa.up for sa in await box.charon.sas() if sa.name == "vpc-1")
    await until(lambda: any(sa.up for sa in box.charon.standing.values() if sa.name == "vpc-1"))
    return Mending(monotonic() - begun, SOON)


async def calm(box: Workshop) -> str:
    """The daemon has nothing to do; what there is then."""
    before = ""
    while (now := await asyncio.to_thread(looks)) != before:
        before = now
        await asyncio.sleep(0.2)
    return now


def test_each_is_back_within_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    took: dict[str, Mending] = {}
    said: list[str] = []

    async def scene(box: Workshop) -> None:
        await applied(box, STATIC)
        stop = asyncio.Event()
        daemon = asyncio.create_task(keep_converged(box.systems, said.append, stop))
        try:
            async with asyncio.timeout(300):
                await rested(box)
                whole = await calm(box)
                for name, deed in DEEDS.items():
                    took[name] = await soonest(deed, whole)
                took["an SA"] = await called_again(box)
        finally:
            stop.set()
            await daemon

    with workshop(tmp_path) as box:
        asyncio.run(scene(box))
    with capsys.disabled():
        print("\nback after, in ms:", ", ".join(f"{name} {1000 * each.took:.0f}" for name, each in took.items()))
    assert {name: each for name, each in took.items() if each.took >= each.most} == {}
    told = ", ".join(one for one in said if one.startswith("mended: "))
    known = ("xfrm-link", "inside-address", "nexthop-group", "firewall-table", "rule ", "blackhole ", "route ")
    assert any(key in told for key in known), f"nobody is told what was mended: {said}"
