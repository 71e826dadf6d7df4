"""Our best path and multipath against FRR's, on random tables: the same winners and the same ways."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from random import Random

import pytest

from appliance.frr.status import parse_paths
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes, Opened, Origin, Update
from appliance.model.peering import Neighbor
from appliance.rib.table import Rib
from tests.announce.far import FarEnd, until
from tests.frr import rig
from tests.rib.scenes import ANY4, neighbor, router

pytestmark = pytest.mark.frr

OURS = 65010
NETS = tuple(f"10.{number}.0.0/16" for number in range(200))
ENDS = {f"198.51.100.{10 + n}": (64512 + n // 2, f"192.0.2.{100 - n}") for n in range(4)}
"""Four gateways, two of each AS; the higher the address, the lower the router id."""

CONFIG = f"""\
router bgp {OURS}
 bgp router-id 192.0.2.200
 no bgp ebgp-requires-policy
 bgp bestpath compare-routerid
 bgp deterministic-med
 bgp bestpath as-path multipath-relax
{"".join(f" neighbor {far} remote-as {asn}{chr(10)}" for far, (asn, _) in ENDS.items())}\
{"".join(f" neighbor {far} timers connect 1{chr(10)}" for far in ENDS)}\
 address-family ipv4 unicast
  maximum-paths 8
 exit-address-family
exit
"""

Said = tuple[tuple[int, ...], int, int | None]
"""A path beyond the neighbour, its origin, its MED."""


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Sockets of this thread are opened in that network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        assert libc.setns(there, 0) == 0
        yield
    finally:
        assert libc.setns(home, 0) == 0
        os.close(home)
        os.close(there)


def invent(chance: Random) -> dict[tuple[str, str], Said]:
    """What whom says of which prefix: few values, so that much is equal."""
    return {
        (far, net): (
            tuple(chance.choices((64496, 64497, 64498), k=chance.choice((0, 1, 1, 2)))),
            chance.choice((0, 0, 2)),
            chance.choice((None, 0, 10, 20)),
        )
        for far in ENDS
        for net in NETS
        if chance.random() < 0.8
    }


Winners = dict[IPNetwork, tuple[IPAddress, frozenset[IPAddress]]]
"""Per prefix who is best, and who shares the traffic."""


def ours(said: dict[tuple[str, str], Said], always: bool) -> Winners:
    """Our choice, in whatever order it is said."""
    held = {far: _held(far) for far in ENDS}
    rib = Rib()
    rib.follow(router(*held.values(), always_compare_med=always))
    for far, (asn, id) in ENDS.items():
        rib.opened(Opened(ip_address(far), asn, id, 30))
    for (far, net), (path, origin, med) in said.items():
        numbers = (ENDS[far][0], *path)
        attributes = Attributes(Origin(origin), numbers, len(numbers), numbers[0], med)
        rib.take(Update(ip_address(far), attributes, ((ip_network(net), ip_address(far)),)))
    rib.settle()
    return winners((path.prefix, path.neighbor, path.best, path.selected) for path in rib.paths())


def _held(far: str) -> Neighbor:
    return replace(neighbor(1, asn=ENDS[far][0]), address=ip_address(far), tunnel=far, accept=ANY4)


def winners(paths: Iterator[tuple[IPNetwork, IPAddress, bool, bool]]) -> Winners:
    best: dict[IPNetwork, IPAddress] = {}
    sharing: dict[IPNetwork, set[IPAddress]] = {}
    for prefix, far, is_best, selected in paths:
        if is_best:
            best[prefix] = far
        if selected:
            sharing.setdefault(prefix, set()).add(far)
    return {prefix: (best[prefix], frozenset(found)) for prefix, found in sharing.items()}


def theirs(speaker: rig.Speaker) -> Winners:
    """FRR's choice."""
    paths = parse_paths(speaker.json("show bgp ipv4 unicast json"))
    return winners((path.prefix, path.neighbor, path.best, path.selected) for path in paths)


def test_frr_chooses_the_same() -> None:
    with rig.speakers() as pair:
        pair.us.run("ip", "address", "add", "198.51.100.1/24", "dev", "t1")
        for far in ENDS:
            pair.far.run("ip", "address", "add", f"{far}/24", "dev", "f1")
        pair.far.stop("bgpd")
        with entered(pair.far.name):
            asyncio.run(compare(pair.us))


async def compare(us: rig.Speaker) -> None:
    ends = {far: FarEnd(far, asn=asn, router_id=id) for far, (asn, id) in ENDS.items()}
    for end in ends.values():
        await end.start()
    await asyncio.to_thread(us.configure, CONFIG)
    await until(lambda: all(end.up for end in ends.values()))
    for seed, always in enumerate((False, False, False, True)):
        said = invent(Random(seed))
        if always:
            await asyncio.to_thread(us.configure, f"router bgp {OURS}\n bgp always-compare-med\n")
        for (far, net), (path, origin, med) in said.items():
            ends[far].offer([net], path, origin=origin, med=med)
        for far, end in ends.items():
            end.take_back([net for net in NETS if (far, net) not in said])
        wanted, found = ours(said, always), Winners()
        with suppress(TimeoutError):
            async with asyncio.timeout(rig.PATIENCE):
                while found != wanted:
                    found = await asyncio.to_thread(theirs, us)
                    await asyncio.sleep(0.1)
        assert len(wanted) > 190
        assert {net: (wanted[net], found.get(net)) for net in wanted if wanted[net] != found.get(net)} == {}
        assert found == wanted
    assert sum(len(shared) > 1 for _, shared in wanted.values()) > 20
    for end in ends.values():
        await end.stop()
