"""What the embedded speaker heard, on a kernel of fakes: in which order the kernel is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.daemon.listening import Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.wish import Wish
from appliance.model.bgp import Attributes, Update
from appliance.model.change import Change, Outcome
from appliance.model.peering import CLOSED, BgpRouter
from appliance.model.resources import NexthopGroup, XfrmLink
from appliance.rib.table import Rib
from tests.daemon.sites import HEAD, VPC_1, VPC_2, connection
from tests.fakes.box import Box

SITE = HEAD + connection("vpc", [VPC_1, VPC_2], "    speaker: exabgp\n")
PEERS = ("169.254.23.5", "169.254.22.73")
NETS = [ip_network(f"10.1.{number}.0/24") for number in range(20)]
HEARD = Attributes("igp", (64512,), 1, 64512)
CHOOSING = "choosing"


def test_a_closed_path_leaves_the_groups_before_anything_is_chosen_anew(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choosing takes the longer the more was learned; the group is one message, and traffic waits for it."""
    seen: list[object] = []
    follow, apply = Rib.follow, box.kernel.apply

    def following(rib: Rib, router: BgpRouter) -> None:
        seen.append(CHOOSING)
        follow(rib, router)

    async def applying(changes: Sequence[Change]) -> Sequence[Outcome]:
        seen.extend(len(one.new.members) for one in changes if isinstance(one.new, NexthopGroup))
        return await apply(changes)

    monkeypatch.setattr(Rib, "follow", following)
    monkeypatch.setattr(box.kernel, "apply", applying)
    asyncio.run(_learn_and_close(box))
    assert seen == [CHOOSING, 2, 1, CHOOSING]


async def _learn_and_close(box: Box) -> None:
    """Both neighbours offer the same; then one of the two paths is to carry no more."""
    links = [XfrmLink(name, number, 1400, f"appliance:vpc/{name}") for number, name in enumerate(("vpc-1", "vpc-2"), 1)]
    await box.kernel.apply([Change(None, link) for link in links])
    wish = Wish(parse_loaded(SITE, "site.yaml").intent, read_templates())
    listening = Listening(box.systems, lambda sentence: None)
    await listening.follow(wish)
    for peer in map(ip_address, PEERS):
        listening.rib.take(Update(peer, HEARD, tuple((net, peer) for net in NETS)))
    await listening.settle()
    await listening.follow(replace(wish, stances={"vpc-1": CLOSED}))
