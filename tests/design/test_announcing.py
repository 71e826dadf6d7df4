"""What a cloud is told stands as long as what is told: a default route, and what lies behind another cloud."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from appliance.design.announcing import announced, find_reached, transit_links
from appliance.design.compose import compose
from appliance.design.filtering import compose_filter
from appliance.design.wish import Wish
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, Via
from appliance.model.intent import Announce, Intent, Tunnel
from appliance.model.machine import DefaultRoute, Machine
from appliance.model.resources import ExabgpConfig, FrrConfig
from tests.design.wishes import MACHINE, UPLINKS, fixed, wish_for

LAN, BEYOND, EVERYTHING = "172.16.20.0/24", "10.9.0.0/16", "0.0.0.0/0"


def intent(speaker: str = "frr", **said: object) -> Intent:
    """The first connection, vpc, with this to announce; the second, lab, has 10.9.0.0/16."""
    vpc, lab = fixed().connections
    return replace(fixed(), connections=(replace(vpc, announce=Announce(**said), speaker=speaker), lab))  # type: ignore[arg-type]


def told(wish: Wish) -> list[str]:
    return [str(network) for network in announced(wish, wish.intent.connections[0])]


def configured(wish: Wish) -> str:
    (text,) = (one.text for one in compose(wish) if isinstance(one, FrrConfig | ExabgpConfig) and "vpc-1" in one.text)
    return text


# A default route

OUTWARD = intent(default_route=True)


def machine(*defaults: DefaultRoute, **eth0: object) -> Machine:
    there = replace(MACHINE.interfaces["eth0"], **eth0)  # type: ignore[arg-type]
    return Machine({**MACHINE.interfaces, "eth0": there}, defaults)


BY_ISP1, BY_ISP2 = MACHINE.defaults


def test_a_default_route_is_told_on_request_alone() -> None:
    assert told(wish_for(OUTWARD)) == [EVERYTHING, LAN]
    assert told(wish_for(intent())) == [LAN]
    assert announced(wish_for(OUTWARD), OUTWARD.connections[1]) == fixed().site.networks


@pytest.mark.parametrize(
    "at",
    [machine(), machine(BY_ISP1, up=False), machine(BY_ISP1, running=False), machine(replace(BY_ISP1, link="vpc-1")),
     machine(BY_ISP2), machine(replace(BY_ISP1, family=6))],
    ids=["none", "link down", "no carrier", "by a tunnel", "by no uplink", "IPv6"],
)  # fmt: skip
def test_it_is_told_while_an_uplink_has_one(at: Machine) -> None:
    assert told(wish_for(OUTWARD, machine=machine(BY_ISP1))) == [EVERYTHING, LAN]
    assert told(wish_for(OUTWARD, machine=at)) == [LAN]


def test_of_two_uplinks_either_is_enough() -> None:
    both = replace(OUTWARD, uplinks=UPLINKS)
    assert told(wish_for(both, machine=machine(BY_ISP1, BY_ISP2, running=False))) == [EVERYTHING, LAN]


def test_offline_it_is_what_the_intent_says() -> None:
    assert told(wish_for(OUTWARD, machine=None)) == [EVERYTHING, LAN]


def test_each_family_of_a_session_has_its_own() -> None:
    def both(tunnel: Tunnel) -> Tunnel:
        return replace(tunnel, inside6=ip_interface("fd00:1::2/126"), peer_inside6=ip_interface("fd00:1::1").ip)

    vpc, lab = OUTWARD.connections
    six = replace(OUTWARD, connections=(replace(vpc, tunnels=tuple(map(both, vpc.tunnels))), lab))
    assert told(wish_for(six)) == [EVERYTHING, LAN]
    way = replace(BY_ISP1, family=6)
    assert told(wish_for(six, machine=machine(BY_ISP1, way))) == [EVERYTHING, LAN, "::/0"]


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_either_speaker_says_it_to_this_cloud_alone_and_takes_it_back(speaker: str) -> None:
    outward = intent(speaker, default_route=True)
    with_it, without = (configured(wish_for(outward, machine=at)) for at in (machine(BY_ISP1), machine()))
    fresh = [line.strip() for line in with_it.splitlines() if line not in without.splitlines()]
    if speaker == "frr":
        lists = [f"ip prefix-list appliance-{tunnel}-out seq 5 permit 0.0.0.0/0" for tunnel in TUNNELS]
        renumbered = [f"ip prefix-list appliance-{tunnel}-out seq 10 permit {LAN}" for tunnel in TUNNELS]
        assert sorted(fresh) == sorted(["network 0.0.0.0/0", *lists, *renumbered])
    else:
        assert fresh == ["unicast 0.0.0.0/0 next-hop self med 100;"] * 2
    assert "0.0.0.0/0 next-hop" not in without
    assert "network 0.0.0.0/0" not in without


TUNNELS = ("vpc-1", "vpc-2")


def test_the_filter_lets_that_cloud_out_and_no_other() -> None:
    assert compose_filter(wish_for(OUTWARD)).outward == ("vpc-1", "vpc-2")
    assert compose_filter(wish_for(intent())).outward == ()


def test_without_bgp_nobody_is_told_anything() -> None:
    vpc, _ = OUTWARD.connections
    assert announced(wish_for(OUTWARD), replace(vpc, mode="static")) == ()


# What lies behind another cloud

TRANSIT = intent(networks=(ip_network(LAN), ip_network(BEYOND)))


def routes(*told: tuple[str, str]) -> tuple[ForwardingRoute, ...]:
    return tuple(ForwardingRoute(ip_network(prefix), BGP_PROTOCOL, 20, (Via(link),)) for prefix, link in told)


def seen(*found: tuple[str, str], carrying: tuple[str, ...] | None = None) -> Wish:
    """With these routes in the kernel."""
    chosen = {} if carrying is None else {"lab": carrying}
    return wish_for(TRANSIT, carrying=chosen, reached=find_reached(TRANSIT, routes(*found), chosen))


def test_only_who_announces_anothers_network_has_anything_looked_up() -> None:
    assert transit_links(TRANSIT) == {"lab-1", "lab-2"}
    assert transit_links(fixed()) == transit_links(OUTWARD) == frozenset()


@pytest.mark.parametrize("prefix", [BEYOND, "10.9.4.0/24", "10.0.0.0/8"])
def test_what_another_cloud_reaches_is_told(prefix: str) -> None:
    assert told(seen((prefix, "lab-2"))) == [BEYOND, LAN]
    assert told(seen((prefix, "lab-2"), carrying=("lab-2",))) == [BEYOND, LAN]


def test_it_is_taken_back_when_no_way_there_is_left() -> None:
    assert told(seen()) == [LAN]
    assert told(seen(("10.8.0.0/16", "lab-1"))) == [LAN], "a route to something else"
    assert told(seen((BEYOND, "vpc-1"))) == [LAN], "a route back into the cloud that is told"
    assert told(seen((EVERYTHING, "lab-1"))) == [LAN], "a default route"
    assert told(seen((BEYOND, "lab-1"), carrying=())) == [LAN], "a route over tunnels of which none carries"


def test_offline_everything_is_told() -> None:
    assert told(wish_for(TRANSIT)) == [BEYOND, LAN]


def test_what_two_clouds_reach_is_told_while_one_does() -> None:
    vpc, lab = TRANSIT.connections
    twin = replace(lab, name="twin", tunnels=tuple(replace(one, name=f"twin-{one.name[-1]}") for one in lab.tunnels))
    three = replace(TRANSIT, connections=(vpc, lab, twin))
    assert transit_links(three) == {"lab-1", "lab-2", "twin-1", "twin-2"}
    reached = find_reached(three, routes((BEYOND, "twin-1")), {})
    assert told(wish_for(three, reached=reached)) == [BEYOND, LAN]
    assert told(wish_for(three, reached=frozenset())) == [LAN]


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_either_speaker_takes_it_back(speaker: str) -> None:
    asked = intent(speaker, networks=(ip_network(LAN), ip_network(BEYOND)))
    with_it, without = (configured(wish_for(asked, reached=one)) for one in (None, frozenset()))
    words = "-out seq 5 permit 10.9.0.0/16\n" if speaker == "frr" else f"unicast {BEYOND} next-hop self"
    assert words in with_it
    assert words not in without
    assert ("network 10.9.0.0/16" in with_it) == (speaker == "frr")
    assert "network 10.9.0.0/16" not in without
