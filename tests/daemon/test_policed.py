"""Mode policy on a running box: policies before anything else, and the cloud's silent moves followed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from appliance.daemon.loop import converge_once
from appliance.daemon.mending import remember
from appliance.daemon.switching import Switchboard
from appliance.design.numbering import reqid
from appliance.model.resources import XfrmLink, XfrmPolicy
from appliance.verdict.following import LOOKS
from tests.daemon.sites import applied, planned
from tests.fakes.box import Box

TEXT = """\
version: 1
site: {name: dc1, networks: [172.16.20.0/24]}
uplinks:
  - {name: isp1, interface: eth0}
connections:
  - name: vpc
    cloud: alibaba
    mode: policy
    networks: [10.0.0.0/16]
    tunnels:
      - name: vpc-1
        remote: 198.51.100.7
        psk: {file: secrets/vpc-1.psk}
        ike: {version: 2, proposals: [aes256-sha256-modp2048]}
        esp: {proposals: [aes256-sha256-modp2048]}
      - name: vpc-2
        remote: 198.51.100.71
        psk: {file: secrets/vpc-2.psk}
        ike: {version: 2, proposals: [aes256-sha256-modp2048]}
        esp: {proposals: [aes256-sha256-modp2048]}
"""


def outward(box: Box) -> set[str]:
    """The far ends that the kernel sends to. Where no policy of ours leads, charon's do, the best tunnel's first."""
    found = [one for one in asyncio.run(box.kernel.observe()) if isinstance(one, XfrmPolicy) and one.direction == "out"]
    children = sorted((held.connection for held in box.charon.held.values()), key=lambda one: one.child.priority)
    charons = next(ike for ike in children if any(sa.name == ike.name for sa in box.charon.standing.values()))
    leading = [one for one in found if one.priority < charons.child.priority]
    return {str(one.outer_destination) for one in leading or [replace(found[0], outer_destination=charons.remote)]}


def receive(box: Box, tunnel: str, packets: int) -> None:
    """So many more came out of the tunnel's SA."""
    for key, sa in box.charon.standing.items():
        if sa.name == tunnel:
            box.charon.standing[key] = replace(sa, packets_in=sa.packets_in + packets)


class Daemon:
    """One at work: looks at the SAs, decides."""

    def __init__(self, box: Box) -> None:
        self.box, self.board = box, Switchboard(box.systems)
        asyncio.run(converge_once(box.systems, self.board, remember(box.systems)))
        self.look()

    def look(self) -> list[str]:
        async def scene() -> list[str]:
            self.board.hear(await self.box.charon.sas())
            return list(await self.board.decide())

        return asyncio.run(scene())

    def after(self, tunnel: str) -> list[str]:
        """The cloud has sent over the tunnel for as long as it takes; what was said."""
        said: list[str] = []
        for _ in range(LOOKS):
            receive(self.box, tunnel, 5)
            said += self.look()
        return said


@pytest.fixture
def daemon(box: Box) -> Daemon:
    asyncio.run(applied(box, TEXT))
    return Daemon(box)


def test_both_sas_stand_without_an_interface_and_share_a_request_id(box: Box) -> None:
    order: list[str] = []
    for door in box.refusers:
        door.tried = order
    asyncio.run(applied(box, TEXT))
    assert {sa.name for sa in box.charon.standing.values() if sa.up} == {"vpc-1", "vpc-2"}
    assert not [one for one in asyncio.run(box.kernel.observe()) if isinstance(one, XfrmLink)]
    assert {held.connection.child.reqid for held in box.charon.held.values()} == {reqid("vpc")}
    policies = [at for at, one in enumerate(order) if "xfrm-policy" in one]
    ikes = [at for at, one in enumerate(order) if "ike-connection" in one]
    forward = next(at for at, one in enumerate(order) if "sysctl net.ipv4.ip_forward" in one)
    assert len(policies) == 3
    assert max(policies) < min(ikes)
    assert max(policies) < forward


def test_a_second_plan_is_empty(box: Box, daemon: Daemon) -> None:
    assert outward(box) == {"198.51.100.7"}
    assert asyncio.run(planned(box)).changes == ()


def test_the_cloud_moves_and_we_follow_without_a_word_to_charon(box: Box, daemon: Daemon) -> None:
    before, ids = box.charon.writes, {sa.ike_id for sa in box.charon.standing.values()}
    daemon.after("vpc-1")
    assert outward(box) == {"198.51.100.7"}
    said = daemon.after("vpc-2")
    assert outward(box) == {"198.51.100.71"}
    assert "vpc: the cloud sends over vpc-2 now, no longer vpc-1" in said
    assert any("vpc-2 carries instead of vpc-1" in one for one in said)
    assert (box.charon.writes, {sa.ike_id for sa in box.charon.standing.values()}) == (before, ids)
    assert asyncio.run(planned(box)).changes == ()


def test_without_traffic_the_best_tunnel_carries(box: Box, daemon: Daemon) -> None:
    for _ in range(5):
        daemon.look()
    assert outward(box) == {"198.51.100.7"}


def test_an_sa_that_fell_hands_over(box: Box, daemon: Daemon) -> None:
    (key,) = [key for key, sa in box.charon.standing.items() if sa.name == "vpc-1"]
    del box.charon.standing[key]
    daemon.look()
    assert outward(box) == {"198.51.100.71"}


def test_with_no_sa_at_all_the_policies_stay(box: Box, daemon: Daemon) -> None:
    box.charon.standing.clear()
    daemon.look()
    found = [one for one in asyncio.run(box.kernel.observe()) if isinstance(one, XfrmPolicy)]
    assert {one.direction for one in found} == {"out", "in", "fwd"}


def test_when_the_best_of_a_cloud_comes_last_ours_goes_there_at_once(box: Box, daemon: Daemon) -> None:
    daemon.after("vpc-1")
    standing = dict(box.charon.standing)
    box.charon.standing.clear()
    daemon.look()
    for tunnel, gateway in (("vpc-2", "198.51.100.71"), ("vpc-1", "198.51.100.7")):
        box.charon.standing.update({key: sa for key, sa in standing.items() if sa.name == tunnel})
        daemon.look()
        assert outward(box) == {gateway}


def test_a_cloud_whose_tunnels_are_set_up_anew_is_taken_to_begin_with_its_best(box: Box, daemon: Daemon) -> None:
    """What we send elsewhere may be dropped there, and then nothing comes back that would tell."""
    daemon.after("vpc-1")
    daemon.after("vpc-2")
    standing = dict(box.charon.standing)
    box.charon.standing.clear()
    daemon.look()
    box.charon.standing.update(standing)
    daemon.look()
    assert outward(box) == {"198.51.100.7"}
