"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, node, wait_for
from measuring import CLEAR, ENCRYPTED, send_stream, start_services, watching
from observing import ip, sas
from operating import (
    Tunnel,
    children,
    come_back_from_a_reboot,
    flowing,
    lay_out_site,
    must_configure,
    must_reach,
    refuse_a_second_write,
    rekey_without_loss,
    wire,
)

HOST, LAN_HOST = "192.168.30.4", "172.16.20.10"
ONLY = Tunnel("vco-1", "198.51.100.151", "ali")
OUTSIDE = ("eth1", "eth2")
"""The Internet router's links: to the appliance, to the gateway."""
BOX_OUTSIDE = "203.0.113.202"
WITHOUT_NETWORK = "ip address flush dev eth1; ip link set eth1 down"
WITH_NETWORK = f"ip link set eth1 up; ip address add {BOX_OUTSIDE}/28 dev eth1; ip route add default via 203.0.113.193"
DEAD = 60_000.0
"""What a cut of 30 s may cost in ms: dead peer detection finds it within 32 s, and we call again at once."""


@check(timeout=240)
def one_command_brings_the_tunnel_up() -> None:
    """`configure --policy` ends with 0, warns that nothing takes over, and leaves no interface behind."""
    start_services("vpc")
    lay_out_site()
    with watching("internet", OUTSIDE, clear=CLEAR) as seen:
        status = must_configure("policy", wait=90, noted="a single tunnel")
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    assert not ip("gw", "link", "show", "type", "xfrm")
    assert not seen.counts["clear"], seen.packets


@check(timeout=180)
def traffic_flows_both_ways_in_plain_esp() -> None:
    """From either side, and the box itself cannot be fooled: without NAT it is ESP, and nothing is in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED, esp="esp") as seen:
        result = send_stream("lan", HOST, "--flows", "16", "--rate", "10", "--seconds", "3")
        must_reach("vpc", HOST, LAN_HOST)
    assert not result["lost"], result
    assert seen.counts["esp"] >= 2 * result["sent"], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=120)
def what_goes_to_the_vpc_keeps_its_source() -> None:
    """The LAN reaches the Internet under the box's address, and the VPC under its own."""
    with watching("internet", ("eth1",), box=f"icmp and src host {BOX_OUTSIDE}") as outside:
        node("lan").run("ping", "-c", "2", "-i", "0.2", "-W", "3", "203.0.113.193")
    with watching("vpc", ("eth1",), itself=f"icmp and src host {LAN_HOST}", other="icmp[0] = 8") as inside:
        node("lan").run("ping", "-c", "2", "-i", "0.2", "-W", "3", HOST)
    assert outside.counts["box"] == 2, outside.each
    assert inside.counts["itself"] == inside.counts["other"] == 2, inside.each


@check(timeout=180)
def what_claims_to_come_from_the_cloud_in_clear_is_dropped() -> None:
    """A packet with a source in the VPC that comes in clear over the uplink does not reach the LAN."""
    internet, lan = node("internet"), node("lan")
    internet.run("ip", "address", "add", "192.168.99.1/32", "dev", "lo")
    internet.run("ip", "route", "add", "172.16.20.0/24", "via", "203.0.113.202")
    with watching("lan", ("eth1",), forged="src host 192.168.99.1") as seen:
        internet.run("ping", "-c", "3", "-W", "1", "-I", "192.168.99.1", LAN_HOST, ok=False)
    internet.run("ip", "route", "del", "172.16.20.0/24")
    internet.run("ip", "address", "del", "192.168.99.1/32", "dev", "lo")
    assert not seen.counts["forged"], seen.packets
    assert lan.run("ping", "-c", "1", "-W", "2", HOST).code == 0


@check(timeout=240)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables or to charon."""
    refuse_a_second_write()


@check(timeout=240)
def rekeys_lose_nothing() -> float:
    """The IKE SA and its child rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((ONLY,), HOST)


@check(timeout=300)
def a_cut_leaks_nothing_and_heals_by_itself() -> float:
    """The only tunnel is cut for as long as its SA lives: nothing in clear; back by itself, whoever begins."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, flowing(HOST) as result:
        wire("block", ONLY.remote)
        wait_for(lambda: not children(ONLY), 120, "the SA to end", every=0.5)
        wire("open")
        wait_for(lambda: not send_stream("lan", HOST, "--seconds", "1")["lost"], 90, "traffic to flow")
    assert not seen.counts["clear"], seen.packets
    assert result["gap_ms"] < DEAD, f"gap {result['gap_ms']} ms"
    wait_for(lambda: len([sa for sa in sas("gw") if sa["state"] == "ESTABLISHED"]) == 1, 60, "one IKE SA")
    return float(result["gap_ms"])


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone, and the uplink comes up late: the box comes back by itself, none in clear."""
    return come_back_from_a_reboot(HOST, OUTSIDE, late=(WITHOUT_NETWORK, WITH_NETWORK))


main()
