"""What the table does to packets, seen on the wires of a box with a LAN, an uplink and two tunnels.

A packet that must not come is followed by one that must: when that one is there, the other would have been.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, UDPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from appliance.firewall.listing import parse_counters
from appliance.firewall.ruleset import render_ruleset
from appliance.model.filtering import LanGuard, ManagementGuard
from tests.firewall.scenes import MANAGEMENT, SHARED
from tests.firewall.wires import Plug, Wires, inside, run, wait_for

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


@pytest.fixture(scope="module")
def whole_stage(wires: Wires) -> Stage:
    return Stage(wires)


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """With nothing in the air from the test before."""
    for plug in (whole_stage.lan, whole_stage.isp, whole_stage.cloud_1, whole_stage.cloud_2):
        plug.forget()
    return whole_stage


@pytest.fixture(params=[V4, V6], ids=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


@pytest.fixture(params=[SHARED, OURS], ids=["shared-host", "own-image"])
def table(request: pytest.FixtureRequest, wires: Wires) -> None:
    wires.load(render_ruleset(request.param))


# -- the size of TCP segments


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


# -- what goes through


@pytest.mark.usefixtures("table")
def test_lan_and_cloud_reach_each_other(stage: Stage, family: Family) -> None:
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_2), stage.cloud_2)
    stage.passes(stage.cloud_1, stage.datagram(family, family.vpc_1, family.lan), stage.lan)
    stage.passes(stage.cloud_2, stage.datagram(family, family.vpc_2, family.lan), stage.lan)


@pytest.mark.usefixtures("table")
def test_tunnels_are_no_transit(stage: Stage, family: Family) -> None:
    astray = stage.datagram(family, family.vpc_1, family.vpc_2)
    stage.send(stage.cloud_1, astray)
    fine = stage.datagram(family, family.lan, family.vpc_2)
    wait_for(lambda: stage.count("between_tunnels") == 1, "the packet is counted")
    stage.send(stage.lan, fine)
    heard = stage.cloud_2.hear_until(same_port(fine))
    assert not [frame for frame in heard if same_port(astray)(frame)]


@pytest.mark.usefixtures("table")
def test_a_cloud_does_not_reach_the_internet_through_us(stage: Stage, family: Family) -> None:
    stage.send(stage.cloud_1, astray := stage.datagram(family, family.vpc_1, family.public))
    wait_for(lambda: stage.count("from_tunnel_astray") == 1, "the packet is counted")
    stage.send(stage.lan, fine := stage.datagram(family, family.lan, family.public))
    heard = stage.isp.hear_until(same_port(fine))
    assert not [frame for frame in heard if same_port(astray)(frame)]


def test_only_lan_networks_enter_a_tunnel_and_the_others_are_told(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, lans=(LanGuard("eth2", (ip_network("172.16.21.0/24"),)),))))
    undeclared = stage.datagram(family, family.lan, family.vpc_1)
    stage.send(stage.lan, undeclared)
    assert prohibited(family, stage.lan.hear(error_about(undeclared)))
    assert stage.count("to_tunnel_astray") == 1
    stage.wires.load(render_ruleset(SHARED))
    fine = stage.datagram(family, family.lan, family.vpc_1)
    stage.send(stage.lan, fine)
    assert not [frame for frame in stage.cloud_1.hear_until(same_port(fine)) if same_port(undeclared)(frame)]


@pytest.mark.usefixtures("table")
def test_a_refusal_does_not_carry_the_packet_out_in_clear(stage: Stage, family: Family) -> None:
    """The way back to this source leads over the uplink, and an ICMP error would quote what must not be seen there."""
    unrouted = "172.16.99.80" if family.version == 4 else "2001:db8:99::80"
    for target, name in ((family.vpc_1, "to_tunnel_astray"), (family.private, "private_in_clear")):
        stage.send(stage.lan, stage.datagram(family, unrouted, target))
        assert stage.count(name) == 1
        fine = stage.datagram(family, family.lan, family.public)
        stage.send(stage.lan, fine)
        assert not [frame for frame in stage.isp.hear_until(same_port(fine)) if is_error(frame)]


@pytest.mark.usefixtures("table")
def test_nobody_on_the_uplink_enters_a_tunnel_as_a_lan_host(stage: Stage, family: Family) -> None:
    stage.send(stage.isp, astray := stage.datagram(family, family.lan, family.vpc_1))
    wait_for(lambda: stage.count("to_tunnel_astray") == 1, "the packet is counted")
    fine = stage.datagram(family, family.lan, family.vpc_1)
    stage.send(stage.lan, fine)
    heard = stage.cloud_1.hear_until(same_port(fine))
    assert not [frame for frame in heard if same_port(astray)(frame)]


# -- path MTU discovery


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


# -- the second barrier


@pytest.mark.usefixtures("table")
def test_private_destinations_never_leave_in_clear_and_the_sender_is_told(stage: Stage, family: Family) -> None:
    private = stage.datagram(family, family.lan, family.private)
    stage.stops(stage.lan, private, stage.isp, stage.datagram(family, family.lan, family.public))
    assert stage.count("private_in_clear") == 1
    assert prohibited(family, stage.lan.hear(error_about(private)))


PRIVATE = [
    ("10.255.0.1", "protected_in_clear"),
    ("100.64.0.1", "private_in_clear"),
    ("172.31.255.254", "private_in_clear"),
    ("192.168.0.1", "private_in_clear"),
    ("169.254.169.254", "private_in_clear"),
    ("fc00::1", "private_in_clear"),
    ("fdff::1", "private_in_clear"),
]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(("address", "counter"), PRIVATE)
def test_every_private_range_is_one(stage: Stage, address: str, counter: str) -> None:
    family = V4 if ip_address(address).version == 4 else V6
    stage.stops(
        stage.lan,
        stage.datagram(family, family.lan, address),
        stage.isp,
        stage.datagram(family, family.lan, family.public),
    )
    assert stage.count(counter) == 1


def test_protected_only_lets_other_private_destinations_go(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, deny_private=False)))
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.private), stage.isp)
    protected = "10.99.0.1" if family.version == 4 else "2001:db8:2fff::1"
    stage.stops(
        stage.lan,
        stage.datagram(family, family.lan, protected),
        stage.isp,
        stage.datagram(family, family.lan, family.private),
    )
    assert stage.count("protected_in_clear") == 1


@pytest.mark.usefixtures("table")
def test_without_its_route_a_protected_prefix_does_not_leave(stage: Stage, family: Family) -> None:
    box = stage.wires.names["box"]
    route = "10.1.0.0/16 via 169.254.23.5" if family.version == 4 else "2001:db8:1000::/48 via fd00:23::1"
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    run("ip", "-n", box, "route", "delete", *route.split())
    try:
        stage.stops(
            stage.lan,
            stage.datagram(family, family.lan, family.vpc_1),
            stage.isp,
            stage.datagram(family, family.lan, family.public),
        )
        with closing(client(stage, family, "box")) as host, pytest.raises(PermissionError):
            host.sendto(b"in clear", (family.vpc_1, 4000))
        assert stage.count("protected_in_clear") == 2
    finally:
        run("ip", "-n", box, "route", "add", *route.split())


def client(stage: Stage, family: Family, where: str, source: str = "", port: int = 0) -> socket.socket:
    with inside(stage.wires.names[where]):
        made = socket.socket(family.socket, socket.SOCK_DGRAM)
    made.bind((source, port))
    made.settimeout(5)
    return made


@pytest.mark.usefixtures("table")
def test_the_host_itself_may_use_private_networks_that_nobody_protects(stage: Stage, family: Family) -> None:
    with closing(client(stage, family, "box")) as host:
        host.sendto(b"x", (family.private, 4001))
    assert stage.isp.hear(lambda frame: UDP in frame and frame[UDP].dport == 4001)


@pytest.mark.usefixtures("table")
def test_an_uplinks_own_network_stays_usable_inside_a_protected_prefix(stage: Stage) -> None:
    with closing(client(stage, V4, "box")) as host, closing(client(stage, V4, "isp", "10.77.0.53", 53)) as resolver:
        host.sendto(b"question", ("10.77.0.53", 53))
        assert resolver.recv(100) == b"question"
    stage.passes(stage.lan, stage.datagram(V4, V4.lan, "10.77.0.53"), stage.isp)


@pytest.mark.parametrize("ours", [False, True])
def test_esp_and_ike_reach_a_peer_that_a_protected_prefix_covers(stage: Stage, family: Family, ours: bool) -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    uplink = tuple(network for network in SHARED.uplink_networks if network.version != family.version)
    tunnels = tuple(replace(tunnel, remote=ip_address(family.peer)) for tunnel in SHARED.tunnels)
    full = replace(SHARED, protected=everything, uplink_networks=uplink, tunnels=tunnels, host_is_ours=ours)
    stage.wires.load(render_ruleset(full))
    with inside(stage.wires.names["box"]):
        raw = socket.socket(family.socket, socket.SOCK_RAW, 50)
    with closing(raw), closing(client(stage, family, "box")) as ike:
        for port in (500, 4500):
            ike.sendto(b"IKE", (family.peer, port))
            assert stage.isp.hear(lambda frame, port=port: UDP in frame and frame[UDP].dport == port)
        raw.sendto(b"\0\0\1\1\0\0\0\1 sealed", (family.peer, 0))
        assert stage.isp.hear(lambda frame: b" sealed" in bytes(frame))
        for other in ((family.peer, 501), (family.stranger, 500)):
            with pytest.raises(PermissionError):
                ike.sendto(b"clear", other)
        with pytest.raises(PermissionError):
            raw.sendto(b"\0\0\1\1\0\0\0\1 astray", (family.stranger, 0))


@pytest.mark.usefixtures("table")
def test_a_lans_own_ipsec_to_our_peer_is_no_exception(stage: Stage) -> None:
    """Only what this box has sealed may pass for sealed: a LAN host could otherwise leak by choosing a port."""
    packet = V4.packet(V4.lan, "10.250.0.1") / UDP(sport=4500, dport=4500) / Raw(b"x")
    stage.stops(stage.lan, packet, stage.isp, stage.datagram(V4, V4.lan, V4.public))


# -- who may knock


def open_at(stage: Stage, family: Family, kind: int, what: int) -> socket.socket:
    """A socket of the box that hears what got through: a UDP port, or a protocol (raw)."""
    with inside(stage.wires.names["box"]):
        made = socket.socket(family.socket, kind, what if kind == socket.SOCK_RAW else 0)
    made.bind(("", 0 if kind == socket.SOCK_RAW else what))
    made.settimeout(5)
    return made


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("port", [500, 4500])
def test_ike_comes_from_peers_only(stage: Stage, family: Family, port: int) -> None:
    with (
        closing(open_at(stage, family, socket.SOCK_DGRAM, port)) as charon,
        closing(client(stage, family, "isp", family.stranger)) as stranger,
        closing(client(stage, family, "isp", family.peer)) as peer,
    ):
        stranger.sendto(b"stranger", (family.box, port))
        peer.sendto(b"peer", (family.box, port))
        assert charon.recv(100) == b"peer"
    assert stage.count("ike_from_stranger") == 1


@pytest.mark.usefixtures("table")
def test_a_peer_may_answer_from_any_port(stage: Stage, family: Family) -> None:
    """A cloud's gateway behind a translator."""
    with (
        closing(open_at(stage, family, socket.SOCK_DGRAM, 4500)) as charon,
        closing(client(stage, family, "isp", family.peer, 61234)) as peer,
    ):
        peer.sendto(b"peer", (family.box, 4500))
        assert charon.recv(100) == b"peer"


