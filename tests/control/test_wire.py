"""Orders as lines: what is written is read again, and nothing else is read."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.control.standing import Standing
from appliance.control.wire import (
    KINDS,
    Alive,
    Answer,
    Done,
    Unreadable,
    parse_answer,
    parse_line,
    render_answer,
    render_order,
)
from appliance.model.fault import ApplianceError, Fault, Refused, SystemFailure
from appliance.model.order import Commit, Drain, Learn, Made, Order, Pin, Restart, Undrain
from appliance.model.secret import Secret

NAMES = st.text(max_size=20)
NETWORKS = st.sampled_from([ip_network("10.1.0.0/16"), ip_network("2001:db8::/48")])
TIMES = st.datetimes(timezones=st.just(UTC))
COMMITS = st.builds(
    Commit,
    text=st.text(),
    summary=NAMES,
    seen=st.none() | st.text(),
    replaces=st.booleans(),
    secrets=st.dictionaries(NAMES, st.builds(Secret, st.text()), max_size=3),
    fresh=st.frozensets(NAMES, max_size=3),
    dropped=st.frozensets(NAMES, max_size=3),
    down=st.frozensets(NAMES, max_size=3),
    unprotected=st.frozensets(NAMES, max_size=3),
    adopt=st.booleans(),
    remembered=st.dictionaries(NAMES, st.lists(NETWORKS, max_size=2).map(tuple), max_size=2),
    forgotten=st.frozensets(NAMES, max_size=3),
)
ORDERS: st.SearchStrategy[Order] = st.one_of(
    COMMITS,
    st.builds(Learn),
    st.builds(Drain, NAMES, st.none() | TIMES),
    st.builds(Undrain, NAMES),
    st.builds(Pin, NAMES, st.none() | NAMES),
    st.builds(Restart, NAMES),
)
KEY = "Fake.key.of.nobody"
COMMIT = Commit("version: 1\n", "configure vpc", None, secrets={"vpc-1": Secret(KEY)})


@given(ORDERS)
def test_an_order_comes_out_as_it_went_in(order: Order) -> None:
    line = render_order(order)
    assert line.endswith("\n")
    assert "\n" not in line[:-1]
    assert parse_line(line, Standing(lambda: order.seen if isinstance(order, Commit) else None)) == order


@given(COMMITS, st.none() | st.text())
def test_an_order_that_changes_another_intent_than_stands_is_refused(order: Commit, other: str | None) -> None:
    if order.seen is not None and other != order.seen:
        with pytest.raises(SystemFailure) as refusal:
            parse_line(render_order(order), Standing(lambda: other))
        assert refusal.value.code == "changed-meanwhile"


def test_what_changes_in_a_long_intent_is_a_short_line() -> None:
    seen = "".join(f"  - name: c{number}\n" for number in range(10_000))
    text = seen.replace("c7777", "c77777")
    line = render_order(Commit(text, "configure", seen))
    assert len(line) < 500
    standing = Standing(lambda: seen)
    assert parse_line(line, standing) == Commit(text, "configure", seen)
    standing.expect(text)  # it was not taken
    with pytest.raises(SystemFailure):
        parse_line(render_order(Commit(seen, "configure", text)), standing)


@given(st.lists(COMMITS, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=8))
def test_orders_one_after_the_other_are_read_as_each_by_itself(orders: list[Commit], turns: list[int]) -> None:
    """Whether or not they bring the secrets of the one before."""
    current, standing = orders[0], Standing(lambda: current.seen)
    for turn in turns:
        current = orders[turn % len(orders)]
        found = parse_line(render_order(current), standing)
        assert found == current
        assert isinstance(found, Commit)
        assert list(found.secrets) == list(current.secrets)


def test_secrets_spelled_as_before_are_the_same_object() -> None:
    standing = Standing(lambda: None)
    orders = (replace(COMMIT, summary=f"{number}", secrets={"a": Secret(key)}) for number, key in enumerate("}}{"))
    first, again, other = (parse_line(render_order(order), standing) for order in orders)
    assert isinstance(first, Commit)
    assert isinstance(again, Commit)
    assert isinstance(other, Commit)
    assert first.secrets is again.secrets
    assert other.secrets == {"a": Secret("{")}


def test_no_secrets_are_those_of_the_order_before() -> None:
    standing, line = Standing(lambda: None), render_order(COMMIT)
    for _ in range(2):
        parse_line(line, standing)
        for wrong in ('"secrets": null', '"secrets": {"a": 7}', '"secrets": {"a"', '"secrets": []', '"others": {}'):
            with pytest.raises(Unreadable):
                parse_line(re.sub(r'"secrets": \{.*?\}', wrong, line), standing)


def test_every_field_of_a_commit_travels() -> None:
    sent = json.loads(render_order(COMMIT))
    assert sent.keys() == {"version", "order", *(field.name for field in fields(Commit))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_too_many_or_too_few_is_refused(kind: str) -> None:
    orders = (COMMIT, Learn(), Drain("a"), Undrain("a"), Pin("a", "b"), Restart("a"))
    order = next(one for one in orders if isinstance(one, KINDS[kind]))
    value = json.loads(render_order(order))
    with pytest.raises(Unreadable):
        parse_line(json.dumps({**value, "more": 1}))
    for name in value.keys() - {"version", "order"}:
        with pytest.raises(Unreadable):
            parse_line(json.dumps({key: one for key, one in value.items() if key != name}))
        with pytest.raises(Unreadable):
            parse_line(json.dumps({**value, name: 7}))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "7",
        '{"version": 3, "order": "learn"}',
        '{"order": "learn"}',
        '{"version": 2, "order": "reboot"}',
        '{"version": 2, "order": ["learn"]}',
        '{"version": 2, "order": "drain", "tunnel": "a", "until": "2026-01-01T00:00:00"}',
        '{"version": 2, "order": "drain", "tunnel": "a", "until": "tomorrow"}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(Unreadable):
        parse_line(line)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_nothing_makes_it_fall(line: str) -> None:
    for parse in (parse_line, parse_answer):
        try:
            parse(line)
        except Unreadable:
            continue


def test_a_refusal_never_quotes_a_key() -> None:
    value = json.loads(render_order(COMMIT))
    for broken in ({**value, "secrets": KEY}, {**value, "secrets": {"vpc-1": [KEY]}}, {**value, KEY: KEY}):
        with pytest.raises(Unreadable) as refusal:
            parse_line(json.dumps(broken))
        assert KEY not in str(refusal.value)
    assert KEY not in repr(COMMIT)
    read = parse_line(json.dumps(value))
    assert isinstance(read, Commit)
    assert KEY not in repr(read)
    assert read.secrets["vpc-1"].reveal() == KEY
    assert "vpc-2" not in read.secrets


REFUSED = Refused("two of two", hint="--allow it", code="rule", faults=(Fault("bad", file="a", line=3, key="k"),))


@pytest.mark.parametrize("answer", [Alive(), Made("add", "route 10.1.0.0/16"), Made("change", "x", "no buffer space"),
                                    Done(()), Done((Made("add", "a"), Made("remove", "b", "busy")))])  # fmt: skip
def test_an_answer_comes_out_as_it_went_in(answer: Answer) -> None:
    assert parse_answer(render_answer(answer)) == answer


def test_an_error_keeps_its_exit_code_and_its_faults() -> None:
    error = parse_answer(render_answer(REFUSED))
    assert isinstance(error, ApplianceError)
    assert (error.exit, error.code, error.message, error.hint) == (4, "rule", "two of two", "--allow it")
    assert error.faults == REFUSED.faults


@pytest.mark.parametrize("line", ["{}", '{"done": 3}', '{"made": {}}', '{"error": {}}', '{"alive": true, "done": []}',
                                  '{"gone": []}', '{"error": {"exit": 1, "faults": [{"what": 1}]}}'])  # fmt: skip
def test_what_is_no_answer_is_refused(line: str) -> None:
    with pytest.raises(Unreadable):
        parse_answer(line)


def test_times_keep_their_zone() -> None:
    until = datetime.now(UTC) + timedelta(hours=2)
    assert parse_line(render_order(Drain("vpc-1", until))) == Drain("vpc-1", until)
