"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from checking import check, main, node, wait_for
from measuring import CLEAR, ENCRYPTED, send_stream, start_services, streaming, watching
from observing import paths, sessions
from operating import (
    Tunnel,
    appliance,
    apply_site,
    come_back_from_a_reboot,
    cut_silently,
    edit_intent,
    lay_out_site,
    must_configure,
    must_reach,
    refuse_a_second_write,
    rekey_everything,
    spis,
    wait_until_over,
    wire,
)

OUTSIDE = ("eth1", "eth2", "eth3")
LAN, AWS, ALI, BOTH = "172.16.20.0/24", "10.1.0.0/16", "192.168.0.0/16", "10.50.0.0/16"
IN_AWS, IN_ALI, IN_BOTH, LAN_HOST = "10.1.0.4", "192.168.30.4", "10.50.0.4", "172.16.20.10"
A1 = Tunnel("aws-1", "198.51.100.2", "aws")
A2 = Tunnel("aws-2", "198.51.100.3", "aws")
B1 = Tunnel("vco-1", "192.0.2.2", "ali")
B2 = Tunnel("vco-2", "192.0.2.3", "ali")
PEERS = {"aws": {"169.254.60.6", "169.254.61.10"}, "ali": {"169.254.10.2", "169.254.20.2"}}
BOUND = 6000.0
"""Generous, for machines of every speed: probes every 100 ms find a cut after 300 ms, and AWS hears of it by BGP."""
HOLD = 9000.0
"""AWS's hold time here, in ms: the last path of a connection is left when BGP gives it up."""


def wait_for_paths(aws: tuple[Tunnel, ...] = (A1, A2), ali: tuple[Tunnel, ...] = (B1, B2)) -> None:
    """Until exactly these carry their cloud's prefix, AWS's also the shared one; and both clouds have a way back."""
    wait_until_over(AWS, aws, 90)
    wait_until_over(ALI, ali, 90)
    wait_until_over(BOTH, aws or ali, 90)
    for end in (end for end, tunnels in (("aws", aws), ("ali", ali)) if tunnels):
        wait_for(partial(paths, end, LAN), 90, f"{LAN} back from {end}")


@contextmanager
def streaming_to_both() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Flows to either cloud while the block runs, few enough for a slow machine to have time for verbs beside them."""
    with streaming("lan", IN_AWS, flows=4, rate=25) as aws, streaming("lan", IN_ALI, flows=4, rate=25) as ali:
        yield aws, ali


def lossless(*results: dict[str, Any]) -> float:
    """The longest gap in ms; fails when a packet was lost."""
    assert not any(result["lost"] for result in results), results
    return max(float(result["gap_ms"]) for result in results)


def told_by_us(end: str) -> set[str]:
    """Every prefix that a cloud's router has from us."""
    routes = node(end).run("vtysh", "-c", "show bgp ipv4 unicast json").json()["routes"]
    return {prefix for prefix, found in routes.items() if any(path.get("peerId") in PEERS[end] for path in found)}


def counted(where: str) -> dict[str, int]:
    """Packets by counter of a node's nftables."""
    found = json.loads(node(where).run("nft", "-j", "list", "counters").out)["nftables"]
    return {one["counter"]["name"]: one["counter"]["packets"] for one in found if "counter" in one}


@check(timeout=240)
def one_command_brings_both_clouds_up() -> None:
    """`configure` with the intent ends with 0: two tunnels to each cloud carry, under two AS numbers of ours."""
    start_services("aws")
    start_services("ali")
    lay_out_site()
    status = must_configure("bgp", wait=90)
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_for_paths()
    assert {peer["remoteAs"] for peer in sessions("aws").values()} == {65010}, sessions("aws")
    assert {peer["remoteAs"] for peer in sessions("ali").values()} == {65530}, sessions("ali")


@check(timeout=120)
def the_lan_reaches_both_clouds() -> None:
    """Flows to either cloud are all answered; each tunnel of either is used, and outside is only IKE and ESP."""
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen:
        results = [send_stream("lan", host, "--flows", "32", "--seconds", "2", "--rate", "5")
                   for host in (IN_AWS, IN_ALI)]  # fmt: skip
        must_reach("aws", IN_AWS, LAN_HOST)
        must_reach("ali", IN_ALI, LAN_HOST)
    lossless(*results)
    assert seen.counts["encrypted"] >= 2 * sum(result["sent"] for result in results), seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=120)
