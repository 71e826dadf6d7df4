"""ExaBGP's lines as version 5.0.15 wrote them, whole, cut, and of kinds nobody knows."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.announce.lines import parse_line
from appliance.model.bgp import (
    Answered,
    Attributes,
    EndOfRib,
    Message,
    Notified,
    Opened,
    Origin,
    StateChange,
    Unreadable,
    Update,
)

FAR = ip_address("169.254.23.5")
HEAD = '{ "exabgp": "5.0.0", "time": 1795247409.7, "host" : "gw", "pid" : 29136, "ppid" : 29135, "counter": 5, '
ENDS = (
    '"neighbor": { "address": { "local": "169.254.23.6", "peer": "169.254.23.5" }, '
    '"asn": { "local": 65010, "peer": 64512 }, "router-id": "192.0.2.1" '
)
PATH = '"as-path": {"0": {"element": "as-sequence", "value": [64512, 64500]}}'


def update(attribute: str, rest: str) -> bytes:
    said = f'"attribute": {{ {attribute} }}, ' if attribute else ""
    text = (
        f'{HEAD}"type": "update", {ENDS}, "direction": "receive", "message": {{ "update": {{ {said}{rest} }} }} }} }}'
    )
    json.loads(text)
    return text.encode()


ANNOUNCE = '"announce": { "ipv4 unicast": { "169.254.23.5": [ "10.1.0.0/16", "10.2.0.0/16" ] } }'
SAID = update(f'"origin": "igp", {PATH}, "med": 100, "community": [ [ 1, 2 ] ]', ANNOUNCE)
NETS = tuple((ip_network(text), FAR) for text in ("10.1.0.0/16", "10.2.0.0/16"))


def test_an_update_becomes_typed() -> None:
    said = Attributes(Origin.IGP, (64512, 64500), 2, 64512, 100, ("1:2",))
    assert parse_line(SAID) == (Update(FAR, said, NETS),)


def test_prefixes_may_come_in_the_longer_spelling_too() -> None:
    spelled = SAID.replace(b'"10.1.0.0/16", "10.2.0.0/16"', b'{ "nlri": "10.1.0.0/16" }, { "nlri": "10.2.0.0/16" }')
    assert parse_line(spelled) == parse_line(SAID)


@pytest.mark.parametrize(
    ("segments", "numbers", "length", "first"),
    [
        ('{"0": {"element": "as-sequence", "value": [1, 2]}, "1": {"element": "as-set", "value": [3, 4]}}',
         (1, 2, 3, 4), 3, 1),
        ('{"0": {"element": "confed-sequence", "value": [9]}, "1": {"element": "as-sequence", "value": [1]}}',
         (9, 1), 1, 1),
        ("{}", (), 0, None),
        ('{"0": {"element": "as-set", "value": [3]}}', (3,), 1, None),
    ],
)  # fmt: skip
def test_the_length_of_a_path(segments: str, numbers: tuple[int, ...], length: int, first: int | None) -> None:
    [found] = parse_line(update(f'"origin": "igp", "as-path": {segments}', ANNOUNCE))
    assert isinstance(found, Update)
    assert found.attributes == Attributes(Origin.IGP, numbers, length, first)


@pytest.mark.parametrize(
    ("attribute", "fault"),
    [
        (f'"origin": "invalid", {PATH}', "a malformed attribute"),
        (f'"origin": "igp", {PATH}, "med": "much"', "a malformed attribute"),
        ('"origin": "igp", "as-path": {"0": {"element": "as-heap", "value": [1]}}', "a malformed attribute"),
        (f'"origin": "igp", {PATH}, "error": "treat-as-withdraw due to med"', "a malformed attribute"),
        (PATH, "without the attribute origin"),
        ("", "without the attribute origin and as-path"),
    ],
)
def test_what_is_malformed_keeps_its_prefixes_so_that_they_can_be_taken_back(attribute: str, fault: str) -> None:
    assert parse_line(update(attribute, ANNOUNCE)) == (Update(FAR, None, NETS, fault=fault),)


def test_an_attribute_that_exabgp_left_out_costs_nothing_else() -> None:
    left_out = update(f'"origin": "igp", {PATH}, "error": "discard due to aggregator"', ANNOUNCE)
    assert parse_line(left_out) == parse_line(update(f'"origin": "igp", {PATH}', ANNOUNCE))


def test_prefixes_without_a_next_hop_are_taken_back() -> None:
    said = update(f'"origin": "igp", {PATH}', '"announce": { "ipv4 unicast": { "no-nexthop": [ "10.1.0.0/16" ] } }')
    assert parse_line(said) == (Update(FAR, None, NETS[:1], fault="without the attribute next-hop"),)


def test_withdrawals_of_both_families() -> None:
    rest = '"withdraw": { "ipv4 unicast": [ "10.1.0.0/16" ], "ipv6 unicast": [ "2001:db8::/32" ], "ipv4 flow": [ {} ] }'
    gone = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))
    assert parse_line(update("", rest)) == (Update(FAR, withdrawn=gone),)


OPEN = (
    '"direction": "receive", "open": { "version": 4, "asn": 23456, "hold_time": 30, "router_id": "192.0.2.2", '
    '"capabilities": { "65": { "name": "asn4", "asn4": 65550 }, "64": { "name": "graceful restart", "time": 60 } } }'
)
NOTE = '"direction": "receive", "notification": { "code": 6, "subcode": 4, "data": "", "message": "" }'


@pytest.mark.parametrize(
    ("kind", "rest", "expected"),
    [
        ("state", '"state": "down", "reason": "peer reset"', StateChange(FAR, "down", "peer reset")),
        ("state", '"state": "up"', StateChange(FAR, "up")),
        ("open", OPEN, Opened(FAR, 65550, "192.0.2.2", 30, 60)),
        ("notification", NOTE, Notified(FAR, False, 6, 4)),
        ("notification", NOTE.replace("receive", "send"), Notified(FAR, True, 6, 4)),
        ("update", '"direction": "receive", "message": { "eor": { "afi" : "ipv4", "safi" : "unicast" } }',
         EndOfRib(FAR, 4)),
    ],
)  # fmt: skip
def test_everything_else_it_says(kind: str, rest: str, expected: Message) -> None:
    assert parse_line(f'{HEAD}"type": "{kind}", {ENDS}, {rest} }} }}'.encode()) == (expected,)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"done", (Answered(True),)),
        (b"error\r", (Answered(False),)),
        (b"reload in progress", ()),
        (b'{ "exabgp": "5.0.0", "type": "notification", "notification": "shutdown" }', ()),
    ],
)
def test_answers_to_commands(line: bytes, expected: tuple[Message, ...]) -> None:
    assert parse_line(line) == expected


def test_a_kind_that_nobody_knows_is_named() -> None:
    [found] = parse_line(f'{HEAD}"type": "gossip", {ENDS} }} }}'.encode())
    assert found == Unreadable("ExaBGP said something of a kind that is not known: 'gossip'")


@given(st.integers(0, len(SAID) - 1))
def test_a_line_that_was_cut_anywhere_is_one_sentence(at: int) -> None:
    [found] = parse_line(SAID[:at])
    assert isinstance(found, Unreadable)
    assert "cannot be read" in found.why


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["10.0.0.0/8", "update", "::1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(
    ANYTHING, st.sampled_from(["neighbor", "type", "message", "attribute", "announce", "withdraw", "as-path", "med"])
)
def test_whatever_stands_in_a_place_nothing_crashes(value: Any, place: str) -> None:
    def put(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: value if key == place else put(inner) for key, inner in node.items()}
        return node

    assert all(isinstance(one, Message) for one in parse_line(json.dumps(put(json.loads(SAID))).encode()))


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(line: bytes) -> None:
    parse_line(line)
