"""What is told to FRR follows from the parts that differ, whatever stands beside them."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest

from appliance.frr.diff import Step, split, steps
from appliance.frr.narrowing import narrowed
from appliance.frr.pieces import Pieces, find_difference
from appliance.frr.render import write_frr
from appliance.frr.tree import parse_tree
from appliance.frr.way import find_way
from appliance.model.peering import CLOSED, BgpRouter, Neighbor
from appliance.model.resources import FrrConfig
from tests.frr.routers import FIRST, SECOND, neighbor, random_router, render, templates, with_neighbors

EXTRA = """\
ip prefix-list strange seq 5 permit 10.0.0.0/8
route-map strange permit 10
 match ip address prefix-list strange
exit
router bgp 65000
 neighbor 169.254.23.5 allowas-in 2
 neighbor 192.0.2.9 remote-as 65001
exit
"""


def between(had: str, want: str) -> tuple[Step, ...]:
    return steps(split(parse_tree(had)), split(parse_tree(want)))


def some_of(chance: random.Random, router: BgpRouter) -> BgpRouter:
    """The same with a few neighbours more, less and changed."""
    kept = tuple(one for one in router.neighbors if chance.random() < 0.8)
    return replace(router, neighbors=tuple(replace(one, hold=chance.choice((one.hold, 90))) for one in kept))


@pytest.mark.parametrize("seed", range(60))
def test_the_same_is_told_as_by_comparing_everything(seed: int) -> None:
    chance = random.Random(seed)
    old = replace(random_router(chance), extra=chance.choice(("", EXTRA)))
    new = some_of(chance, old) if seed % 2 else replace(random_router(chance), extra=chance.choice(("", EXTRA)))
    for one, other in ((old, new), (new, old), (old, old)):
        had, want = render(one), render(other)
        assert between(*narrowed(had, want)) == between(had, want)
    assert between(*narrowed("", render(new))) == between("", render(new))
    assert between(*narrowed(render(new), "")) == between(render(new), "")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_by_its_pieces_the_same_is_told_as_by_comparing_everything(seed: int, known: bool) -> None:
    """Whether or not they are the same objects."""
    chance, drawn = random.Random(seed), dict[object, object]()
    old = random_router(chance)
    new = some_of(chance, old) if seed % 2 else replace(random_router(chance), networks=old.networks, asn=old.asn)
    for one, other in ((old, new), (new, old), (old, old)):
        had, want = render(one), render(other)
        before, after = (write_frr(r, dict(templates()), drawn if known else {}) for r in (one, other))
        assert isinstance(before, Pieces)
        assert isinstance(after, Pieces)
        assert (before.text, after.text) == (had, want)
        found = find_difference(before, after)
        if found is None:
            assert before.frame != after.frame or one.beyond != other.beyond or "default" in had + want
        else:
            assert between(*found) == between(had, want)
            way = find_way(FrrConfig(before), FrrConfig(after))
            assert way is not None
            assert way.script == between(had, want)


def test_most_changes_are_found_by_pieces() -> None:
    router = with_neighbors(FIRST, SECOND, *many(50))
    drawn: dict[object, object] = {}
    for changed in ({"hold": 90}, {"stance": CLOSED}, {"address": ip_address("169.254.99.1")}, {"force_med": 7}):
        neighbors = (replace(FIRST, **changed), *router.neighbors[1:])  # type: ignore[arg-type]
        one, other = (write_frr(r, dict(templates()), drawn) for r in (router, replace(router, neighbors=neighbors)))
        assert isinstance(one, Pieces)
        assert isinstance(other, Pieces)
        found = find_difference(one, other)
        assert found is not None
        assert len(found[0]) < len(one.text) / 10
        assert between(*found) == between(one.text, other.text) != ()


@pytest.mark.parametrize("changed", [{"force_med": 7}, {"stance": CLOSED}, {"accept": SECOND.accept[1:]}, {"hold": 90}])
def test_of_one_neighbour_that_changes_in_one_thing_all_that_follows_is_told(changed: dict[str, object]) -> None:
    """With policies that change, the sessions that go by them are refreshed."""
    one, other = render(with_neighbors(FIRST, SECOND)), render(with_neighbors(replace(FIRST, **changed), SECOND))  # type: ignore[arg-type]
    for had, want in ((one, other), (other, one)):
        assert between(*narrowed(had, want)) == between(had, want) != ()


def many(count: int) -> tuple[Neighbor, ...]:
    return tuple(neighbor(str(ip_address("169.254.30.1") + 4 * n), "169.254.30.2", f"t{n}") for n in range(count))


def test_of_many_neighbours_only_the_changed_one_is_looked_at() -> None:
    one, other = (render(with_neighbors(replace(FIRST, hold=hold), SECOND, *many(50))) for hold in (30, 90))
    had, want = narrowed(one, other)
    assert len(had) < len(one) / 10
    assert "169.254.24.5" not in had + want
    assert between(had, want) == between(one, other)
