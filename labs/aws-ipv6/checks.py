"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, node, wait_for
from measuring import CLEAR, send_stream, start_services, transfer, watching
from observing import ip, paths, sas, sent_packets, sessions
from operating import (
    Tunnel,
    come_back_from_a_reboot,
    cut_silently,
    lay_out_site,
    must_configure,
    must_reach,
    refuse_a_second_write,
    rekey_without_loss,
    reopen_without_loss,
    wait_until_over,
)

OUTSIDE = ("eth1", "eth2")
"""The Internet router's links: to the appliance, and to the far end."""
LAN, FIRST, SECOND = "2001:db8:20::/48", "2001:db8:100::/48", "2001:db8:200::/48"
IN_FIRST, IN_SECOND, LAN_HOST = "2001:db8:100::4", "2001:db8:200::4", "2001:db8:20::10"
SIX1 = Tunnel("six-1", "2001:db8:a::2", "aws")
SIX2 = Tunnel("six-2", "2001:db8:a::3", "aws")
FOUR1 = Tunnel("four-1", "198.51.100.2", "aws")
FOUR2 = Tunnel("four-2", "198.51.100.3", "aws")
BOUND = 3000.0
"""Generous, for machines of every speed: probes every 100 ms find a cut after 300 ms."""


def wait_for_paths(*six: Tunnel) -> None:
    """Until exactly these carry the first connection's prefix, both of the other its own, and there is a way back."""
    wait_until_over(FIRST, six or (SIX1, SIX2), 90)
    wait_until_over(SECOND, (FOUR1, FOUR2), 90)
    wait_for(lambda: paths("aws", LAN), 90, f"{LAN} back")


@check(timeout=240)
def one_command_brings_all_tunnels_up() -> None:
    """`configure` with the intent ends with 0: four tunnels and four sessions, all of IPv6 inside, two over IPv6."""
    start_services("aws")
    lay_out_site()
    status = must_configure("bgp", wait=90)
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_for_paths()
    assert {sa["local-host"] for sa in sas("gw")} == {"2001:db8:10::10", "203.0.113.10"}, sas("gw")
    up = {peer for peer, one in sessions("gw", 6).items() if one["state"] == "Established"}
    assert up == {"fd60::1", "fd61::1", "fd62::1", "fd63::1"}, up


@check(timeout=120)
def flows_use_both_tunnels_both_ways() -> None:
    """Flows to either network are all answered; each tunnel takes its share; outside is nothing but IKE and ESP."""
    tunnels = (SIX1, SIX2, FOUR1, FOUR2)
    before = [sent_packets("gw", tunnel.name) for tunnel in tunnels]
    with watching("internet", OUTSIDE, clear=CLEAR, six="ip6 proto 50", four="ip proto 50") as seen:
        results = [send_stream("lan", host, "--flows", "32", "--rate", "5", "--seconds", "2")
                   for host in (IN_FIRST, IN_SECOND)]  # fmt: skip
        for host in (IN_FIRST, IN_SECOND):
            must_reach("aws", host, LAN_HOST)
    took = [sent_packets("gw", tunnel.name) - was for tunnel, was in zip(tunnels, before, strict=True)]
    sent = [result["sent"] for result in results]
    assert not any(result["lost"] for result in results), results
    assert min(took) >= min(sent) / 8, f"packets by tunnel: {took}"
    assert seen.counts["six"] >= 2 * sent[0], seen.each
    assert seen.counts["four"] >= 2 * sent[1], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=120)
def what_is_too_big_is_told_and_fits_then() -> None:
    """A datagram that a tunnel over IPv6 cannot take is answered with the tunnel's MTU; 1 MB by TCP arrives whole."""
    mtu = int(ip("gw", "link", "show", "dev", SIX1.name)[0]["mtu"])
    said = node("lan").run("ping", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1450", IN_FIRST, ok=False).out
    assert f"mtu={mtu}" in said.replace("mtu = ", "mtu="), said
    assert mtu < int(ip("gw", "link", "show", "dev", FOUR1.name)[0]["mtu"]), mtu
    done = transfer("lan", IN_FIRST, 1)
    assert done["whole"], done


@check(timeout=120)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables, to charon or to FRR."""
    refuse_a_second_write()


@check(timeout=180)
def rekeys_lose_nothing() -> float:
    """IKE SAs and children over IPv6 rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((SIX1, SIX2), IN_FIRST)


@check(timeout=120)
def a_silent_cut_costs_a_fraction_of_a_second() -> float:
    """One tunnel over IPv6 is silently cut: its flows move to the other, none in clear."""
    return cut_silently(SIX1, IN_FIRST, OUTSIDE, lambda: wait_for_paths(SIX2), bound=BOUND)


@check(timeout=180)
def the_return_costs_nothing() -> float:
    """It works again: both carry, and no packet is lost over it."""
    return reopen_without_loss(IN_FIRST, wait_for_paths)


@check(timeout=240)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(IN_FIRST, OUTSIDE, back=wait_for_paths)


main()
