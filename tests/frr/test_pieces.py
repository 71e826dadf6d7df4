"""A configuration in pieces is the text that they make, whoever asks and whenever: what equals it, what differs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.frr.pieces import Owners, Pieces, Row, find_shifts, find_splices
from appliance.frr.record import parse_record, render_amendment, render_record
from appliance.frr.render import write_frr
from appliance.frr.way import find_way
from appliance.model.peering import BgpRouter, PrefixRule
from appliance.model.resources import FrrConfig
from tests.frr.routers import neighbor, random_router, render, templates, with_neighbors


def row(texts: Sequence[str], order: Sequence[int] | None = None) -> Row:
    return Row(tuple(texts), Owners(tuple(texts)), None if order is None else tuple(order))


WORDS = st.text("ab", max_size=2)
ROWS = st.lists(WORDS, max_size=5).flatmap(
    lambda texts: st.permutations(range(len(texts))).map(lambda order: row(texts, order)) | st.just(row(texts))
)
PIECES = st.lists(ROWS, max_size=3).flatmap(
    lambda rows: st.lists(WORDS, min_size=len(rows) + 1, max_size=len(rows) + 1).map(
        lambda frame: Pieces(tuple(frame), tuple(rows))
    )
)


@given(PIECES, PIECES)
def test_equal_is_what_is_the_same_text(one: Pieces, other: Pieces) -> None:
    for left, right in ((one, other), (other, one), (one, Pieces(one.frame, one.rows))):
        same = left.text == right.text
        assert (left == right) is (FrrConfig(left) == FrrConfig(right)) is (FrrConfig(left.text) == FrrConfig(right))
        assert (left == right) is same
    assert len({FrrConfig(one), FrrConfig(one.text)}) == 1
    assert (one.length, one.lines) == (len(one.text), one.text.count("\n"))


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=6), ROWS, st.text("ab\u2028\u20ac", max_size=3))
def test_splices_make_the_one_text_to_the_other(had: list[str], want: list[str], beside: Row, between: str) -> None:
    frame = ("", between, "end")
    one, other = Pieces(frame, (row(had), beside)), Pieces(frame, (row(want), beside))
    shifts = find_shifts(one, other)
    assert shifts is not None
    line = render_amendment(find_splices(one, shifts), other.length)
    assert parse_record(render_record({}, one.text) + line, {}) == other.text


@given(st.permutations("abcdefgh"), st.permutations("abcdefgh"), st.sets(st.sampled_from("abcdefgh")))
def test_pieces_that_come_and_go_and_change_places_are_followed(had: list[str], want: list[str], out: set[str]) -> None:
    one, other = (Pieces(("<", ">"), (row(texts),)) for texts in (had, [word for word in want if word not in out]))
    shifts = find_shifts(one, other)
    assert shifts is not None
    line = render_amendment(find_splices(one, shifts), other.length)
    assert parse_record(render_record({}, one.text) + line, {}) == other.text


def written(router: BgpRouter, known: dict[object, object] | None = None) -> Pieces:
    found = write_frr(router, dict(templates()), {} if known is None else known)
    assert isinstance(found, Pieces)
    return found


@pytest.mark.parametrize("seed", range(30))
def test_a_text_that_nobody_asked_for_is_equal_to_the_one_that_was_written(seed: int) -> None:
    chance, known = random.Random(seed), dict[object, object]()
    routers = [random_router(chance) for _ in range(2)]
    configs = [FrrConfig(written(one, known)) for one in routers]
    for one, config in zip(routers, configs, strict=True):
        assert config == FrrConfig(written(one))
        assert config == FrrConfig(render(one))
        assert config.text == render(one)
    assert (configs[0] == configs[1]) is (render(routers[0]) == render(routers[1]))


def test_what_is_compared_and_told_is_not_put_together() -> None:
    known = dict[object, object]()
    router = with_neighbors(
        *(neighbor(f"169.254.30.{4 * n + 1}", f"169.254.30.{4 * n + 2}", f"t{n}") for n in range(9))
    )
    other = replace(router, neighbors=(replace(router.neighbors[0], hold=90), *router.neighbors[1:]))
    one, two = (FrrConfig(written(each, known)) for each in (router, other))
    assert one != two
    assert one == FrrConfig(written(router))
    assert {one} - {two} == {one}
    way = find_way(one, two)
    assert way is not None
    assert way.script != ()
    assert way.amendment is not None
    assert len(way.amendment) < 500
    assert not any("text" in vars(each.written) for each in (one, two))


@pytest.mark.parametrize("seed", range(12))
def test_neighbours_that_move_come_and_go_are_written_as_by_themselves(seed: int) -> None:
    chance, known = random.Random(seed), dict[object, object]()
    peers = [neighbor(f"169.254.30.{4 * n + 1}", "169.254.30.2", f"t{n}") for n in range(20)]
    if seed % 3 == 0:
        peers += [neighbor(f"fd00:1::{n:x}", "fd00:1::ffff", f"s{n}") for n in range(1, 4)]
    for _ in range(12):
        for at in chance.sample(range(len(peers)), chance.choice((0, 1, 1, 2, 9))):
            address = f"169.254.{chance.randint(31, 99)}.{chance.randint(1, 250)}"
            default = PrefixRule(True, ip_network("0.0.0.0/0"))
            change = chance.choice(
                ({"address": ip_address(address)}, {"hold": 90}, {"force_med": 7}, {"accept": (default,)})
            )
            peers[at] = replace(peers[at], **change)
        if chance.random() < 0.3:
            peers.insert(at := chance.randrange(len(peers)), replace(peers.pop(), tunnel=f"new{at}"))
        if chance.random() < 0.3:
            peers.pop(chance.randrange(len(peers)))
        router = with_neighbors(*peers)
        pieces = written(router, known)
        assert pieces == written(router)
        assert pieces.text == render(router)
        assert (pieces.length, pieces.lines) == (len(pieces.text), pieces.text.count("\n"))
