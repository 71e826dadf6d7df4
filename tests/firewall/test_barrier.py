"""Nothing protected or private leaves an uplink in clear, and what is sealed does."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.packet import Raw

from appliance.firewall.ruleset import render_ruleset
from appliance.model.filtering import LanGuard
from tests.firewall.scenes import SHARED
from tests.firewall.stage import V4, V6, Family, Stage, client, error_about, prohibited
from tests.firewall.wires import inside, run


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
    ("169.254.169.253", "private_in_clear"),
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


def test_where_a_default_route_leads_into_a_tunnel_no_lan_uses_the_uplink(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, captured=(family.version,))))
    near = stage.datagram(family, family.lan, family.stranger)
    stage.stops(stage.lan, stage.datagram(family, family.lan, family.public), stage.isp, near)
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


@pytest.mark.parametrize("free", [2, 6])
def test_where_a_tunnel_ends_inside_is_never_behind_an_uplink(stage: Stage, family: Family, free: int) -> None:
    """However many addresses that network has, and though it lies in the uplink's own."""
    length = ip_address(family.stranger).max_prefixlen - free
    mine = replace(SHARED.tunnels[0], inside=(ip_network(f"{family.stranger}/{length}", strict=False),))
    stage.wires.load(render_ruleset(replace(SHARED, tunnels=(mine, *SHARED.tunnels[1:]))))
    inside = stage.datagram(family, family.lan, family.stranger)
    stage.stops(stage.lan, inside, stage.isp, stage.datagram(family, family.lan, family.public))
    with closing(client(stage, family, "box")) as host, pytest.raises(PermissionError):
        host.sendto(b"in clear", (family.stranger, 4000))
    assert stage.count("protected_in_clear") == 2


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


def test_a_lan_without_an_interface_keeps_its_private_traffic_too(stage: Stage, family: Family) -> None:
    lan = LanGuard(None, (ip_network("172.16.20.0/24"), ip_network("2001:db8:20::/64")))
    stage.wires.load(render_ruleset(replace(SHARED, lans=(lan,))))
    private = stage.datagram(family, family.lan, family.private)
    stage.stops(stage.lan, private, stage.isp, stage.datagram(family, family.lan, family.public))
    assert stage.count("private_in_clear") == 1


EVERYTHING = replace(SHARED, protected=(ip_network("0.0.0.0/0"), ip_network("::/0")), uplink_networks=())


@pytest.mark.parametrize("group", ["224.0.0.251", "255.255.255.255", "ff02::fb", "fe80::77"])
def test_what_stays_on_the_link_leaves_whatever_is_protected(stage: Stage, group: str) -> None:
    """DHCP, neighbours and routers: without them the uplink, and every tunnel with it, is gone."""
    stage.wires.load(render_ruleset(EVERYTHING))
    family = V4 if ip_address(group).version == 4 else V6
    run("ip", "-n", stage.wires.names["box"], "neigh", "replace", "fe80::77", "lladdr", stage.isp.mac, "dev", "eth0")
    with closing(client(stage, family, "box")) as host:
        host.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        host.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
        host.sendto(b"x", (group, 4005))
    assert stage.isp.hear(lambda frame: UDP in frame and frame[UDP].dport == 4005)


def test_neighbours_get_their_answer_whatever_is_protected(stage: Stage) -> None:
    """An advertisement goes to the asker's own address, which a protected default route covers."""
    stage.wires.load(render_ruleset(EVERYTHING))
    ask = IPv6(src=V6.peer, dst=V6.box) / ICMPv6ND_NS(tgt=V6.box) / ICMPv6NDOptSrcLLAddr(lladdr=stage.isp.mac)
    stage.send(stage.isp, ask)
    assert stage.isp.hear(lambda frame: ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == V6.box)
