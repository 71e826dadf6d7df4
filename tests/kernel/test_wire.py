"""Netlink framing."""

from __future__ import annotations

from errno import EINVAL

from hypothesis import given
from hypothesis import strategies as st

from appliance.kernel.wire import (
    DUMP,
    ERROR,
    GET_LINK,
    HAS_TLVS,
    HEADER,
    NEW_ROUTE,
    Ack,
    Request,
    attribute,
    attributes,
    messages,
    parse_ack,
    parse_done,
    text,
)

PAYLOADS = st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40), max_size=8)


@given(PAYLOADS)
def test_attributes_come_back_as_they_were_packed(payloads: dict[int, bytes]) -> None:
    packed = b"".join(attribute(kind, payload) for kind, payload in payloads.items())
    assert len(packed) % 4 == 0
    assert attributes(packed) == payloads


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_messages_come_back_as_they_were_sent(bodies: list[bytes]) -> None:
    sent = [Request(NEW_ROUTE, 0, body).encode(at) for at, body in enumerate(bodies)]
    read = list(messages(b"".join(message + bytes(-len(message) % 4) for message in sent)))
    assert [(message.sequence, message.body) for message in read] == list(enumerate(bodies))


@given(st.binary(max_size=80))
def test_no_bytes_make_the_walk_fail_or_run_on(data: bytes) -> None:
    assert all(len(body) <= len(data) for body in attributes(data).values())
    assert sum(HEADER.size + len(message.body) for message in messages(data)) <= len(data)


def test_a_dump_asks_for_no_acknowledgement_and_all_else_does() -> None:
    _, _, dump, _, _ = HEADER.unpack_from(Request(GET_LINK, DUMP, b"").encode(1))
    _, _, write, _, _ = HEADER.unpack_from(Request(NEW_ROUTE, 0, b"").encode(1))
    assert (dump & 4, write & 4) == (0, 4)


def answer(errno: int, words: str, flags: int = HAS_TLVS) -> bytes:
    echoed = HEADER.pack(HEADER.size, NEW_ROUTE, 5, 9, 0)
    body = (-errno).to_bytes(4, "little", signed=True) + echoed + (text(1, words) if words else b"")
    return HEADER.pack(HEADER.size + len(body), ERROR, flags, 9, 0) + body


def test_an_acknowledgement_carries_the_kernels_own_words() -> None:
    (message,) = messages(answer(EINVAL, "Nexthop id does not exist"))
    assert message.sequence == 9
    assert parse_ack(message) == Ack(EINVAL, "Nexthop id does not exist")


def test_a_success_carries_nothing() -> None:
    (message,) = messages(answer(0, "", flags=0))
    assert parse_ack(message) == Ack(0)


def test_an_error_may_hide_at_the_end_of_a_dump() -> None:
    body = (-EINVAL).to_bytes(4, "little", signed=True)
    (message,) = messages(HEADER.pack(HEADER.size + len(body), 3, 0, 1, 0) + body)
    assert parse_done(message) == Ack(EINVAL)