def no_cloud_reaches_the_other() -> None:
    """Each cloud is told our LAN alone, and a packet that one sends for the other all the same ends here."""
    assert (told_by_us("aws"), told_by_us("ali")) == ({LAN}, {LAN}), (told_by_us("aws"), told_by_us("ali"))
    before = counted("gw")["between_tunnels"]
    node("aws").shell(f"ip route add {ALI} dev a1; ping -c 3 -i 0.2 -W 1 -I {IN_AWS} {IN_ALI}; ip route del {ALI}")
    assert counted("gw")["between_tunnels"] == before + 3, f"{before} before, now {counted('gw')}"


@check(timeout=120)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables, to charon or to FRR."""
    refuse_a_second_write()


@check(timeout=180)
def rekeys_lose_nothing() -> float:
    """A tunnel to each cloud rekeys, IKE SA and child, asked for by either side, and no packet to either is lost."""
    with streaming_to_both() as results:
        rekey_everything((A1, B1))
    return lossless(*results)


@check(timeout=180)
def changing_one_leaves_the_other_alone() -> None:
    """Other timers for AWS: Alibaba's SPIs and sessions stay, and no packet to either is lost."""
    before, up = spis((B1, B2)), sessions("ali")
    with streaming_to_both() as results:
        edit_intent("timers: [3, 9]", "timers: [4, 12]")
    lossless(*results)
    untouched(before, up)


def untouched(spis_before: dict[str, set[str]], sessions_before: dict[str, dict[str, Any]]) -> None:
    """Alibaba's tunnels have the SPIs they had, and their sessions never ended."""
    assert spis((B1, B2)) == spis_before, f"SPIs before {spis_before}, after {spis((B1, B2))}"
    ended = {
        peer for peer, was in sessions_before.items()
        if sessions("ali")[peer]["connectionsDropped"] != was["connectionsDropped"]
    }  # fmt: skip
    assert not ended, f"sessions that began anew: {ended}"


@check(timeout=240)
def removing_and_adding_one_leaves_the_other_alone() -> float:
    """AWS's connection goes, and comes again: Alibaba's SPIs and sessions stay, its flows lose nothing."""
    before, up = spis((B1, B2)), sessions("ali")
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", IN_ALI, flows=4, rate=25) as result:
        appliance("connection", "remove", "aws", "--yes")
        wait_until_over(BOTH, (B1, B2), 60)
        apply_site()
        wait_for_paths()
    untouched(before, up)
    assert not seen.counts["clear"], seen.packets
    return lossless(result)


@check(timeout=120)
def a_silent_cut_stays_within_its_cloud() -> float:
    """One of AWS's tunnels is silently cut: its flows move to the other, and Alibaba's lose nothing."""
    with streaming("lan", IN_ALI, flows=4) as result:
        gap = cut_silently(A1, IN_AWS, OUTSIDE, lambda: wait_for_paths(aws=(A2,)), bound=BOUND)
    lossless(result)
    return gap


@check(timeout=180)
def the_other_cloud_takes_over() -> float:
    """All of AWS is cut: what both clouds reach goes on over Alibaba, the next by priority, when AWS's hold time is
    over at the latest; none in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", IN_BOTH) as result:
        wire("block", A1.remote, A2.remote)
        wait_until_over(BOTH, (B1, B2), 60)
        send_stream("lan", IN_BOTH, "--seconds", "1")
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= HOLD + BOUND, f"gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=240)
def the_return_costs_a_moment() -> float:
    """AWS is back, and carries again what both reach: as soon as we hear of it, perhaps before AWS has our way back."""
    with streaming("lan", IN_BOTH) as result, streaming("lan", IN_ALI, flows=4) as other:
        wire("open")
        wait_for_paths()
        send_stream("lan", IN_BOTH, "--seconds", "1")
    lossless(other)
    assert result["gap_ms"] <= BOUND, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=240)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(IN_AWS, OUTSIDE, back=wait_for_paths)


main()
