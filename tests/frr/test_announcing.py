"""What a real FRR tells a real one of a default route, and of what another cloud brings."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from appliance.model.peering import BgpRouter, Neighbor, PrefixRule
from tests.frr import rig
from tests.frr.bench import PREFIX, Bench
from tests.frr.routers import ANNOUNCE, FIRST, ROUTER, SECOND, render, with_neighbors

pytestmark = pytest.mark.frr

EVERYTHING, LAN, BEYOND = ip_network("0.0.0.0/0"), ip_network("172.16.20.0/24"), ip_network(PREFIX)
QUIET = {US: (64512, 65000, {}) for US in ("169.254.23.6", "169.254.24.6")}


def telling(peer: Neighbor, network: Any) -> Neighbor:
    return replace(peer, announce=(*ANNOUNCE, PrefixRule(True, network)))


def paths_of(bench: Bench, prefix: str) -> dict[str, str]:
    """What the far end has of us for a prefix: the path by our address."""
    found = bench.pair.far.json(f"show bgp ipv4 unicast {prefix} json").get("paths", [])
    return {one["peer"]["peerId"]: one["aspath"]["string"] for one in found if one["peer"]["peerId"] in QUIET}


def comes(bench: Bench, prefix: str, **paths: str) -> None:
    wanted = {f"169.254.{key.removeprefix('to_')}.6": path for key, path in paths.items()}
    rig.until(lambda: paths_of(bench, prefix) == wanted, lambda: f"{prefix}: {paths_of(bench, prefix)}")


def test_a_default_route_is_told_to_whom_it_is_for_and_taken_back(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud(QUIET))
    outward = with_neighbors(telling(FIRST, EVERYTHING), SECOND, networks=(EVERYTHING, LAN))
    bench.apply(ROUTER)
    comes(bench, "172.16.20.0/24", to_23="65000", to_24="65000")
    before = {address: one.since for address, one in bench.sessions().items()}
    bench.apply(outward)
    comes(bench, "0.0.0.0/0", to_23="65000")
    assert bench.routes("0.0.0.0/0") == []
    bench.apply(ROUTER)
    comes(bench, "0.0.0.0/0")
    comes(bench, "172.16.20.0/24", to_23="65000", to_24="65000")
    assert {address: one.since for address, one in bench.sessions().items()}.keys() == before.keys()
    assert [one.established_count for one in bench.sessions().values()] == [1, 1]


@pytest.mark.parametrize("theirs", [64513, 64512], ids=["another AS", "the same AS"])
def test_what_a_cloud_brings_is_passed_on_and_still_leads_there(bench: Bench, theirs: int) -> None:
    """The second cloud brings what the first is told of: both are true at once, also under one AS number."""
    bench.pair.far.configure(rig.cloud({**QUIET, "169.254.24.6": (theirs, 65000, {PREFIX: 0})}))
    bench.apply(passing_on(theirs, BEYOND))
    passed_on = f"65000 {64513 if theirs == 64513 else 65000}"
    comes(bench, PREFIX, to_23=passed_on)
    rig.until(lambda: bench.ways() == {"t2"}, lambda: f"ways: {bench.ways()}")
    bench.apply(passing_on(theirs))
    comes(bench, PREFIX)
    assert bench.ways() == {"t2"}
    assert [one.established_count for one in bench.sessions().values()] == [1, 1]


def test_what_lies_in_what_a_cloud_brings_is_told_by_ourselves(bench: Bench) -> None:
    bench.pair.far.configure(rig.cloud({**QUIET, "169.254.24.6": (64513, 65000, {"10.0.4.0/24": 0})}))
    bench.apply(passing_on(64513, BEYOND))
    comes(bench, PREFIX, to_23="65000")
    rig.until(lambda: bench.ways("10.0.4.0/24") == {"t2"}, lambda: str(bench.ways("10.0.4.0/24")))


def test_our_text_is_what_frr_itself_writes(bench: Bench) -> None:
    text = render(passing_on(64513, BEYOND, EVERYTHING))
    bench.pair.us.configure(text)
    assert bench.pair.us.running() == text.rstrip("\n")


def passing_on(theirs: int, *networks: Any) -> BgpRouter:
    """The first cloud is told of these, which lie behind the second."""
    first = replace(FIRST, announce=(*ANNOUNCE, *(PrefixRule(True, network) for network in networks)))
    beyond = frozenset(network for network in networks if network == BEYOND)
    neighbors = (first, replace(SECOND, peer_asn=theirs))
    return with_neighbors(*neighbors, networks=tuple(sorted({LAN, *networks}, key=str)), beyond=beyond)
