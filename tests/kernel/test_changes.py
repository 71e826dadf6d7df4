"""Batches, steps and what follows from a refusal, shown with a kernel that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from errno import EBUSY, EEXIST, ENODEV
from ipaddress import ip_interface, ip_network

import pytest

from appliance.kernel.changes import FEW, carry_out, links_concerned
from appliance.kernel.links import BIRTH_GROUP, FIRST_DOOMED_GROUP, LinkFacts
from appliance.kernel.wire import DEL_LINK, DEL_ROUTE, NEW_ADDRESS, NEW_LINK, NEW_NEXTHOP, NEW_ROUTE, Ack, Request
from appliance.model.change import Change
from appliance.model.resources import Blackhole, InsideAddress, Nexthop, NexthopGroup, Resource, XfrmLink

TWINS = [Blackhole(ip_network(f"10.{at}.0.0/16"), 0xFF00_0000) for at in range(4)]
LINKS = [XfrmLink(f"vpc-{at}", at, 1400, f"appliance:vpc/vpc-{at}") for at in range(1, 5)]


class Script:
    """Answers each request by ``answer`` and keeps what was sent, datagram by datagram."""

    def __init__(
        self, answer: Callable[[Request], Ack] = lambda request: Ack(0), present: Sequence[LinkFacts] = ()
    ) -> None:
        self.sent: list[list[Request]] = []
        self.looked = 0
        self._answer = answer
        self._present = {facts.name: facts for facts in present}

    def tell(self, requests: Sequence[Request]) -> list[Ack]:
        self.sent.append(list(requests))
        return [self._answer(request) for request in requests]

    def links_by_name(self, names: Collection[str] | None = None) -> dict[str, LinkFacts]:
        self.looked += 1
        return {name: one for name, one in self._present.items() if names is None or name in names}

    @property
    def types(self) -> list[list[int]]:
        return [[request.type for request in datagram] for datagram in self.sent]


def facts(links: Sequence[XfrmLink]) -> list[LinkFacts]:
    return [
        LinkFacts(at, link.name, link.mtu, True, "xfrm", link.alias, BIRTH_GROUP, link.if_id)
        for at, link in enumerate(links, start=7)
    ]


def additions(resources: Sequence[Resource]) -> list[Change]:
    return [Change(None, resource) for resource in resources]


def removals(resources: Sequence[Resource]) -> list[Change]:
    return [Change(resource, None) for resource in resources]


def test_neighbours_of_one_kind_travel_together_and_links_are_looked_up_again_after_links() -> None:
    script = Script(present=facts(LINKS))
    inside = [InsideAddress(link.name, ip_interface("169.254.23.6/30")) for link in LINKS]
    outcomes = carry_out([*additions(TWINS), *additions(LINKS), *additions(inside)], script)
    assert [outcome.error for outcome in outcomes] == [None] * 12
    assert script.types == [[NEW_ROUTE] * 4, *[[NEW_LINK] * 4] * 4, [NEW_ADDRESS] * 4]
    assert script.looked == 2


def test_a_switch_is_one_datagram_and_asks_for_no_link() -> None:
    """However many links there are: with a thousand of them, looking would take longer than the switch."""
    script = Script(present=facts(LINKS))
    groups = [NexthopGroup(4_000_000 + at, ((at, 1),)) for at in range(3)]
    outcomes = carry_out([Change(group, replace(group, members=((9, 1),))) for group in groups], script)
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert script.types == [[NEW_NEXTHOP] * 3]
    assert script.looked == 0


def test_a_second_step_is_taken_only_after_the_first_succeeded() -> None:
    """Else a blackhole whose new metric is refused would lose its old one: a leak."""
    moved = [Change(twin, replace(twin, metric=twin.metric + 1)) for twin in TWINS[:2]]
    refused = bytes([10, 1])

    def answer(request: Request) -> Ack:
        return Ack(EEXIST, "File exists") if request.type == NEW_ROUTE and refused in request.body else Ack(0)

    script = Script(answer)
    outcomes = carry_out(moved, script)
    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert script.types == [[NEW_ROUTE, NEW_ROUTE], [DEL_ROUTE]]
    assert refused not in script.sent[1][0].body


def test_a_refusal_says_what_was_tried_the_kernels_words_and_the_errno() -> None:
    (outcome,) = carry_out(additions(TWINS[:1]), Script(lambda request: Ack(EBUSY, "Too much at once.")))
    assert outcome.error == "cannot add blackhole 10.0.0.0/16 table 254: Too much at once (EBUSY)"
    assert outcome.retry


def group_of(request: Request) -> int:
    return int.from_bytes(request.body[-4:], "little")


def test_many_links_go_with_a_group_that_nobody_else_is_in() -> None:
    bystander = LinkFacts(3, "eth0", 1500, True, group=FIRST_DOOMED_GROUP)
    script = Script(present=[bystander, *facts(LINKS)])
    outcomes = carry_out(removals(LINKS), script)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert script.types == [[NEW_LINK] * 4, [DEL_LINK]]
    assert {group_of(request) for datagram in script.sent for request in datagram} == {FIRST_DOOMED_GROUP + 1}


def test_when_the_group_cannot_be_deleted_every_link_in_it_failed() -> None:
    script = Script(lambda request: Ack(EBUSY if request.type == DEL_LINK else 0, "busy"), facts(LINKS))
    outcomes = carry_out(removals(LINKS), script)
    assert [outcome.error is None for outcome in outcomes] == [False] * 4


def test_links_that_are_gone_already_need_no_deletion() -> None:
    script = Script(lambda request: Ack(ENODEV, "No such device"), facts(LINKS))
    assert [outcome.error for outcome in carry_out(removals(LINKS), script)] == [None] * 4
    assert script.types == [[NEW_LINK] * 4]


def test_no_link_of_another_is_ever_put_into_the_group() -> None:
    foreign = replace(facts(LINKS)[0], alias="somebody's")
    script = Script(present=[foreign, *facts(LINKS)[1:]])
    outcomes = carry_out(removals(LINKS), script)
    assert [outcome.error for outcome in outcomes] == ["interface vpc-1 is not ours", None, None, None]
    assert len(script.sent[0]) == 3


@pytest.mark.parametrize(
    ("changes", "concerned"),
    [
        (additions([InsideAddress("t0", ip_interface("169.254.1.2/30")), Nexthop(7, "t1", 4)]), {"t0", "t1"}),
        ([Change(LINKS[0], replace(LINKS[0], name="other"))], {LINKS[0].name, "other"}),
        (additions([Blackhole(ip_network("10.0.0.0/8"), 7), Nexthop(8, None, 4)]), set()),
        (removals(LINKS[:1]), {LINKS[0].name}),
        (removals(LINKS[:2]), None),
        (additions([Nexthop(number, f"t{number}", 4) for number in range(FEW + 1)]), None),
    ],
)
def test_of_a_few_changes_only_their_links_are_looked_up(changes: list[Change], concerned: set[str] | None) -> None:
    assert links_concerned(changes) == concerned
