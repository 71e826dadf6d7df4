"""Sources that are translated: towards the Internet, into tunnels, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from appliance.firewall.ruleset import render_ruleset
from tests.firewall.scenes import INTO, OUT, SHARED
from tests.firewall.stage import V4, Family, Stage


@pytest.fixture(autouse=True)
def table(stage: Stage) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, translations=(OUT, INTO))))


def source(packet: Packet) -> str:
    return str((packet[IP] if IP in packet else packet[IPv6]).src)


def test_the_lan_goes_out_as_the_box(stage: Stage, family: Family) -> None:
    seen = stage.passes(stage.lan, stage.datagram(family, family.lan, family.public), stage.isp)
    assert source(seen) == family.box


def test_answers_find_their_way_back(stage: Stage) -> None:
    out = stage.passes(stage.lan, stage.datagram(V4, V4.lan, V4.public), stage.isp)
    answer = V4.packet(V4.public, V4.box) / UDP(sport=out[UDP].dport, dport=out[UDP].sport)
    stage.send(stage.isp, answer)
    back = stage.lan.hear(lambda frame: UDP in frame and frame[UDP].sport == out[UDP].dport)
    assert (back[IP].dst, back[UDP].dport) == (V4.lan, 40000)


def test_a_cloud_sees_the_address_it_was_told(stage: Stage) -> None:
    assert source(stage.passes(stage.lan, stage.datagram(V4, V4.lan, V4.vpc_1), stage.cloud_1)) == "172.16.20.1"
    assert source(stage.passes(stage.lan, stage.datagram(V4, V4.lan, V4.vpc_2), stage.cloud_2)) == "172.16.20.1"


def test_what_is_not_named_keeps_its_source(stage: Stage, family: Family) -> None:
    stage.wires.load(render_ruleset(replace(SHARED, translations=(OUT,))))
    seen = stage.passes(stage.lan, stage.datagram(family, family.lan, family.vpc_1), stage.cloud_1)
    assert source(seen) == family.lan


def test_translation_opens_no_way_into_the_clear(stage: Stage) -> None:
    """A protected address that no tunnel leads to is dropped at the uplink as ever."""
    stage.stops(
        stage.lan,
        stage.datagram(V4, V4.lan, "10.255.0.1"),
        stage.isp,
        stage.datagram(V4, V4.lan, V4.public),
    )
    assert stage.count("protected_in_clear") == 1
