"""What is kept from one drawing to the next is what drawing from nothing gives, whatever changes in between."""

from __future__ import annotations

import random
import weakref
from dataclasses import dataclass, field

import pytest

from appliance.model.drawn import (
    Drawn,
    Joined,
    chain_each,
    gather,
    join_all,
    keep,
    keep_equal,
    keep_parts,
    make_each,
    sort_each,
)
from appliance.model.sequel import Sequel, changed, exchanged, follow


@dataclass(frozen=True)
class Thing:
    """Equal by its name, as resources are that differ in a secret alone."""

    name: str
    hidden: int = field(default=0, compare=False)


def others(chance: random.Random, things: list[Thing]) -> list[Thing]:
    """A few come, go, move, or are others."""
    now = list(things)
    for _ in range(chance.randint(0, 3)):
        match chance.choice(("come", "go", "move", "other", "all")):
            case "come":
                now.insert(chance.randint(0, len(now)), Thing(f"t{chance.randint(0, 99)}", chance.random() > 0.5))
            case "go" if now:
                now.pop(chance.randrange(len(now)))
            case "move" if now:
                now.insert(chance.randint(0, len(now)), now.pop(chance.randrange(len(now))))
            case "other" if now:
                at = chance.randrange(len(now))
                now[at] = Thing(now[at].name, now[at].hidden + 1)
            case "all" if chance.random() < 0.1:
                now = [Thing(one.name, one.hidden + 1) for one in now]
    return now


@pytest.mark.parametrize("seed", range(30))
def test_what_is_made_again_is_what_would_be_made_of_all(seed: int) -> None:
    """And made again is only what is another object, or stands beside other facts."""
    chance, known = random.Random(seed), Drawn()
    things, beside, given = [Thing(f"t{n}") for n in range(20)], {}, 0
    for _ in range(40):
        before, things = things, others(chance, things)
        was, beside = dict(beside), beside | {f"t{chance.randint(0, 99)}": chance.randint(0, 3)}
        old, given = given, given + (chance.random() < 0.1)
        asked: list[Thing] = []

        def make(
            thing: Thing, given: int = given, beside: dict[str, int] = beside, asked: list[Thing] = asked
        ) -> object:
            asked.append(thing)
            return thing.name, thing.hidden, given, beside.get(thing.name)

        own = [beside.get(one.name) for one in things]
        found = make_each(known, "kind", things, make, given, own)
        assert found == tuple((one.name, one.hidden, given, beside.get(one.name)) for one in things)
        if given == old and len(known) and before:
            fresh = {id(one) for one in things} - {id(one) for one in before}
            fresh |= {id(one) for one in things if beside.get(one.name) != was.get(one.name)}
            assert {id(one) for one in asked} <= fresh or not was
        assert make_each(known, "kind", list(things), make, given, own) is found


@pytest.mark.parametrize("seed", range(20))
def test_what_is_made_again_may_keep_what_stood_there(seed: int) -> None:
    """The very object of the last time, as long as whoever settles it says so; equal at any rate."""
    chance, known = random.Random(seed), Drawn()
    things = [Thing(f"t{n}") for n in range(20)]

    def make(thing: Thing) -> tuple[str, int]:
        return thing.name, thing.hidden // 2

    for _ in range(40):
        things = others(chance, things)
        assert make_each(known, "kind", things, make, settle=_settle) == tuple(map(make, things))