@pytest.mark.usefixtures("table")
def test_esp_comes_from_peers_only(stage: Stage, family: Family) -> None:
    with closing(open_at(stage, family, socket.SOCK_RAW, 50)) as kernel:
        for source in (family.stranger, family.peer):
            packet = family.packet(source, family.box)
            setattr(packet, "proto" if family.version == 4 else "nh", 50)
            stage.send(stage.isp, packet / Raw(b"\0\0\1\1\0\0\0\1" + source.encode()))
        assert kernel.recv(200).endswith(family.peer.encode())
    assert stage.count("ike_from_stranger") == 1


@pytest.mark.usefixtures("table")
def test_no_ike_through_a_tunnel(stage: Stage, family: Family) -> None:
    packet = family.packet(family.neighbor, family.box_inside) / UDP(sport=500, dport=500) / Raw(b"x")
    stage.send(stage.cloud_1, packet)
    wait_for(lambda: stage.count("ike_from_stranger") == 1, "the packet is counted")


def knock(stage: Stage, plug: Plug, family: Family, source: str, to: str) -> Packet:
    """A first segment towards BGP."""
    stage.port += 1
    packet = family.packet(source, to) / TCP(sport=stage.port, dport=179, flags="S", seq=1)
    stage.send(plug, packet)
    return packet


