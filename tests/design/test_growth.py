"""Work grows with the number of tunnels, not with its square: counted in calls, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import pytest

from appliance.daemon.passes import parse_loaded, start_rereading
from appliance.daemon.wiring import read_templates
from appliance.design.compose import compose
from appliance.design.wish import Wish
from tests.bench.site import site_text

FEW, MANY = 60, 240
LINEAR = 1.05
"""Of the growth in numbers: sorting takes a little more."""


def calls(work: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def heard(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(heard)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def growth(work: Callable[[int], Callable[[], object]]) -> float:
    """Of the calls, over that of the tunnels."""
    few, many = work(FEW), work(MANY)
    few()  # what is kept from the first time on
    return calls(many) / calls(few) * FEW / MANY


@pytest.mark.parametrize("mode", ["static", "bgp"])
def test_reading_and_checking_an_intent_grows_with_it(mode: str) -> None:
    assert growth(lambda tunnels: lambda: parse_loaded(site_text(tunnels, mode), "site.yaml")) < LINEAR


@pytest.mark.parametrize("mode", ["static", "bgp"])
def test_composing_grows_with_the_intent(mode: str) -> None:
    wishes = {count: Wish(parse_loaded(site_text(count, mode), "x").intent, read_templates()) for count in (FEW, MANY)}
    assert growth(lambda tunnels: lambda: compose(replace(wishes[tunnels], drawn={}))) < LINEAR


LESS = 2
"""Times, at least, that composing again after a change of one tunnel of many takes fewer calls than composing all."""


@pytest.mark.parametrize("mode", ["static", "bgp"])
def test_after_a_change_of_one_tunnel_only_that_one_is_drawn_anew(mode: str) -> None:
    before = start_rereading()
    first, second = (
        Wish(parse_loaded(site_text(MANY, mode, changed), "x", before).intent, read_templates())
        for changed in (None, 7)
    )
    compose(first)
    again = replace(second, drawn=first.drawn)
    whole = calls(lambda: compose(replace(second, drawn={})))
    assert whole / calls(lambda: compose(again)) > LESS
    assert compose(again) == compose(second)
