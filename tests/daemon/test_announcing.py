"""What a cloud is told follows what the machine can reach: another cloud's network, the Internet."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from appliance.daemon.loop import converge_once
from appliance.model.resources import ExabgpConfig, FrrConfig, Route
from tests.daemon.sites import HEAD, LAB, LAB_1, LAB_2, VPC_1, VPC_2, announce, applied, connection
from tests.fakes.box import Box
from tests.fakes.frr import FarEnd

LAN, BEYOND = "172.16.20.0/24", "10.9.0.0/16"
TOLD = f"    announce: {{networks: [{LAN}, {BEYOND}]}}\n"
LAB_PEERS = [ip_address(text) for text in ("169.254.123.5", "169.254.122.73")]


def site(speaker: str, said: str, other: str = LAB) -> str:
    return HEAD + connection("vpc", [VPC_1, VPC_2], f"    speaker: {speaker}\n{said}") + other


def hears(box: Box) -> set[str]:
    """What the first cloud's speaker is told to announce over the first tunnel."""
    texts = [*asyncio.run(box.holds()), *asyncio.run(box.systems.exabgp.observe())]
    (text,) = (one.text for one in texts if isinstance(one, FrrConfig | ExabgpConfig) and "vpc-1" in one.text)
    if "router bgp" in text:
        outbound = [line.split() for line in text.splitlines() if "appliance-vpc-1-out seq" in line]
        return {words[6] for words in outbound if words[5] == "permit"}
    session = text.split("neighbor 169.254.23.5 {")[1].split("neighbor ")[0]
    return {line.split()[1] for line in session.splitlines() if line.strip().startswith("unicast")}


def settle(box: Box) -> None:
    """Until a pass finds nothing to do."""
    for _ in range(6):
        if asyncio.run(converge_once(box.systems)) == 0:
            return
    pytest.fail("the passes do not come to an end")


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_a_cloud_hears_of_another_as_long_as_that_is_reached(box: Box, speaker: str) -> None:
    announce(box)
    asyncio.run(applied(box, site(speaker, TOLD)))
    assert hears(box) == {LAN}, "before the other cloud has told anything"
    settle(box)
    assert hears(box) == {LAN, BEYOND}
    box.far = {peer: FarEnd(64512, 65010, {}) for peer in LAB_PEERS}
    settle(box)
    assert hears(box) == {LAN}
    announce(box)
    settle(box)
    assert hears(box) == {LAN, BEYOND}


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_of_one_reached_by_static_routes_too(box: Box, speaker: str) -> None:
    static = connection("lab", [LAB_1, LAB_2], "    networks: [10.9.0.0/16]\n")
    asyncio.run(applied(box, site(speaker, TOLD, static.replace("mode: bgp", "mode: static"))))
    settle(box)
    assert hears(box) == {LAN, BEYOND}
    box.kernel.delete_link("lab-1")
    settle(box)
    assert hears(box) == {LAN, BEYOND}, "the other tunnel leads there"


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_a_default_route_is_told_while_this_machine_has_one(box: Box, speaker: str) -> None:
    asyncio.run(applied(box, site(speaker, "    announce: {default-route: true}\n")))
    settle(box)
    assert hears(box) == {LAN, "0.0.0.0/0"}
    [way] = [held.resource for held in box.kernel._routes.values() if held.resource.prefix.prefixlen == 0]
    box.kernel._routes = {key: held for key, held in box.kernel._routes.items() if held.resource is not way}
    settle(box)
    assert hears(box) == {LAN}
    assert isinstance(way, Route)
    box.kernel.add_foreign_route(way, 3)
    settle(box)
    assert hears(box) == {LAN, "0.0.0.0/0"}
