"""The wires with somebody at each end: packets that must pass, packets that must not, and what was counted.

A packet that must not come is followed by one that must: when that one is there, the other would have been.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from scapy.layers.inet import ICMP, IP, UDP, UDPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from appliance.firewall.listing import parse_counters
from tests.firewall.scenes import MANAGEMENT, SHARED
from tests.firewall.wires import Plug, Wires, inside

OURS = replace(SHARED, host_is_ours=True, management=MANAGEMENT)


@dataclass(frozen=True)
class Family:
    """Addresses of the little network, in one family."""

    version: int
    lan: str
    box_inside: str
    vpc_1: str
    vpc_2: str
    private: str  # neither protected nor ours
    public: str
    peer: str
    stranger: str
    box: str
    neighbor: str

    def packet(self, src: str, dst: str) -> Packet:
        return IP(src=src, dst=dst) if self.version == 4 else IPv6(src=src, dst=dst)

    @property
    def socket(self) -> socket.AddressFamily:
        return socket.AF_INET if self.version == 4 else socket.AF_INET6


V4 = Family(
    4,
    lan="172.16.20.80",
    box_inside="169.254.23.6",
    vpc_1="10.1.0.4",
    vpc_2="10.2.0.4",
    private="192.168.50.1",
    public="203.0.113.99",
    peer="198.51.100.7",
    stranger="198.51.100.66",
    box="198.51.100.2",
    neighbor="169.254.23.5",
)
V6 = Family(
    6,
    lan="2001:db8:20::80",
    box_inside="fd00:23::2",
    vpc_1="2001:db8:1000::4",
    vpc_2="2001:db8:2000::4",
    private="fd99::1",
    public="2001:db8:9999::1",
    peer="2001:db8:100::7",
    stranger="2001:db8:100::66",
    box="2001:db8:100::2",
    neighbor="fd00:23::1",
)


class Stage:
    """The wires with a plug in each end, and a counter that tells packets apart."""

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self.lan, self.isp = wires.plug("lan", "l0"), wires.plug("isp", "i0")
        self.cloud_1, self.cloud_2 = wires.plug("cloud", "c1"), wires.plug("cloud", "c2")
        self.macs = {id(plug): wires.mac(link) for plug, link in self._ends()}
        self.port = 20000

    def _ends(self) -> Iterator[tuple[Plug, str]]:
        yield from ((self.lan, "eth2"), (self.isp, "eth0"), (self.cloud_1, "vpc-1"), (self.cloud_2, "vpc-2"))

    def send(self, plug: Plug, packet: Packet) -> None:
        plug.send(Ether(src=plug.mac, dst=self.macs[id(plug)]) / packet)

    def datagram(self, family: Family, src: str, dst: str, size: int = 8) -> Packet:
        self.port += 1
        return family.packet(src, dst) / UDP(sport=40000, dport=self.port) / Raw(b"x" * size)

    def passes(self, here: Plug, packet: Packet, there: Plug) -> Packet:
        """The packet as it came out there."""
        self.send(here, packet)
        return there.hear(same_port(packet))

    def stops(self, here: Plug, packet: Packet, there: Plug, follower: Packet) -> list[Packet]:
        """Nothing of the packet came out there; what else did, up to the follower."""
        self.send(here, packet)
        self.send(here, follower)
        heard = there.hear_until(same_port(follower))
        assert not [frame for frame in heard if same_port(packet)(frame)], "it came through"
        return heard

    def count(self, name: str) -> int:
        return parse_counters(self.wires.nft("-j", "list", "counters", "table", "inet", "appliance"))[name]


def same_port(packet: Packet) -> Callable[[Packet], bool]:
    """Recognises a UDP packet by its destination port, also when it comes back inside an ICMP error."""
    port = packet[UDP].dport
    return lambda frame: UDP in frame and frame[UDP].dport == port


def is_error(frame: Packet) -> bool:
    return ICMP in frame or ICMPv6DestUnreach in frame or ICMPv6PacketTooBig in frame


def prohibited(family: Family, frame: Packet) -> bool:
    """Communication administratively prohibited: RFC 1812 and RFC 4443, destination unreachable."""
    if family.version == 4:
        return (frame[ICMP].type, frame[ICMP].code) == (3, 13)
    return bool(frame[ICMPv6DestUnreach].code == 1)


def error_about(packet: Packet) -> Callable[[Packet], bool]:
    """Recognises an ICMP error that quotes the packet."""
    port = packet[UDP].dport
    return lambda frame: is_error(frame) and UDPerror in frame and frame[UDPerror].dport == port


def client(stage: Stage, family: Family, where: str, source: str = "", port: int = 0) -> socket.socket:
    with inside(stage.wires.names[where]):
        made = socket.socket(family.socket, socket.SOCK_DGRAM)
    made.bind((source, port))
    made.settimeout(5)
    return made


def open_at(stage: Stage, family: Family, kind: int, what: int) -> socket.socket:
    """A socket of the box that hears what got through: a UDP port, or a protocol (raw)."""
    with inside(stage.wires.names["box"]):
        made = socket.socket(family.socket, kind, what if kind == socket.SOCK_RAW else 0)
    made.bind(("", 0 if kind == socket.SOCK_RAW else what))
    made.settimeout(5)
    return made
