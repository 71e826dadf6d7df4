"""Packet sizes: the MSS of either direction, and what path MTU discovery needs."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet, Raw

from tests.firewall.stage import Family, Stage, error_about
from tests.firewall.wires import Plug, run


def syn(family: Family, src: str, dst: str, mss: int, flags: str = "S") -> Packet:
    return family.packet(src, dst) / TCP(sport=41000, dport=80, flags=flags, seq=mss, options=[("MSS", mss)])


def heard_mss(plug: Plug, sent: Packet) -> int:
    frame = plug.hear(lambda frame: TCP in frame and frame[TCP].seq == sent[TCP].seq)
    return int(dict(frame[TCP].options)["MSS"])


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("flags", ["S", "SA"])
def test_the_mss_is_lowered_on_the_way_out_and_in(stage: Stage, family: Family, flags: str) -> None:
    fits = 1398 if family.version == 4 else 1378
    out = syn(family, family.lan, family.vpc_1, 1460, flags)
    back = syn(family, family.vpc_1, family.lan, 1459, flags)
    stage.send(stage.lan, out)
    assert heard_mss(stage.cloud_1, out) == fits
    stage.send(stage.cloud_1, back)
    assert heard_mss(stage.lan, back) == fits


@pytest.mark.usefixtures("table")
def test_every_tunnel_has_its_own_mss_and_a_smaller_one_stays(stage: Stage, family: Family) -> None:
    large, small = (syn(family, family.lan, family.vpc_2, mss) for mss in (1460, 536))
    stage.send(stage.lan, large)
    assert heard_mss(stage.cloud_2, large) == (1300 if family.version == 4 else 1280)
    stage.send(stage.lan, small)
    assert heard_mss(stage.cloud_2, small) == 536


@pytest.mark.usefixtures("table")
def test_the_mss_towards_the_internet_is_nobodys_business(stage: Stage, family: Family) -> None:
    packet = syn(family, family.lan, family.public, 1460)
    stage.send(stage.lan, packet)
    assert heard_mss(stage.isp, packet) == 1460


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("flags", ["A", "R"])
def test_only_segments_that_open_a_connection_are_touched(stage: Stage, family: Family, flags: str) -> None:
    packet = syn(family, family.lan, family.vpc_1, 1460, flags)
    stage.send(stage.lan, packet)
    assert heard_mss(stage.cloud_1, packet) == 1460


@pytest.mark.usefixtures("table")
def test_frag_needed_of_our_own_reaches_the_lan_with_the_tunnels_mtu(stage: Stage, family: Family) -> None:
    run("ip", "-n", stage.wires.names["box"], "link", "set", "vpc-1", "mtu", "1400")
    try:
        packet = stage.datagram(family, family.lan, family.vpc_1, size=1440)
        if family.version == 4:
            packet[IP].flags = "DF"
        stage.send(stage.lan, packet)
        answer = stage.lan.hear(error_about(packet))
        told = answer[ICMP].nexthopmtu if family.version == 4 else answer[ICMPv6PacketTooBig].mtu
        assert told == 1400
    finally:
        run("ip", "-n", stage.wires.names["box"], "link", "set", "vpc-1", "mtu", "1500")


def too_big(family: Family, src: str, dst: str, about: Packet) -> Packet:
    """A router's complaint about a packet."""
    quoted = bytes(about)[: 28 if family.version == 4 else 400]
    if family.version == 4:
        return IP(src=src, dst=dst) / ICMP(type=3, code=4, nexthopmtu=1300) / Raw(quoted)
    return IPv6(src=src, dst=dst) / ICMPv6PacketTooBig(mtu=1300) / Raw(quoted)


@pytest.mark.usefixtures("table")
def test_frag_needed_of_any_router_passes_both_ways(stage: Stage, family: Family) -> None:
    router = "192.168.77.1" if family.version == 4 else "2001:db8:77::1"

    def is_complaint(frame: Packet) -> bool:
        layer = IP if family.version == 4 else IPv6
        return layer in frame and frame[layer].src == router

    about = stage.datagram(family, family.lan, family.vpc_1)
    stage.send(stage.cloud_1, too_big(family, router, family.lan, about))
    assert stage.lan.hear(is_complaint)
    about = stage.datagram(family, family.vpc_1, family.lan)
    stage.send(stage.lan, too_big(family, router, family.vpc_1, about))
    assert stage.cloud_1.hear(is_complaint)
