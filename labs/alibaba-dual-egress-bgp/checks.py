"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from checking import check, main, node, wait_for
from measuring import send_stream, start_services
from observing import ip, paths, sas
from operating import (
    UNHURRIED,
    Tunnel,
    appliance,
    come_back_from_a_reboot,
    cut_silently,
    lay_out_site,
    must_configure,
    must_reach,
    refuse_a_second_write,
    rekey_everything,
    rekey_without_loss,
    reopen_without_loss,
    spis,
    states,
    wait_until_over,
    watching_outside,
)

LAN, VPC, HOST, LAN_HOST = "172.16.20.0/24", "192.168.0.0/16", "192.168.30.4", "172.16.20.10"
ONE = Tunnel("vco-1", "198.51.100.151", "ali1")
TWO = Tunnel("vco-2", "192.0.2.87", "ali2")
LINKS = {ONE: "eth1", TWO: "eth2"}
"""The appliance's uplink of each tunnel, and the Internet router's link to it: they have the same names."""
OUTSIDE = ("eth1", "eth2", "eth3", "eth4")
"""The Internet router's links: to the appliance, twice, and to either tunnel end."""
HOLD = 9000
"""BGP's hold time in ms: the intent asks for less than the cloud's 30 s, and the lower one counts (RFC 4271)."""


def wait_for_paths(*tunnels: Tunnel, timeout: float = 150) -> None:
    """Until exactly these carry the VPC's prefix, and the VPC's router goes back over the first of them."""
    wait_until_over(VPC, tunnels, timeout)
    back = {"eth1" if ONE in tunnels else "eth2"}
    wait_for(lambda: paths("vpc", LAN) == back, timeout, f"{LAN} back over {back}", every=UNHURRIED)


def sources() -> dict[str, tuple[str, str]]:
    """Tunnel -> (our address, our identity) of its established IKE SA."""
    return {sa["name"]: (sa["local-host"], sa["local-id"]) for sa in sas("gw") if sa["state"] == "ESTABLISHED"}


@check(timeout=300)
def one_command_brings_both_tunnels_up() -> None:
    """`configure` with the intent ends with 0; each tunnel stands on its own uplink, under its public name."""
    start_services("vpc")
    lay_out_site()
    status = must_configure("bgp", wait=90)
    assert (status["state"], status["healthy"]) == ("ok", True), status["why"]
    wait_for_paths(ONE, TWO)
    assert sources() == {
        "vco-1": ("172.16.20.80", "203.0.113.202"),
        "vco-2": ("172.16.21.248", "203.0.113.127"),
    }, sources()


@check(timeout=180)
def each_tunnel_leaves_by_its_own_uplink() -> None:
    """32 flows go over both tunnels: on each uplink nothing but its own tunnel, in UDP 4500, and nothing in clear."""
    stray = {tunnel.name: f"host {tunnel.remote}" for tunnel in (ONE, TWO)}
    with watching_outside(OUTSIDE, one=stray["vco-1"], two=stray["vco-2"], esp="esp") as seen:
        result = send_stream("lan", HOST, "--flows", "32", "--rate", "10", "--seconds", "3")
        must_reach("vpc", HOST, LAN_HOST)
    assert not result["lost"], result
    assert seen.each["eth1"]["one"] > 100, seen.each
    assert seen.each["eth2"]["two"] > 100, seen.each
    assert not seen.each["eth1"]["two"] + seen.each["eth2"]["one"], seen.each
    assert not seen.counts["esp"], seen.each
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
def a_default_route_through_a_tunnel_takes_no_ike_and_no_esp() -> None:
    """A default route into tunnel 1, and a route to both far ends there: IKE and ESP still leave by their uplinks."""
    gw = node("gw")
    routes = ["default", f"{ONE.remote}/32", f"{TWO.remote}/32"]
    with watching_outside(OUTSIDE, one=f"host {ONE.remote}", two=f"host {TWO.remote}") as seen:
        for route in routes:
            gw.run("ip", "route", "add", route, "dev", "vco-1", "metric", "1")
        try:
            rekey_everything((ONE, TWO), ["ike"])
            result = send_stream("lan", HOST, "--flows", "16", "--seconds", "2")
        finally:
            for route in routes:
                gw.run("ip", "route", "del", route, "dev", "vco-1", "metric", "1")
    assert not result["lost"], result
    assert min(seen.each["eth1"]["one"], seen.each["eth2"]["two"]) > 50, seen.each
    assert not seen.each["eth1"]["two"] + seen.each["eth2"]["one"], seen.each


@check(timeout=240)
def a_new_lease_moves_its_own_tunnel_alone() -> None:
    """The second uplink gets another address and gateway: tunnel 2 moves there, tunnel 1 keeps its SPI."""
    before, gw = spis((ONE, TWO)), node("gw")
    gw.shell(
        "ip address flush dev eth2; ip address add 172.16.21.17/24 dev eth2;"
        " ip route add default via 172.16.21.254 metric 200"
    )
    wait_for(lambda: sources().get("vco-2") == ("172.16.21.17", "203.0.113.127"), 90, "tunnel 2 from the new address")
    wait_for_paths(ONE, TWO)
    assert spis((ONE,)) == {"vco-1": before["vco-1"]}, f"{before}, now {spis((ONE,))}"
    hops = {route["gateway"] for route in ip("gw", "route", "get", TWO.remote, "from", "172.16.21.17")}
    assert hops == {"172.16.21.254"}, hops
    assert appliance("plan")["changes"] == 0, appliance("plan")


@check(timeout=240)
def a_lost_uplink_costs_its_own_tunnel_alone() -> float:
    """The first uplink's way is silently cut: its flows move to tunnel 2, which keeps its SPI; none in clear."""
    before = spis((TWO,))
    gap = cut_silently(ONE, HOST, OUTSIDE, lambda: wait_for_paths(TWO), bound=HOLD + 5000)
    assert spis((TWO,)) == before
    return gap


@check(timeout=300)
def the_return_costs_nothing() -> float:
    """The way is open again: both carry, the cloud goes back to its active tunnel, and no packet is lost over it."""
    return reopen_without_loss(HOST, lambda: wait_for_paths(ONE, TWO, timeout=100))


@check(timeout=240)
def an_uplink_without_address_calls_from_nowhere_else() -> None:
    """The second uplink loses its lease: nothing of tunnel 2 leaves by the first; it is back when the lease is."""
    gw = node("gw")
    with watching_outside(OUTSIDE, two=f"dst host {TWO.remote} and udp") as seen:
        gw.run("ip", "address", "flush", "dev", "eth2")
        wait_for_paths(ONE)
        wait_for(lambda: states()["vco-2"] == "down", 20, "status to say that tunnel 2 is down")
        send_stream("lan", HOST, "--seconds", "2")
    assert not seen.each["eth1"]["two"], seen.packets
    gw.shell("ip address add 172.16.21.17/24 dev eth2; ip route replace default via 172.16.21.254 metric 200")
    wait_for_paths(ONE, TWO)


@check(timeout=300)
def a_reboot_brings_everything_back() -> float:
    """All that a reboot takes is gone: the box comes back by itself, and nothing leaves in clear meanwhile."""
    return come_back_from_a_reboot(HOST, OUTSIDE, lambda: wait_for_paths(ONE, TWO, timeout=120))


main()
