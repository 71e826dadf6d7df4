"""The record of what was loaded: whole, of this charon only, and without a secret."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ipsec.connections import shared_key_id
from appliance.ipsec.record import (
    Loaded,
    Record,
    fallen,
    parse_record,
    render_amendment,
    render_record,
    standing,
    standing_keys,
    strangers,
)
from tests.ipsec.rig import key, tunnel

SHOWN: dict[str, Any] = {"version": "IKEv2", "children": {"vpc-1": {"rekey_time": "2760"}}}
SIX = replace(tunnel(), name="six", remote=ip_address("2001:db8::7"), local=None)
RECORD = Record(
    "pid 7 since 4711",
    {"vpc-1": Loaded(tunnel(), SHOWN), "six": Loaded(SIX)},
    {"vpc-1": ("192.0.2.1", "192.0.2.2")},
)


def test_the_record_survives_its_file() -> None:
    assert parse_record(render_record(RECORD), RECORD.instance) == RECORD


def test_another_charons_record_says_nothing() -> None:
    assert parse_record(render_record(RECORD), "pid 8 since 4711") == Record("pid 8 since 4711")


@given(st.integers(0, 2000))
def test_a_torn_or_strange_file_says_nothing(length: int) -> None:
    torn = render_record(RECORD)[:length]
    if len(torn.strip()) < len(render_record(RECORD).strip()):
        assert parse_record(torn, RECORD.instance) == Record(RECORD.instance)


@pytest.mark.parametrize("part", ["version", "instance", "connections", "owners"])
@pytest.mark.parametrize("value", [None, 7, [], "x", {"vpc-1": {}}, {"vpc-1": {"connection": {}, "snapshot": None}}])
def test_a_record_of_another_shape_says_nothing(part: str, value: object) -> None:
    strange = json.loads(render_record(RECORD)) | {part: value}
    assert parse_record(json.dumps(strange), RECORD.instance).connections in ({}, RECORD.connections)


def test_what_changed_since_is_told_by_more_lines() -> None:
    """A line that was cut off while it was written, and all after it, say nothing."""
    chance, before = random.Random(1), RECORD
    text = render_record(before)
    for number in range(20):
        connections, owners = dict(before.connections), dict(before.owners)
        for name in chance.sample(["vpc-1", "six", "seven", "eight"], 2):
            if connections.pop(name, None) is None or chance.random() < 0.5:
                connections[name] = Loaded(replace(SIX, name=name, dpd_delay=number), chance.choice((None, SHOWN)))
            owners.pop(name, None)
            owners |= {name: (f"192.0.2.{number}", name)} if chance.random() < 0.5 else {}
        after = Record(before.instance, connections, owners)
        line = render_amendment(before, after)
        assert parse_record(text + line[:-1], before.instance) == before
        assert parse_record(text + "{\n" + line, before.instance) == before
        text, before = text + line, after
        assert parse_record(text, before.instance) == before


def test_only_what_charon_shows_as_it_was_loaded_stands() -> None:
    assert standing(RECORD, {"vpc-1": SHOWN, "six": {}}) == {tunnel()}
    assert standing(RECORD, {"vpc-1": {**SHOWN, "version": "IKEv1"}}) == frozenset()
    assert standing(RECORD, {}) == frozenset()


def test_keys_are_what_charon_names() -> None:
    known = replace(key(), secret=None)
    assert standing_keys(RECORD, [shared_key_id(key()), "ike-office"]) == {known}
    assert standing_keys(Record("x"), [shared_key_id(key())]) == {replace(known, owners=())}
    two = [shared_key_id(key()), shared_key_id(key("another"))]
    assert standing_keys(RECORD, two) == frozenset(), "an exchange cut short is done again"


def test_strangers_are_named() -> None:
    shown = {"vpc-1": SHOWN, "office": {}}
    assert strangers(RECORD, shown) == ("connection office",)


def test_ours_by_mark_or_by_record_but_not_as_loaded_is_seen_and_equals_nothing_wanted() -> None:
    marked = {"version": "IKEv1", "remote_addrs": ["192.0.2.9"], "children": {"appliance-old": {}}}
    shown = {"vpc-1": {**SHOWN, "version": "IKEv1"}, "old": marked, "office": {"children": {"office": {}}}}
    seen = {connection.name: connection for connection in fallen(RECORD, shown)}
    assert seen.keys() == {"vpc-1", "old"}
    assert seen["vpc-1"].key == tunnel().key
    assert seen["vpc-1"] != tunnel()
    assert (seen["old"].version, seen["old"].remote) == (1, ip_address("192.0.2.9"))
    assert strangers(RECORD, shown) == ("connection office",)


def test_a_connection_of_ours_without_an_address_is_seen_all_the_same() -> None:
    (seen,) = fallen(Record("x"), {"old": {"remote_addrs": ["%any"], "children": {"appliance-old": {}}}})
    assert seen.name == "old"
