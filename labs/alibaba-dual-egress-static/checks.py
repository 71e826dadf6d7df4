"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, wait_for
from measuring import send_stream, start_services
from observing import sas
from operating import (
    Tunnel,
    come_back_from_a_reboot,
    cut_silently,
    flowing,
    lay_out_site,
    must_configure,
    must_reach,
    probes,
    refuse_a_second_write,
    rekey_without_loss,
    states,
    wait_until_over,
    watching_outside,
    wire,
)

VPC, HOST, LAN_HOST = "192.168.0.0/16", "192.168.30.4", "172.16.20.10"
ONE = Tunnel("vco-1", "198.51.100.151", "ali1")
TWO = Tunnel("vco-2", "192.0.2.87", "ali2")
OUTSIDE = ("eth1", "eth2", "eth3", "eth4")
"""The Internet router's links: to the appliance, twice, and to either tunnel end."""
BOUND = 3000.0
"""Generous, for machines of every speed: probes every 250 ms find a cut after 750 ms."""


def wait_until_carries(tunnel: Tunnel, timeout: float = 90) -> None:
    wait_until_over(VPC, [tunnel], timeout)


@check(timeout=240)
def one_command_brings_both_tunnels_up() -> None:
    """`configure --static` ends with 0: tunnel 1 carries, tunnel 2 stands by, each on its own uplink."""
    start_services("vpc")
    lay_out_site()
    status = must_configure("static", wait=90)
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_until_carries(ONE)
    found = {sa["name"]: sa["local-host"] for sa in sas("gw") if sa["state"] == "ESTABLISHED"}
    assert found == {"vco-1": "172.16.20.80", "vco-2": "172.16.21.248"}, found
    wait_for(lambda: states() == {"vco-1": "carrying", "vco-2": "standby"}, 60, "one to carry, one to stand by")


@check(timeout=180)
def each_tunnel_leaves_by_its_own_uplink() -> None:
    """Flows are answered; on each uplink is nothing but its own tunnel, and nothing in clear."""
    with watching_outside(OUTSIDE, one=f"host {ONE.remote}", two=f"host {TWO.remote}") as seen:
        result = send_stream("lan", HOST, "--flows", "16", "--rate", "10", "--seconds", "3")
        must_reach("vpc", HOST, LAN_HOST)
    assert not result["lost"], result
    assert seen.each["eth1"]["one"] >= 2 * result["sent"], seen.each
    assert not seen.each["eth1"]["two"] + seen.each["eth2"]["one"], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=240)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables or to charon."""
    refuse_a_second_write()


@check(timeout=240)
def rekeys_lose_nothing() -> float:
    """IKE SAs and children of both tunnels rekey from either side under 100 packets a second, and none is lost."""
    return rekey_without_loss((ONE, TWO), HOST)


@check(timeout=240)
def a_silent_cut_costs_a_fraction_of_a_second() -> float:
    """Tunnel 1 is silently cut: a host behind the gateway that answers no more over it tells; none in clear."""
    wait_for(lambda: set(probes().values()) == {"up"}, 60, "probes to be answered")
    return cut_silently(ONE, HOST, OUTSIDE, lambda: wait_until_carries(TWO), bound=BOUND)


@check(timeout=240)
def failback_costs_nothing() -> float:
    """Tunnel 1 works again: it carries after its probation, and no flow waits for it."""
    with flowing(HOST) as result:
        wire("open")
        wait_until_carries(ONE, timeout=120)
        send_stream("lan", HOST, "--seconds", "1")
    assert result["gap_ms"] <= BOUND / 10, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(HOST, OUTSIDE)


main()