def test_an_equal_one_in_the_same_place_is_the_object_that_was_there() -> None:
    known, one, two = Drawn(), Thing("one", 2), Thing("two")
    make = lambda thing: (thing.name, thing.hidden // 2)  # noqa: E731
    first = make_each(known, "kind", [one, two], make, settle=_settle)
    assert make_each(known, "kind", [Thing("one", 3), two], make, settle=_settle) is first
    assert make_each(known, "kind", [Thing("one", 4), two], make, settle=_settle) == (("one", 2), ("two", 0))


def _settle(was: object, now: object) -> object:
    return was if was == now else now


@pytest.mark.parametrize("seed", range(30))
def test_what_is_joined_again_is_the_union_with_the_newest_of_equals(seed: int) -> None:
    chance, known = random.Random(seed), Drawn()
    parts = [frozenset({Thing(f"{n}"), Thing(f"{n + 1}"), Thing("shared")}) for n in range(chance.choice((1, 3, 20)))]
    found = frozenset[Thing]()
    for _ in range(40):
        for _ in range(chance.choice((0, 1, 1, 3, 12))):
            kept = others(chance, list(parts[at := chance.randrange(len(parts))]))
            parts[at] = frozenset(kept)
        if chance.random() < 0.1:
            parts.insert(chance.randint(0, len(parts)), frozenset({Thing("more")}))
        if chance.random() < 0.1 and len(parts) > 1:
            parts.pop()
        joined = join_all(known, "kind", tuple(parts))
        before, found = found, joined.whole
        assert found == frozenset().union(*parts)
        if joined.before is not None:
            assert joined.before is before
            assert (joined.gone, joined.come) == (before - found, found - before)
        there = {id(one) for part in parts for one in part}
        assert all(id(one) in there for one in found)
        again = join_all(known, "kind", tuple(parts))
        assert again == Joined(found, found)
        assert again.whole is again.before is found


@pytest.mark.parametrize("seed", range(30))
def test_what_is_gathered_again_is_all_there_is_in_order(seed: int) -> None:
    """And it tells what went and what came since the last time, or since any other."""
    chance, known = random.Random(seed), Drawn()
    parts = [tuple(chance.sample(range(30), 3)) for _ in range(chance.choice((1, 5, 100)))]
    past = [gather(known, "kind", list(parts))]
    for _ in range(40):
        for _ in range(chance.choice((0, 1, 1, 2, 80))):
            match chance.choice(("other", "other", "more", "less")):
                case "other" if parts:
                    parts[chance.randrange(len(parts))] = tuple(chance.choices(range(30), k=chance.randint(0, 4)))
                case "more":
                    parts.insert(chance.randint(0, len(parts)), (chance.randint(0, 40),))
                case "less" if parts:
                    parts.pop(chance.randrange(len(parts)))
        found = gather(known, "kind", list(parts))
        assert found.each == sorted({one for part in parts for one in part})
        for other in (past[-1], chance.choice(past)):
            assert found.since(other) == (set(other.each) - set(found.each), set(found.each) - set(other.each))
        assert (found is past[-1]) == (found.each == past[-1].each)
        assert gather(known, "kind", list(parts)) is found
        past.append(found)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_sorted_again_is_sorted(seed: int) -> None:
    chance, known = random.Random(seed), Drawn()
    things = [Thing(f"t{n}") for n in range(20)]
    for _ in range(40):
        things = others(chance, things)
        found = sort_each(known, "kind", things, lambda one: one.name)
        assert [id(one) for one in found] == [id(one) for one in sorted(things, key=lambda one: one.name)]


@pytest.mark.parametrize("gone", [8, 9])
def test_of_two_of_one_name_at_the_end_the_right_one_goes(gone: int) -> None:
    known = Drawn()
    things = [Thing(f"t{min(number, 8)}") for number in range(10)]  # the last two have one name
    sort_each(known, "kind", things, lambda one: one.name)
    left = [*things[:gone], *things[gone + 1 :]]
    found = sort_each(known, "kind", left, lambda one: one.name)
    assert [id(one) for one in found] == [id(one) for one in left]


def test_what_is_kept_is_made_anew_from_other_facts() -> None:
    known = Drawn()
    assert [keep(known, "a", given, lambda given=given: [given]) for given in (1, 1, 2, 1)] == [[1], [1], [2], [1]]  # type: ignore[misc]
    assert keep(known, "a", 1, lambda: [3]) is keep(known, "a", 1, lambda: [4])


@pytest.mark.parametrize("seed", range(30))
def test_what_follows_from_one_another_is_what_follows_from_all(seed: int) -> None:
    """Whoever is asked every time or now and then, each goes by what the one before says has changed."""
    chance, known = random.Random(seed), Drawn()
    things = [Thing(f"t{n}") for n in range(chance.choice((3, 20, 100)))]
    whole = frozenset[object]()
    for _ in range(60):
        things = others(chance, things)
        order = sort_each(known, "sorted", things, lambda one: one.name)
        pairs = make_each(known, "pairs", order, lambda one: ((one.name, one.hidden // 2),) * (len(one.name) - 1))
        flat = chain_each(known, "flat", pairs)
        assert flat == tuple(pair for one in order for pair in ((one.name, one.hidden // 2),) * (len(one.name) - 1))
        if chance.random() < 0.7:
            halves = make_each(known, "halves", flat, lambda pair: pair[1], settle=keep_equal)
            assert halves == tuple(pair[1] for pair in flat)
            assert gather(known, "all names", make_each(known, "names", flat, lambda pair: (pair[0],))).each == sorted(
                {pair[0] for pair in flat}
            )
        if chance.random() < 0.7:
            sets = make_each(known, "sets", order, lambda one: frozenset({one.name, one.hidden}), settle=keep_parts)
            joined = join_all(known, "everything", chain_each(known, "parts", (sets, (frozenset({"more"}),))))
            before, whole = whole, joined.whole
            assert whole == frozenset({"more"}).union(*({one.name, one.hidden} for one in things))
            if joined.before is not None:
                assert (joined.before is before, joined.gone, joined.come) == (True, before - whole, whole - before)


@pytest.mark.parametrize("seed", range(10))
def test_where_tuples_differ_is_known_without_a_look_at_them(seed: int) -> None:
    chance = random.Random(seed)
    past = [follow((), [object() for _ in range(chance.choice((1, 10)))])]
    for _ in range(40):
        now: list[object] = [*past[-1]]
        for at in chance.sample(range(len(now)), chance.randint(0, 1)):
            now[at] = object()
        if chance.random() < 0.1:
            now.append(object())
        past.append(follow(past[-1], now))
        assert [*map(id, past[-1])] == [*map(id, now)]
        assert (past[-1] is past[-2]) == (exchanged(now, past[-2]) == frozenset())
        one, other = chance.choice(past[-3:]), chance.choice(past)
        for had, have in ((past[-2], past[-1]), (one, other)):
            assert changed(have, had) == changed(tuple(have), tuple(had))
            assert exchanged(have, had) == exchanged(tuple(have), tuple(had))


def test_a_tuple_of_tuples_grows_no_memory_of_all_before() -> None:
    first = follow((), [[1], [2]])
    kept = weakref.ref(thing := Kept())
    now = follow(follow(first, [thing, [2]]), [[3], [2]])
    del thing
    assert kept() is None
    assert isinstance(now, Sequel)


class Kept:
    """Something of which is seen that it goes."""