def is_answer(knocked: Packet) -> Callable[[Packet], bool]:
    return lambda frame: TCP in frame and frame[TCP].dport == knocked[TCP].sport and frame[TCP].sport == 179


@pytest.mark.usefixtures("table")
def test_bgp_comes_from_the_neighbour_on_its_own_tunnel_only(stage: Stage, family: Family) -> None:
    elsewhere = "169.254.23.66" if family.version == 4 else "fd00:23::66"
    with inside(stage.wires.names["box"]):
        bgpd = socket.create_server(("", 179), family=family.socket)
    with closing(bgpd):
        knock(stage, stage.cloud_1, family, elsewhere, family.box_inside)
        knock(stage, stage.cloud_2, family, family.neighbor, family.box_inside)
        knock(stage, stage.isp, family, family.stranger, family.box)
        knock(stage, stage.isp, family, family.peer, family.box)
        wait_for(lambda: stage.count("bgp_from_stranger") == 4, "four strangers are counted")
        knocked = knock(stage, stage.cloud_1, family, family.neighbor, family.box_inside)
        assert stage.cloud_1.hear(is_answer(knocked))[TCP].flags == "SA"


# -- a host that others use too, and our own


def test_on_a_host_of_others_nothing_else_is_judged(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(SHARED))
    with (
        closing(open_at(stage, family, socket.SOCK_DGRAM, 5060)) as server,
        closing(client(stage, family, "isp", family.stranger)) as stranger,
    ):
        stranger.sendto(b"call", (family.box, 5060))
        assert server.recv(100) == b"call"
    stage.passes(stage.isp, stage.datagram(family, family.public, family.lan), stage.lan)
    undeclared = "172.16.99.80" if family.version == 4 else "2001:db8:99::80"
    stage.passes(stage.lan, stage.datagram(family, undeclared, family.public), stage.isp)


