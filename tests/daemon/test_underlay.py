"""A lease that changes moves the tunnels of its uplink and no others; without a way out nothing is tried."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface, ip_network

from appliance.daemon.looking import look
from appliance.daemon.loop import converge_once
from appliance.daemon.passes import load_intent
from appliance.model.resources import Route
from appliance.report.judging import judge_tunnel
from tests.daemon.sites import HEAD, VPC_1, VPC_2, applied, connection
from tests.fakes.box import Box

UPLINKS = "  - {name: isp1, interface: eth0}\n  - {name: isp2, interface: eth3}\n"
PER_UPLINK = connection("vpc", [VPC_1.replace("psk:", "uplink: isp1\n        psk:"),
                                VPC_2.replace("psk:", "uplink: isp2\n        psk:")])  # fmt: skip
DUAL = HEAD.replace("  - {name: isp1, interface: eth0}\n", UPLINKS) + PER_UPLINK


def second_line(box: Box, address: str, gateway: str) -> None:
    """A second way to the Internet, as DHCP sets one up."""
    if "eth3" not in box.kernel.links:
        box.kernel.add_foreign_link("eth3")
    box.kernel.drop_foreign_addresses("eth3")
    box.kernel.add_foreign_address("eth3", ip_interface(address))
    way = Route(ip_network("0.0.0.0/0"), 300, gateway=ip_address(gateway), link="eth3")
    box.kernel.add_foreign_route(way, 16)


def ike_ids(box: Box) -> dict[str, int]:
    return {sa.name: sa.ike_id for sa in box.charon.standing.values()}


def sources(box: Box) -> dict[str, str]:
    return {sa.name: str(sa.local) for sa in box.charon.standing.values()}


def test_a_new_lease_sets_up_its_own_tunnels_anew(box: Box) -> None:
    second_line(box, "192.0.2.34/27", "192.0.2.33")

    async def scene() -> None:
        await applied(box, DUAL)
        before = ike_ids(box)
        assert sources(box) == {"vpc-1": "203.0.113.202", "vpc-2": "192.0.2.34"}
        second_line(box, "192.0.2.66/27", "192.0.2.65")
        await converge_once(box.systems)
        assert sources(box) == {"vpc-1": "203.0.113.202", "vpc-2": "192.0.2.66"}
        assert ike_ids(box)["vpc-1"] == before["vpc-1"]
        assert ike_ids(box)["vpc-2"] != before["vpc-2"]

    asyncio.run(scene())


def test_an_uplink_that_lost_its_address_calls_from_nowhere_else(box: Box) -> None:
    second_line(box, "192.0.2.34/27", "192.0.2.33")

    async def scene() -> None:
        await applied(box, DUAL)
        before = ike_ids(box)
        box.kernel.drop_foreign_addresses("eth3")
        await converge_once(box.systems)
        assert ike_ids(box) == {"vpc-1": before["vpc-1"]}
        seen = await look(box.systems, load_intent(box.systems).intent, None)
        (vpc,) = seen.intent.connections
        whys = {tunnel.name: judge_tunnel(seen, vpc, tunnel).why for tunnel in vpc.tunnels}
        assert whys["vpc-2"] == "eth3 has no IPv4 address"
        second_line(box, "192.0.2.34/27", "192.0.2.33")
        await converge_once(box.systems)
        assert sources(box) == {"vpc-1": "203.0.113.202", "vpc-2": "192.0.2.34"}

    asyncio.run(scene())
