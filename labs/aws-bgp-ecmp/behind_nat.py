"""The appliance behind a NAT: a private address on its uplink, the public one as its identity."""

from __future__ import annotations

from checking import check, node
from measuring import CLEAR, send_stream, watching
from observing import sas
from scene import FIRST, OUTSIDE, PUBLIC, must_configure


def move(address: str, gateway: str, nat: str) -> None:
    """Give the appliance's uplink another address, and the Internet router the matching part."""
    node("internet").run("/opt/internet/nat", nat)
    gw = node("gw")
    gw.run("ip", "address", "flush", "dev", "eth1")
    gw.run("ip", "address", "add", address, "dev", "eth1")
    gw.run("ip", "route", "replace", "default", "via", gateway)


@check(timeout=150)
def tunnels_come_up_behind_nat() -> None:
    """With a private address behind a NAT both tunnels come up in UDP 4500, under the public identity, and carry."""
    move("192.168.77.2/30", "192.168.77.1", "on")
    must_configure(FIRST, uplink=f"isp1=eth1,public={PUBLIC}", wait=90)
    for tunnel in FIRST.tunnels:
        (sa,) = (sa for sa in sas("gw") if sa["remote-host"] == tunnel.remote and sa["state"] == "ESTABLISHED")
        found = (sa["local-host"], sa["local-id"], sa["remote-port"])
        assert found == ("192.168.77.2", PUBLIC, "4500"), found
    with watching("internet", OUTSIDE, clear=CLEAR, esp="esp", natted="udp port 4500") as seen:
        result = send_stream("lan", FIRST.host, "--flows", "8", "--seconds", "3")
    assert not result["lost"], result
    assert seen.counts["natted"] >= 2 * result["sent"], seen.each
    assert not seen.counts["esp"], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=150)
def tunnels_come_back_without_nat() -> None:
    """With the public address on the uplink again, both tunnels come up in plain ESP."""
    move(f"{PUBLIC}/28", "203.0.113.1", "off")
    must_configure(FIRST, wait=90)
    with watching("internet", OUTSIDE, clear=CLEAR, esp="esp") as seen:
        result = send_stream("lan", FIRST.host, "--flows", "8", "--seconds", "2")
    assert not result["lost"], result
    assert seen.counts["esp"], seen.each
    assert not seen.counts["clear"], seen.packets
