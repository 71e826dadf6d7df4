"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, wait_for
from measuring import send_stream, start_services
from observing import paths, sas
from operating import (
    UNHURRIED,
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
    watching_outside,
)

LAN, VPC, HOST, LAN_HOST = "172.16.20.0/24", "192.168.0.0/16", "192.168.30.4", "172.16.20.10"
ONE = Tunnel("vco-1", "198.51.100.151", "ali1")
TWO = Tunnel("vco-2", "192.0.2.87", "ali2")
OUTSIDE = ("eth1", "eth2", "eth3")
"""The Internet router's links: to the appliance, to either tunnel end."""
HOLD = 30_000
"""BGP's hold time here, in ms."""


def wait_for_paths(*tunnels: Tunnel, timeout: float = 120) -> None:
    """Until exactly these carry the VPC's prefix, and the VPC's router goes back over the first of them."""
    wait_until_over(VPC, tunnels, timeout)
    back = {"eth1" if ONE in tunnels else "eth2"}
    wait_for(lambda: paths("vpc", LAN) == back, timeout, f"{LAN} back over {back}", every=UNHURRIED)


@check(timeout=300)
def one_command_brings_both_tunnels_up() -> None:
    """`configure` ends with 0: both tunnels under one public name, in UDP 4500; the weak algorithms are named."""
    start_services("vpc")
    lay_out_site()
    status = must_configure("bgp", wait=120, noted="modp1024")
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_for_paths(ONE, TWO)
    for sa in sas("gw"):
        assert (sa["local-id"], sa["remote-port"]) == ("203.0.113.202", "4500"), sa


@check(timeout=240)
def traffic_flows_encrypted() -> None:
    """32 flows are answered, and outside there is nothing but IKE and ESP."""
    with watching_outside(OUTSIDE) as seen:
        result = send_stream("lan", HOST, "--flows", "32", "--rate", "10", "--seconds", "3")
        must_reach("vpc", HOST, LAN_HOST)
    assert not result["lost"], result
    assert seen.counts["encrypted"] >= 2 * result["sent"], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=240)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables, to charon or to FRR."""
    refuse_a_second_write()


@check(timeout=240)
def rekeys_lose_nothing() -> float:
    """IKE SAs and children of both tunnels rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((ONE, TWO), HOST)


@check(timeout=240)
def a_dead_tunnel_hands_over() -> float:
    """Tunnel 1, the cloud's active one, is silently cut: all flows go on over tunnel 2, none in clear."""
    return cut_silently(ONE, HOST, OUTSIDE, lambda: wait_for_paths(TWO), bound=HOLD + 5000)


@check(timeout=300)
def the_return_costs_nothing() -> float:
    """The way is open again: both carry, the cloud goes back to its active tunnel, and no packet is lost over it."""
    return reopen_without_loss(HOST, lambda: wait_for_paths(ONE, TWO))


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(HOST, OUTSIDE, lambda: wait_for_paths(ONE, TWO, timeout=200))


main()