def test_private_traffic_of_what_is_no_lan_is_its_own_business(stage: Stage, family: Family) -> None:
    """Containers on the same host, say: only a LAN that the intent names is kept from private destinations."""
    stage.wires.load(render_ruleset(replace(SHARED, lans=(LanGuard(None, (ip_network("172.16.21.0/24"),)),))))
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.private), stage.isp)


def test_our_own_image_drops_what_nobody_asked_for(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    with (
        closing(open_at(stage, family, socket.SOCK_DGRAM, 5060)),
        closing(client(stage, family, "isp", family.stranger)) as stranger,
    ):
        stranger.sendto(b"call", (family.box, 5060))
        wait_for(lambda: stage.count("uninvited") == 1, "the call is counted")
    stage.send(stage.isp, stage.datagram(family, family.public, family.lan))
    wait_for(lambda: stage.count("uninvited") == 2, "the forwarded packet is counted")


def test_our_own_image_lets_answers_back_in(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    asked = stage.passes(stage.lan, stage.datagram(family, family.lan, family.public), stage.isp)
    answer = family.packet(family.public, family.lan) / UDP(sport=asked[UDP].dport, dport=asked[UDP].sport) / b"yes"
    stage.passes(stage.isp, answer, stage.lan)


@pytest.mark.parametrize("managed", [MANAGEMENT, None], ids=["as told", "nothing told"])
def test_our_own_image_is_managed_from_the_inside(
    stage: Stage, family: Family, managed: ManagementGuard | None
) -> None:
    stage.wires.load(render_ruleset(replace(OURS, management=managed)))
    inner = "172.16.20.1" if family.version == 4 else "2001:db8:20::1"
    with inside(stage.wires.names["box"]):
        sshd = socket.create_server(("", 22), family=family.socket)
    with closing(sshd):
        for plug, source in ((stage.isp, family.stranger), (stage.cloud_1, family.vpc_1)):
            stage.send(plug, family.packet(source, inner) / TCP(sport=50000, dport=22, flags="S"))
        wait_for(lambda: stage.count("uninvited") == 2, "both are counted")
        with inside(stage.wires.names["lan"]):
            socket.create_connection((inner, 22), timeout=5).close()


def test_neighbour_discovery_and_ping_work_on_our_own_image(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    run("ip", "-n", stage.wires.names["box"], "neigh", "flush", "all")
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    echo = ICMP(id=7) if family.version == 4 else ICMPv6EchoRequest(id=7)
    stage.send(stage.isp, family.packet(family.stranger, family.box) / echo)
    reply = ICMPv6EchoReply if family.version == 6 else ICMP
    assert stage.isp.hear(lambda frame: reply in frame and frame[reply].id == 7)


def test_a_box_with_one_interface_serves_its_lan_there(stage: Stage) -> None:
    """LAN and Internet behind eth0: what is the LAN's passes, everything else is guarded as ever."""
    lan = LanGuard("eth0", (ip_network("10.77.0.0/24"),))
    stage.wires.load(render_ruleset(replace(SHARED, lans=(lan,))))
    stage.passes(stage.isp, stage.datagram(V4, "10.77.0.53", V4.vpc_1), stage.cloud_1)
    stage.passes(stage.cloud_1, stage.datagram(V4, V4.vpc_1, "10.77.0.53"), stage.isp)
    stage.send(stage.isp, stage.datagram(V4, "10.77.0.53", V4.private))
    wait_for(lambda: stage.count("private_in_clear") == 1, "the private destination is refused")
    stage.send(stage.isp, stage.datagram(V4, "10.77.0.53", "10.99.0.1"))
    wait_for(lambda: stage.count("protected_in_clear") == 1, "the protected destination is refused")
