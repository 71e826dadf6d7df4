"""Who may talk IKE, ESP and BGP to the box."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from tests.firewall.stage import Family, Stage, client, open_at
from tests.firewall.wires import Plug, inside, wait_for


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
