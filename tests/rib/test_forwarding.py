"""What the kernel is told: through the fake kernel, which refuses what Linux refuses."""

from __future__ import annotations

import asyncio
from ipaddress import ip_interface, ip_network

from hypothesis import given
from hypothesis import strategies as st

from appliance.model.address import IPNetwork
from appliance.model.change import Change, Outcome
from appliance.model.resources import (
    DEFAULT_TABLE,
    LEARNED_PROTOCOL,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Route,
    XfrmLink,
)
from appliance.rib.forwarding import LEARNED_METRIC, Ledger, Way
from tests.fakes.kernel import FakeKernel

NAMES = ("t1", "t2", "t3")
WAYS = tuple(Way(name, name, family) for name in NAMES for family in (4, 6))
NETS: tuple[IPNetwork, ...] = tuple(ip_network(f"10.{number}.0.0/16") for number in range(5))


class Scene:
    """A ledger and the kernel that it is carried out in; ``told`` counts messages."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.told: list[Change] = []
        links = [XfrmLink(name, 10 + place, 1400, f"appliance:vpc/{name}") for place, name in enumerate(NAMES)]
        inside = [InsideAddress(name, ip_interface(f"169.254.{place}.6/30")) for place, name in enumerate(NAMES)]
        for resource in (*links, *inside):
            [outcome] = asyncio.run(self.kernel.apply([Change(None, resource)]))
            assert outcome.error is None
        self.ledger = Ledger()
        self.ledger.follow(WAYS)

    def tell(self, changes: tuple[Change, ...]) -> list[str]:
        self.told = list(changes)
        return self.ledger.record(asyncio.run(self.kernel.apply(changes)))

    def want(self, **choices: str) -> list[str]:
        """``n0="t1 t2"``: the first of NETS goes over these."""
        self.ledger.want({NETS[int(name[1:])]: frozenset(ways.split()) for name, ways in choices.items()})
        return self.tell(self.ledger.changes())

    def ways(self) -> dict[IPNetwork, set[str]]:
        """Where each prefix really goes."""
        found = asyncio.run(self.kernel.forwarding(NAMES))
        return {route.prefix: {via.link for via in route.vias} for route in found if route.protocol == LEARNED_PROTOCOL}

    def objects(self, kind: type) -> int:
        return sum(isinstance(one, kind) for one in asyncio.run(self.kernel.learned()))


def test_prefixes_with_the_same_ways_share_one_group() -> None:
    scene = Scene()
    assert scene.want(n0="t1 t2", n1="t1 t2", n2="t1") == []
    assert scene.ways() == {NETS[0]: {"t1", "t2"}, NETS[1]: {"t1", "t2"}, NETS[2]: {"t1"}}
    assert (scene.objects(NexthopGroup), scene.objects(Nexthop)) == (2, 2)


def test_a_lost_session_is_one_message_and_its_prefixes_find_their_group_right() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t1 t2", n2="t1 t2")
    scene.tell(scene.ledger.fail("t1", 4))
    assert [type(change.new) for change in scene.told] == [NexthopGroup]
    assert set(map(frozenset, scene.ways().values())) == {frozenset({"t2"})}
    scene.want(n0="t2", n1="t2", n2="t2")
    assert [change for change in scene.told if isinstance(change.resource, Route | NexthopGroup)] == []


def test_prefixes_that_come_back_one_by_one_go_over_both_again_one_by_one() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t1 t2")
    scene.tell(scene.ledger.fail("t1", 4))
    scene.want(n0="t2", n1="t2")
    scene.want(n0="t1 t2")
    assert scene.ways() == {NETS[0]: {"t1", "t2"}, NETS[1]: {"t2"}}
    scene.want(n1="t1 t2")
    assert scene.ways() == {NETS[0]: {"t1", "t2"}, NETS[1]: {"t1", "t2"}}
    assert scene.objects(NexthopGroup) == 1


def test_a_verdict_replaces_groups_and_takes_it_back_by_replacing_them_again() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t1 t2", n2="t2 t3", n3="t1")
    for rank in (2, 1):
        scene.tell(scene.ledger.gate({"t1": rank}))
        assert [type(change.new) for change in scene.told] == [NexthopGroup] * (rank == 2)
        assert scene.ways() == {NETS[0]: {"t2"}, NETS[1]: {"t2"}, NETS[2]: {"t2", "t3"}, NETS[3]: {"t1"}}
    scene.tell(scene.ledger.gate({"t1": 1, "t2": 2}))
    assert scene.ways() == {NETS[0]: {"t1"}, NETS[1]: {"t1"}, NETS[2]: {"t3"}, NETS[3]: {"t1"}}
    scene.tell(scene.ledger.gate({}))
    assert scene.ways()[NETS[0]] == {"t1", "t2"}


def test_withdrawn_prefixes_go_and_nothing_is_left_behind() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t1")
    scene.want(n0="", n1="")
    assert {type(one) for one in asyncio.run(scene.kernel.learned())} == {Nexthop}
    scene.ledger.follow(())
    assert scene.tell(scene.ledger.changes()) == []
    assert asyncio.run(scene.kernel.learned()) == frozenset()


def test_both_families_have_ways_of_their_own() -> None:
    scene = Scene()
    scene.ledger.want({NETS[0]: frozenset({"t1"}), ip_network("2001:db8::/32"): frozenset({"t1"})})
    assert scene.tell(scene.ledger.changes()) == []
    assert scene.objects(Nexthop) == 2
    scene.tell(scene.ledger.fail("t1", 6))
    assert scene.ways()[NETS[0]] == {"t1"}


def test_a_nexthop_that_zebra_put_back_as_a_group_of_its_own_is_taken_out_of_the_way() -> None:
    scene, theirs = Scene(), Nexthop(18, "t2", 4)
    scene.kernel.add_foreign_nexthop(theirs, 11)
    scene.kernel.add_foreign_nexthop(NexthopGroup(WAYS[0].id, ((18, 1),)), 11)
    assert scene.want(n0="t1") != []
    assert scene.tell((*scene.ledger.repair(), *scene.ledger.changes())) == []
    assert scene.ways() == {NETS[0]: {"t1"}}


def test_what_the_kernel_refused_is_tried_again() -> None:
    scene = Scene()
    scene.ledger.want({NETS[0]: frozenset({"t1"})})
    refused = [Outcome(change, "No buffer space available") for change in scene.ledger.changes()]
    assert len(scene.ledger.record(refused)) == 3
    assert scene.tell(scene.ledger.changes()) == []
    assert scene.ways() == {NETS[0]: {"t1"}}


def test_another_daemons_routes_are_taken_over_without_a_message() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t2")
    heir = Ledger()
    heir.follow(WAYS)
    heir.adopt(asyncio.run(scene.kernel.learned()))
    heir.want({NETS[0]: frozenset({"t1", "t2"})})
    assert heir.changes() == ()
    heir.sweep([NETS[0]])
    changes = heir.changes()
    assert [type(change.old) for change in changes if isinstance(change.old, Route)] == [Route]
    scene.ledger = heir
    scene.tell(changes)
    assert scene.ways() == {NETS[0]: {"t1", "t2"}}


def test_what_a_stranger_took_is_put_back() -> None:
    scene = Scene()
    scene.want(n0="t1 t2", n1="t2")
    scene.kernel.delete_link("t2")
    assert scene.ways() == {NETS[0]: {"t1"}}
    link = XfrmLink("t2", 11, 1400, "appliance:vpc/t2")
    asyncio.run(scene.kernel.apply([Change(None, link)]))
    scene.ledger.adopt(asyncio.run(scene.kernel.learned()))
    assert scene.tell((*scene.ledger.repair(), *scene.ledger.changes())) == []
    assert scene.ways() == {NETS[0]: {"t1", "t2"}, NETS[1]: {"t2"}}


def test_a_strangers_route_of_the_same_prefix_is_left_alone() -> None:
    scene = Scene()
    theirs = Route(NETS[0], 20, link="t3")
    scene.kernel.add_foreign_route(theirs, 186)
    scene.want(n0="t1")
    scene.want(n0="")
    found = asyncio.run(scene.kernel.forwarding(NAMES))
    assert [route.protocol for route in found if route.prefix == NETS[0]] == [186]


def test_routes_carry_the_metric_that_zebra_reads_as_a_distance_behind_bgps() -> None:
    assert LEARNED_METRIC >> 24 == 21


WANTS = st.tuples(st.just("want"), st.sampled_from(NETS), st.frozensets(st.sampled_from(NAMES)))
FAILS = st.tuples(st.just("fail"), st.sampled_from(NAMES), st.none())
GATES = st.tuples(st.just("gate"), st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)), st.none())


@given(st.lists(st.one_of(WANTS, FAILS, GATES), max_size=30))
def test_whatever_happens_the_kernel_ends_where_it_was_wanted(steps: list[tuple[str, object, object]]) -> None:
    scene, wanted, ranks = Scene(), dict[IPNetwork, frozenset[str]](), dict[str, int]()
    for word, first, second in steps:
        if word == "want":
            wanted[first] = second  # type: ignore[index, assignment]
            scene.ledger.want({first: second})  # type: ignore[dict-item]
        elif word == "gate":
            ranks = first  # type: ignore[assignment]
            assert scene.tell(scene.ledger.gate(ranks)) == []
        else:
            assert scene.tell(scene.ledger.fail(str(first), 4)) == []
            wanted = {prefix: ways - {str(first)} for prefix, ways in wanted.items()}
            scene.ledger.want(wanted)
        assert scene.tell(scene.ledger.changes()) == []
        lowest = {prefix: min(ranks.get(name, 0) for name in ways) for prefix, ways in wanted.items() if ways}
        expected = {
            prefix: {name for name in wanted[prefix] if ranks.get(name, 0) == rank} for prefix, rank in lowest.items()
        }
        assert scene.ways() == expected


def test_a_default_route_stands_in_the_table_for_lans_and_goes_from_there() -> None:
    scene, everything = Scene(), ip_network("0.0.0.0/0")

    def tables() -> set[int]:
        return {one.table for one in asyncio.run(scene.kernel.learned()) if isinstance(one, Route)}

    scene.ledger.want({everything: frozenset({"t1"})})
    assert scene.tell(scene.ledger.changes()) == []
    assert tables() == {DEFAULT_TABLE}
    scene.ledger.want({everything: frozenset()})
    assert scene.tell(scene.ledger.changes()) == []
    assert tables() == set()
