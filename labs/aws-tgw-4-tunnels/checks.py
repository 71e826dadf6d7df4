"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, wait_for
from measuring import CLEAR, send_stream, start_services, streaming, watching
from observing import paths, sessions
from operating import (
    UNHURRIED,
    Tunnel,
    appliance,
    apply_site,
    come_back_from_a_reboot,
    edit_intent,
    lay_out_site,
    must_configure,
    must_reach,
    refuse_a_second_write,
    rekey_without_loss,
    reopen_without_loss,
    spis,
    states,
    wait_until_over,
    wire,
)
from spreading import spread

OUTSIDE = ("eth1", "eth2", "eth3")
LAN, VPC, HOST, LAN_HOST = "172.16.20.0/24", "10.1.0.0/16", "10.1.0.4", "172.16.20.10"
A1 = Tunnel("tgw-a1", "198.51.100.2", "tgw1")
A2 = Tunnel("tgw-a2", "192.0.2.2", "tgw2")
B1 = Tunnel("tgw-b1", "198.51.100.3", "tgw1")
B2 = Tunnel("tgw-b2", "192.0.2.3", "tgw2")
ALL = (A1, A2, B1, B2)
HOLD = 12_000
"""The longer of BGP's two hold times here, in ms."""
SECOND = ("169.254.62.14", "169.254.63.18")
"""Our addresses inside the second connection's tunnels."""
GENTLY = {"flows": 4, "rate": 25}
"""A stream beside verbs, which on a slow machine need all it has."""


def wait_for_paths(*tunnels: Tunnel, timeout: float = 150) -> None:
    """Until exactly these carry the VPC's prefix, and the VPC's router has a way back."""
    wait_until_over(VPC, tunnels, timeout)
    wait_for(lambda: paths("vpc", LAN), timeout, f"{LAN} back", every=UNHURRIED)


@check(timeout=300)
def one_command_brings_four_tunnels_up() -> None:
    """`configure` with the intent ends with 0: four tunnels carry one prefix as one nexthop group."""
    start_services("vpc")
    lay_out_site()
    status = must_configure("bgp", wait=90)
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_for_paths(*ALL)
    assert set(states().values()) == {"carrying"}, states()


@check(timeout=180)
def flows_use_all_four_both_ways() -> None:
    """128 flows are all answered; each tunnel takes its share out, and outside there is nothing but IKE and ESP."""
    spread(128, HOST, [tunnel.name for tunnel in ALL], OUTSIDE)
    must_reach("vpc", HOST, LAN_HOST)


@check(timeout=240)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables, to charon or to FRR."""
    refuse_a_second_write()


@check(timeout=240)
def rekeys_lose_nothing() -> float:
    """IKE SAs and children of one connection rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((A1, A2), HOST)


@check(timeout=240)
def changing_one_connection_leaves_the_other_alone() -> None:
    """Other timers on the first connection: the second keeps its SPIs and its sessions, and no packet is lost."""
    before, ended = spis((B1, B2)), endings()
    with streaming("lan", HOST, **GENTLY) as result:
        edit_intent("timers: [4, 12]", "timers: [5, 15]")
    untouched(before, ended)
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"


def endings() -> dict[str, int]:
    """How often each of the second connection's sessions has ended, as its far end counts."""
    found = {**sessions("tgw1"), **sessions("tgw2")}
    return {peer: found[peer]["connectionsDropped"] for peer in SECOND}


def untouched(spis_before: dict[str, set[str]], ended: dict[str, int]) -> None:
    """The second connection has the SPIs it had, and its sessions never ended."""
    assert spis((B1, B2)) == spis_before, f"SPIs before {spis_before}, after {spis((B1, B2))}"
    assert endings() == ended, f"endings of sessions before {ended}, now {endings()}"


@check(timeout=300)
def removing_one_connection_leaves_the_other_alone() -> None:
    """The first connection is removed under traffic: the second keeps its SPIs and sessions, and carries everything."""
    before, ended = spis((B1, B2)), endings()
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", HOST, **GENTLY) as result:
        appliance("connection", "remove", "tgw-a", "--yes")
        wait_for_paths(B1, B2)
        send_stream("lan", HOST, "--seconds", "1")
    untouched(before, ended)
    assert result["gap_ms"] < HOLD, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets


@check(timeout=300)
def adding_it_again_leaves_the_other_alone() -> float:
    """The whole intent again: four tunnels, and the second connection keeps its SPIs and sessions. Flows that move to
    the new tunnels before the cloud does cost a moment, which is stated."""
    before, ended = spis((B1, B2)), endings()
    with streaming("lan", HOST, **GENTLY) as result:
        apply_site()
        wait_for_paths(*ALL)
    untouched(before, ended)
    assert result["gap_ms"] < 1000, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=240)
def a_silent_cut_moves_its_flows() -> float:
    """One far end, two of the four tunnels, is silently cut: its flows move to the other, none in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", HOST) as result:
        wire("block", A1.remote, B1.remote)
        wait_for_paths(A2, B2)
        send_stream("lan", HOST, "--seconds", "1")
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= HOLD + 5000, f"gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=300)
def the_return_costs_nothing() -> float:
    """The far end is back: all four carry again, and no packet is lost over it."""
    return reopen_without_loss(HOST, lambda: wait_for_paths(*ALL, timeout=100))


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(HOST, OUTSIDE, back=lambda: wait_for_paths(*ALL))


main()
