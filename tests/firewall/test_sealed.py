"""The table beside real IPsec: what is sealed leaves although its inside must not, by an XFRM interface or a policy."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from appliance.firewall.listing import parse_counters
from appliance.firewall.ruleset import render_ruleset
from tests.firewall.scenes import SHARED, VPC_1
from tests.firewall.wires import Plug, Wires, inside, run

US, PEER, LAN_HOST = "198.51.100.2", "198.51.100.7", "172.16.20.80"
BEHIND_INTERFACE, BEHIND_POLICY = "10.3.0.4", "10.4.0.4"
UDP_ENCAP, ESP_IN_UDP = 100, 2
"""linux/udp.h"""
KEYS = f"enc cbc(aes) 0x{'ab' * 16} auth hmac(sha256) 0x{'cd' * 32}"  # fake: they seal two namespaces
SEALED = replace(
    SHARED,
    tunnels=(replace(VPC_1, interface="vpc-9"),),
    protected=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    uplink_networks=(),
)


def sealing(source: str, destination: str, encap: str = "") -> list[str]:
    """One direction of both child SAs, and the policies of the end that sends (``out``) or receives."""
    direction = (f"src {source} dst {destination} proto esp", "mode tunnel")
    number = 1 if source == US else 2
    return [
        f"state add {direction[0]} spi 0x{number}009 {direction[1]} if_id 9 reqid 9 {KEYS} {encap}",
        f"state add {direction[0]} spi 0x{number}00a {direction[1]} reqid 10 {KEYS} {encap}",
    ]


def template(source: str, destination: str, reqid: int) -> str:
    return f"tmpl src {source} dst {destination} proto esp reqid {reqid} mode tunnel"


def seal(wires: Wires, encap: str = "") -> None:
    """Both ends: vpc-9 for one network, plain policies for another."""
    everything, lan, policy_net = "src 0.0.0.0/0 dst 0.0.0.0/0 if_id 9", "172.16.20.0/24", "10.4.0.0/16"
    for name, here, there in (("box", US, PEER), ("isp", PEER, US)):
        ours, theirs = (lan, policy_net) if name == "box" else (policy_net, lan)
        plain = f"src {ours} dst {theirs}", f"src {theirs} dst {ours}"
        lines = [*sealing(US, PEER, encap), *sealing(PEER, US, encap)]
        for way, selectors, plain_selectors, ends in (
            ("out", everything, plain[0], (here, there)),
            ("in", everything, plain[1], (there, here)),
            ("fwd", everything, plain[1], (there, here)),
        ):
            lines.append(f"policy add {selectors} dir {way} {template(*ends, 9)}")
            lines.append(f"policy add {plain_selectors} dir {way} {template(*ends, 10)}")
        for line in lines:
            run("ip", "-n", wires.names[name], "xfrm", *line.split())
        run("ip", "-n", wires.names[name], *["link", "add", "vpc-9", "type", "xfrm", "if_id", "9"])
        run("ip", "-n", wires.names[name], *["link", "set", "vpc-9", "up"])
    run("ip", "-n", wires.names["box"], *["route", "add", "10.3.0.0/16", "dev", "vpc-9"])
    for line in (f"addr add {BEHIND_INTERFACE}/32 dev lo", f"addr add {BEHIND_POLICY}/32 dev lo"):
        run("ip", "-n", wires.names["isp"], *line.split())
    run("ip", "-n", wires.names["isp"], *f"route add 172.16.20.0/24 dev vpc-9 src {BEHIND_INTERFACE}".split())


def unseal(wires: Wires) -> None:
    for name in ("box", "isp"):
        for line in ("xfrm policy flush", "xfrm state flush", "link delete vpc-9"):
            subprocess.run(["ip", "-n", wires.names[name], *line.split()], check=False)
    for address in (BEHIND_INTERFACE, BEHIND_POLICY):
        subprocess.run(["ip", "-n", wires.names["isp"], "addr", "delete", f"{address}/32", "dev", "lo"], check=False)


def ask_for_ipsec(wires: Wires) -> None:
    """Skip on a kernel without ESP or XFRM interfaces: this runs in the guest."""
    for line in (f"xfrm {sealing(US, PEER)[0]}", "link add vpc-9 type xfrm if_id 9"):
        done = subprocess.run(
            ["ip", "-n", wires.names["box"], *line.split()], capture_output=True, text=True, check=False
        )
        if done.returncode:
            unseal(wires)
            pytest.skip(f"this kernel has no IPsec with XFRM interfaces: {done.stderr.strip()}")
    unseal(wires)


@pytest.fixture(params=["", "encap espinudp 4500 4500 0.0.0.0"], ids=["esp", "udp"])
def sealed(wires: Wires, request: pytest.FixtureRequest) -> Iterator[Wires]:
    ask_for_ipsec(wires)
    try:
        seal(wires, request.param)
        wires.load(render_ruleset(SEALED))
        yield wires
    finally:
        unseal(wires)


@pytest.fixture
def ends(wires: Wires) -> tuple[Plug, Plug]:
    return wires.plug("lan", "l0"), wires.plug("isp", "i0")


def send(wires: Wires, lan: Plug, to: str, port: int) -> None:
    packet = IP(src=LAN_HOST, dst=to) / UDP(sport=40000, dport=port) / Raw(b"inside")
    lan.send(Ether(src=lan.mac, dst=wires.mac("eth2")) / packet)


def is_sealed(frame: Packet) -> bool:
    return ESP in frame or (UDP in frame and frame[UDP].dport == 4500)


def dropped(wires: Wires) -> int:
    counters = parse_counters(wires.nft("-j", "list", "counters", "table", "inet", "appliance"))
    return counters["protected_in_clear"]


@pytest.mark.parametrize("target", [BEHIND_INTERFACE, BEHIND_POLICY], ids=["interface", "policy"])
def test_sealed_packets_leave_and_their_inside_does_not(sealed: Wires, ends: tuple[Plug, Plug], target: str) -> None:
    lan, isp = ends
    sealed.nft("add element inet appliance lan_networks4 { 10.4.0.0/16 }")
    send(sealed, lan, target, 4001)
    heard = isp.hear_until(is_sealed)
    assert b"inside" not in b"".join(bytes(frame) for frame in heard)
    assert dropped(sealed) == 0


@pytest.mark.parametrize("target", [BEHIND_INTERFACE, BEHIND_POLICY], ids=["interface", "policy"])
def test_without_ipsec_the_same_packets_stay(sealed: Wires, ends: tuple[Plug, Plug], target: str) -> None:
    lan, isp = ends
    unseal(sealed)
    send(sealed, lan, target, 4002)
    sealed.nft("add element inet appliance near4 { 203.0.113.0/24 }")
    send(sealed, lan, "203.0.113.9", 4003)
    heard = isp.hear_until(lambda frame: UDP in frame and frame[UDP].dport == 4003)
    assert not [frame for frame in heard if UDP in frame and frame[UDP].dport == 4002]
    assert dropped(sealed) == 1


def test_what_comes_sealed_reaches_the_lan(
    sealed: Wires, ends: tuple[Plug, Plug], request: pytest.FixtureRequest
) -> None:
    lan, isp = ends
    with inside(sealed.names["isp"]):
        far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(sealed.names["box"]):
        ike = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with closing(far), closing(ike):
        if "udp" in request.node.name:  # the kernel opens what comes to the socket of an IKE daemon
            ike.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESP_IN_UDP)
            ike.bind(("0.0.0.0", 4500))
        far.bind((BEHIND_INTERFACE, 0))
        far.sendto(b"answer", (LAN_HOST, 4004))
    assert lan.hear(lambda frame: UDP in frame and frame[UDP].dport == 4004)
    assert isp
