"""Wishes for design tests: intents of chance that a machine could have, and one that is fixed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Any

from hypothesis import strategies as st

from appliance.daemon.wiring import read_templates
from appliance.design.wish import Wish
from appliance.intent.read import read_intent
from appliance.model.address import IPNetwork
from appliance.model.intent import Announce, Connection, Intent, Lan, Site, Tunnel, Uplink
from appliance.model.machine import DefaultRoute, Interface, Machine
from appliance.model.secret import Secret
from tests.daemon.sites import TWO

MACHINE = Machine(
    {
        "eth0": Interface("eth0", 1500, True, (ip_interface("203.0.113.202/24"),)),
        "eth1": Interface("eth1", 1500, True, (ip_interface("192.168.7.2/24"),)),
        "eth2": Interface("eth2", 1500, True, (ip_interface("172.16.20.1/24"),)),
    },
    (
        DefaultRoute("eth0", ip_address("203.0.113.1"), 100, 4),
        DefaultRoute("eth1", ip_address("192.168.7.1"), 200, 4),
    ),
)
UPLINKS = (
    Uplink("isp1", "eth0", gateway=ip_address("203.0.113.1")),
    Uplink("isp2", "eth1", public=ip_address("198.51.100.250")),
)
MARKS = ("65010:7", "64512:300", "65010:1")


@cache
def templates() -> Mapping[str, str]:
    return read_templates()


def wish_for(intent: Intent, **changed: object) -> Wish:
    """A wish with this machine's facts and a key for every tunnel."""
    names = [tunnel.name for connection in intent.connections for tunnel in connection.tunnels]
    secrets = {name: Secret(f"Fake.key.of.{name}") for name in names}
    wish = Wish(intent, templates(), MACHINE, secrets=secrets, fingerprint=lambda secret: f"{hash(secret.reveal()):x}")
    return replace(wish, **changed)  # type: ignore[arg-type]


def fixed() -> Intent:
    """Two connections, two tunnels each."""
    intent, faults, _ = read_intent(TWO, "two.yaml")
    assert intent is not None, faults
    return intent


@st.composite
def networks(draw: st.DrawFn, second: int) -> tuple[IPNetwork, ...]:
    """Some networks below 10.second."""
    found = draw(st.lists(st.integers(0, 255), max_size=3, unique=True))
    return tuple(ip_network(f"10.{second}.{third}.0/24") for third in found)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    """One to three connections with one to four tunnels each, over one uplink or two."""
    count = draw(st.integers(1, 3))
    uplinks = UPLINKS[: draw(st.integers(1, 2))]
    made = tuple(draw(connections(index, tuple(uplink.name for uplink in uplinks))) for index in range(count))
    ours = st.sampled_from(["172.16.20.0/24", "172.16.21.0/24", "172.16.24.0/22"])
    lans = draw(st.lists(ours, min_size=1, unique=True))
    here = tuple(map(ip_network, lans))
    named = (Lan("core", here, "eth2"), Lan("dmz", (ip_network("172.16.30.0/24"),), "eth2"))
    return Intent(Site("dc1", 65010, None, here), made, lans=named[: draw(st.integers(0, 2))], uplinks=uplinks)


@st.composite
def connections(draw: st.DrawFn, index: int, uplinks: tuple[str, ...]) -> Connection:
    name = ("vpc", "lab", "a-connection-with-a-long-name")[index]
    tunnels = tuple(
        Tunnel(
            name=f"{name}-{number}",
            remote=IPv4Address(f"198.51.100.{20 * index + number + 1}"),
            uplink=draw(st.sampled_from(uplinks)),
            inside=ip_interface(f"169.254.{20 + index}.{4 * number + 2}/30"),
            peer_inside=IPv4Address(f"169.254.{20 + index}.{4 * number + 1}"),
            mtu=draw(st.none() | st.integers(1280, 1500)),
        )
        for number in range(1, draw(st.integers(1, 4)) + 1)
    )
    return Connection(
        name, "aws", "bgp", tunnels, id=f"vpn-{index}", peer_asn=64512 + index, networks=draw(networks(index)),
        asn=draw(st.none() | st.just(65020)), announce=Announce(communities=draw(st.sampled_from([(), MARKS]))),
    )  # fmt: skip


def shuffled(intent: Intent, chance: random.Random) -> Intent:
    """The same intent with every list in another order."""
    mixed = [
        replace(one, tunnels=mix(one.tunnels, chance), networks=mix(one.networks, chance)) for one in intent.connections
    ]
    site = replace(intent.site, networks=mix(intent.site.networks, chance))
    return replace(
        intent, site=site, connections=mix(tuple(mixed), chance), uplinks=mix(intent.uplinks, chance),
        lans=mix(tuple(replace(lan, networks=mix(lan.networks, chance)) for lan in intent.lans), chance),
    )  # fmt: skip


def mix(items: tuple[Any, ...], chance: random.Random) -> tuple[Any, ...]:
    return tuple(chance.sample(items, len(items)))
