"""A host that others use too, and our own image."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6PacketTooBig, ICMPv6TimeExceeded
from scapy.packet import Packet, Raw

from appliance.firewall.ruleset import render_ruleset
from appliance.model.filtering import LanGuard, ManagementGuard
from tests.firewall.scenes import MANAGEMENT, SHARED
from tests.firewall.stage import OURS, V4, V6, Family, Stage, client, open_at
from tests.firewall.wires import inside, run, wait_for


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


def test_our_own_image_hears_answers_to_its_own_questions(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    with (
        closing(client(stage, family, "box")) as asking,
        closing(client(stage, family, "isp", family.stranger)) as resolver,
    ):
        asking.sendto(b"question", resolver.getsockname()[:2])
        _, asker = resolver.recvfrom(100)
        resolver.sendto(b"answer", asker)
        assert asking.recv(100) == b"answer"


def test_our_own_image_talks_to_itself(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    loopback = "127.0.0.1" if family.version == 4 else "::1"
    with (
        closing(client(stage, family, "box", loopback)) as server,
        closing(client(stage, family, "box", loopback)) as asking,
    ):
        asking.sendto(b"x", server.getsockname()[:2])
        assert server.recv(100) == b"x"


@pytest.mark.parametrize(("family", "ports"), [(V4, (67, 68)), (V6, (547, 546))], ids=["dhcp", "dhcpv6"])
def test_our_own_image_may_lease_an_address(stage: Stage, family: Family, ports: tuple[int, int]) -> None:
    stage.wires.load(render_ruleset(OURS))
    server, here = (family.stranger, family.box) if family.version == 4 else ("fe80::67", family.box)
    with closing(open_at(stage, family, socket.SOCK_DGRAM, ports[1])) as lease:
        stage.send(stage.isp, family.packet(server, here) / UDP(sport=ports[0], dport=ports[1]) / Raw(b"offer"))
        assert lease.recv(100) == b"offer"


UNASKED = [
    (V4, ICMP(type=3, code=4, nexthopmtu=1300) / Raw(b"a path")),
    (V4, ICMP(type=11) / Raw(b"a loop")),
    (V6, ICMPv6PacketTooBig(mtu=1300) / Raw(b"a path")),
    (V6, ICMPv6TimeExceeded() / Raw(b"a loop")),
    (V6, ICMPv6MLQuery()),
]


@pytest.mark.parametrize(("family", "message"), UNASKED)
def test_our_own_image_hears_what_routers_say(stage: Stage, family: Family, message: Packet) -> None:
    """Also about flows that nothing here keeps track of."""
    stage.wires.load(render_ruleset(OURS))
    with closing(open_at(stage, family, socket.SOCK_RAW, 1 if family.version == 4 else 58)) as kernel:
        source = "fe80::1" if ICMPv6MLQuery in message else family.stranger
        stage.send(stage.isp, family.packet(source, family.box) / message)
        header = 20 if family.version == 4 else 0
        kind = bytes(message)[0]
        while kernel.recv(2000)[header] != kind:
            pass


def test_our_own_image_routes_what_is_inside_to_the_internet(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(OURS))
    undeclared = "172.16.99.80" if family.version == 4 else "2001:db8:99::80"
    stage.passes(stage.lan, stage.datagram(family, undeclared, family.public), stage.isp)


def test_a_lan_behind_our_own_images_uplink_reaches_other_lans(stage: Stage, family: Family) -> None:
    network = "198.51.100.0/24" if family.version == 4 else "2001:db8:100::/64"
    stage.wires.load(render_ruleset(replace(OURS, lans=(LanGuard("eth0", (ip_network(network),)),))))
    stage.passes(stage.isp, stage.datagram(family, family.stranger, family.lan), stage.lan)


def test_replacing_the_table_costs_no_packet(stage: Stage, family: Family) -> None:
    many = tuple(ip_network(f"10.{number // 256}.{number % 256}.0/25") for number in range(3000))
    text = render_ruleset(replace(OURS, protected=many))
    stage.wires.load(text)

    def replace_again_and_again() -> None:
        with inside(stage.wires.names["box"]):
            for _ in range(12):
                run("nft", "-f", "-", script=text)

    replacing = threading.Thread(target=replace_again_and_again)
    replacing.start()
    while replacing.is_alive():
        stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    assert stage.count("to_tunnel_astray") == 0
