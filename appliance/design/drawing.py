"""What was drawn for a wish before this one: what follows from nothing that changed is not drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter
from typing import TypeVar

from appliance.design.wish import Wish
from appliance.model.drawn import keep_equal, make_each
from appliance.model.intent import Connection
from appliance.model.resources import LINK_MARK
from appliance.model.secret import Secret

S = TypeVar("S")
T = TypeVar("T")

FAR_MORE = 30
"""Drawings a tunnel beyond which those of the past are thrown away."""


def recall(wish: Wish, kind: str, of: object, given: object, draw: Callable[[], T]) -> T:
    """What was drawn as ``kind`` for this very object from equal facts, else a drawing from these. ``given`` are all
    the facts beside the object itself that it is drawn from."""
    key = (kind, id(of))
    known = wish.drawn.get(key)
    if known is not None and known[0] is of and known[1] == given:
        found: T = known[2]
        return found
    drawn = draw()
    wish.drawn[key] = (of, given, drawn)
    return drawn


def recall_each(
    wish: Wish,
    kind: str,
    things: Sequence[S],
    given: object,
    draw: Callable[[S], T],
    beside: Sequence[object] | None = None,
    settle: Callable[[T, T], T] | None = None,
) -> tuple[T, ...]:
    """As :func:`recall` for many things at once, in their order; ``beside`` are the facts that belong to each of them.
    Where every drawing is the one of the last time, so is the tuple."""
    return make_each(wish.drawn, kind, things, draw, given, beside, settle)


def choose(
    wish: Wish, kind: str, fits: Callable[[Connection], object], among: tuple[Connection, ...] | None = None
) -> tuple[Connection, ...]:
    """Of the connections ``among`` these, or else of those that should be up, the ones that fit, in their order. Only
    others than last time are looked at again."""
    every = wish.connections if among is None else among
    flags = make_each(wish.drawn, kind, every, lambda connection: bool(fits(connection)))
    return every if False not in flags else tuple(compress(every, flags)) if True in flags else ()


def keep_members(before: tuple[T, ...], now: tuple[T, ...]) -> tuple[T, ...]:
    """The same for each of several, as long as none comes or goes."""
    return tuple(map(keep_equal, before, now)) if len(before) == len(now) else now


def surroundings(wish: Wish) -> object:
    """Of the machine and the site all that a tunnel by itself depends on: the same object as long as it is the same."""
    if "surroundings" not in wish.memory:
        intent = wish.intent
        given = (wish.machine, intent.site, intent.uplinks, _key_mark(wish))
        last, facts = wish.drawn.get("surroundings", (None, None))
        if last is None or last[0] is not given[0] or last[1:] != given[1:]:
            fresh = _facts(wish)
            facts = facts if facts == fresh else fresh
            wish.drawn["surroundings"] = given, facts
        wish.memory["surroundings"] = facts
    return wish.memory["surroundings"]


def _facts(wish: Wish) -> object:
    machine, intent = wish.machine, wish.intent
    interfaces = machine.interfaces if machine else {}
    others = {name: one for name, one in interfaces.items() if not (one.alias or "").startswith(LINK_MARK)}
    ours = machine and frozenset(route.link for route in machine.defaults) - others.keys()
    return intent.site, intent.uplinks, machine and (others, machine.defaults, ours), _key_mark(wish)


def _key_mark(wish: Wish) -> str:
    """Another one when fingerprints are others."""
    return wish.fingerprint(Secret("")) if wish.secrets else ""


def forget_the_past(wish: Wish) -> None:
    """Throw drawings away once there are far more of them than there is to draw. The tunnels are counted only where
    there are more than enough for one a connection."""
    if len(wish.drawn) <= FAR_MORE * (len(wish.connections) + 10):
        return
    tunnels = sum(map(len, map(attrgetter("tunnels"), wish.connections)))
    if len(wish.drawn) > FAR_MORE * (tunnels + 10):
        wish.drawn.clear()
