"""Who reaches whom through the box, beside the second barrier."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from scapy.layers.inet import UDP

from appliance.firewall.ruleset import render_ruleset
from appliance.model.filtering import LanGuard, Transit
from tests.firewall.scenes import SHARED
from tests.firewall.stage import OURS, V4, Family, Stage, error_about, is_error, prohibited, same_port
from tests.firewall.wires import wait_for


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


def test_who_was_told_of_another_cloud_reaches_it_and_is_answered(stage: Stage, family: Family) -> None:
    told = ip_network(family.vpc_2)
    transit = Transit(("vpc-1",), ("vpc-2",), (told,))
    stage.wires.load(render_ruleset(replace(SHARED, transits=(transit,))))
    stage.passes(stage.cloud_1, stage.datagram(family, family.vpc_1, family.vpc_2), stage.cloud_2)
    stage.passes(stage.cloud_2, stage.datagram(family, family.vpc_2, family.vpc_1), stage.cloud_1)
    stage.wires.load(render_ruleset(replace(SHARED, transits=(replace(transit, networks=()),))))
    stage.send(stage.cloud_1, stage.datagram(family, family.vpc_1, family.vpc_2))
    wait_for(lambda: stage.count("between_tunnels") == 1, "the packet is counted")


@pytest.mark.usefixtures("table")
def test_a_cloud_does_not_reach_the_internet_through_us(stage: Stage, family: Family) -> None:
    stage.send(stage.cloud_1, astray := stage.datagram(family, family.vpc_1, family.public))
    wait_for(lambda: stage.count("from_tunnel_astray") == 1, "the packet is counted")
    stage.send(stage.lan, fine := stage.datagram(family, family.lan, family.public))
    heard = stage.isp.hear_until(same_port(fine))
    assert not [frame for frame in heard if same_port(astray)(frame)]


@pytest.mark.parametrize("ours", [False, True])
def test_a_cloud_that_was_told_a_default_route_reaches_the_internet_and_is_answered(
    stage: Stage, family: Family, ours: bool
) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, outward=("vpc-1",), host_is_ours=ours)))
    asked = stage.datagram(family, family.vpc_1, family.public)
    stage.passes(stage.cloud_1, asked, stage.isp)
    answer = family.packet(family.public, family.vpc_1) / UDP(sport=asked[UDP].dport, dport=asked[UDP].sport)
    stage.send(stage.isp, answer)
    stage.cloud_1.hear(same_port(answer))
    unasked = stage.datagram(family, family.public, family.vpc_1)
    stage.stops(stage.isp, unasked, stage.cloud_1, answer)
    for astray in (family.private, "10.3.0.4" if family.version == 4 else "2001:db8:2100::4"):
        packet = stage.datagram(family, family.vpc_1, astray)
        stage.stops(stage.cloud_1, packet, stage.isp, stage.datagram(family, family.vpc_1, family.public))


def test_another_cloud_is_not_let_out(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, outward=("vpc-1",))))
    stage.send(stage.cloud_2, stage.datagram(family, family.vpc_2, family.public))
    wait_for(lambda: stage.count("from_tunnel_astray") == 1, "the packet is counted")


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


METADATA = {4: ("169.254.169.254", "100.100.100.200"), 6: ("fd00:ec2::254",)}


@pytest.mark.usefixtures("table")
def test_a_lan_does_not_get_what_the_cloud_tells_the_machine(stage: Stage, family: Family) -> None:
    """Nor an error: an answer of any kind would tell that there is a cloud to ask."""
    for address in METADATA[family.version]:
        asked = stage.datagram(family, family.lan, address)
        stage.stops(stage.lan, asked, stage.isp, stage.datagram(family, family.lan, family.public))
    assert stage.count("to_metadata") == len(METADATA[family.version])


def test_a_lan_of_others_asks_what_it_likes(stage: Stage) -> None:
    """On a shared host what no LAN of ours sends is not ours to judge; on our own image it is."""
    stage.wires.load(render_ruleset(replace(SHARED, lans=())))
    stage.passes(stage.lan, stage.datagram(V4, V4.lan, "169.254.169.254"), stage.isp)
    stage.wires.load(render_ruleset(replace(OURS, lans=())))
    asked = stage.datagram(V4, V4.lan, "169.254.169.254")
    stage.stops(stage.lan, asked, stage.isp, stage.datagram(V4, V4.lan, V4.public))


@pytest.mark.usefixtures("table")
def test_a_refusal_does_not_carry_the_packet_out_in_clear(stage: Stage, family: Family) -> None:
    """The way back to this source leads over the uplink, and an ICMP error would quote what must not be seen there."""
    unrouted = "172.16.99.80" if family.version == 4 else "2001:db8:99::80"
    for target, name in ((family.vpc_1, "to_tunnel_astray"), (family.private, "private_in_clear")):
        stage.send(stage.lan, refused := stage.datagram(family, unrouted, target))
        assert stage.count(name) == 1
        fine = stage.datagram(family, family.lan, family.public)
        stage.send(stage.lan, fine)
        heard = stage.isp.hear_until(same_port(fine))
        assert not [frame for frame in heard if is_error(frame) or same_port(refused)(frame)]


@pytest.mark.usefixtures("table")
def test_nobody_on_the_uplink_enters_a_tunnel_as_a_lan_host(stage: Stage, family: Family) -> None:
    stage.send(stage.isp, astray := stage.datagram(family, family.lan, family.vpc_1))
    wait_for(lambda: stage.count("to_tunnel_astray") == 1, "the packet is counted")
    fine = stage.datagram(family, family.lan, family.vpc_1)
    stage.send(stage.lan, fine)
    heard = stage.cloud_1.hear_until(same_port(fine))
    assert not [frame for frame in heard if same_port(astray)(frame)]


SOMEWHERE = (LanGuard(None, (ip_network("172.16.20.0/24"), ip_network("2001:db8:20::/64"))),)


@pytest.mark.parametrize("ours", [False, True])
def test_a_lan_without_an_interface_is_on_any_but_the_uplinks(stage: Stage, family: Family, ours: bool) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, lans=SOMEWHERE, host_is_ours=ours)))
    stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    stage.passes(stage.cloud_1, stage.datagram(family, family.vpc_1, family.lan), stage.lan)
    stage.send(stage.isp, astray := stage.datagram(family, family.lan, family.vpc_1))
    wait_for(lambda: stage.count("to_tunnel_astray") == 1, "the one from the uplink is counted")
    stage.send(stage.lan, fine := stage.datagram(family, family.lan, family.vpc_1))
    assert not [frame for frame in stage.cloud_1.hear_until(same_port(fine)) if same_port(astray)(frame)]


def test_a_lan_that_is_routed_to_the_uplink_is_not_reached_there(stage: Stage, family: Family) -> None:
    """Its route is gone: what the cloud sends it must not go to the Internet instead."""
    network = "172.16.88.0/24" if family.version == 4 else "2001:db8:88::/64"
    stage.wires.load(render_ruleset(replace(SHARED, lans=(LanGuard(None, (ip_network(network),)),))))
    target = str(ip_network(network)[9])
    stage.send(stage.cloud_1, astray := stage.datagram(family, family.vpc_1, target))
    wait_for(lambda: stage.count("from_tunnel_astray") == 1, "the packet is counted")
    stage.send(stage.lan, fine := stage.datagram(family, family.lan, family.public))
    assert not [frame for frame in stage.isp.hear_until(same_port(fine)) if same_port(astray)(frame)]
