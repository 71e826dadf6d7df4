"""When an idle tunnel is called again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from appliance.ipsec.retry import LIMIT, Book, Call, choose_calls, retry_delay
from appliance.model.sa import TunnelSa

UP = TunnelSa(
    name="a", ike_id=1, ike_state="established", version=2, local=ip_address("192.0.2.1"), local_port=500,
    remote=ip_address("192.0.2.2"), remote_port=500, local_id="x", remote_id="y", initiator=True, nat_t=False,
    child="a", child_id=1, child_state="installed",
)  # fmt: skip
CALLING = replace(UP, ike_state="connecting", child=None, child_id=None, child_state=None)


def simulate(seconds: int, refused: bool, luck: float = 0.0) -> list[float]:
    """When a tunnel is called that the peer refuses at once, or that comes up at the first call."""
    book: Book = {}
    calls: list[float] = []
    sas: list[TunnelSa] = []
    for tenth in range(seconds * 10):
        now = tenth / 10
        due, book = choose_calls({"a"}, sas, book, now, lambda: luck)
        if due:
            calls.append(now)
            sas = [] if refused else [UP]
    return calls


def test_the_first_fall_is_answered_at_once_and_then_ever_more_slowly() -> None:
    calls = simulate(120, refused=True)
    gaps = [round(later - sooner) for sooner, later in itertools.pairwise(calls)]
    assert calls[0] == 0
    assert gaps == [2, 4, 8, 16, 30, 30]


def test_a_tunnel_that_comes_up_is_left_alone() -> None:
    assert simulate(60, refused=False) == [0]


def test_a_tunnel_that_was_up_is_called_at_once_when_it_falls_again() -> None:
    _, book = choose_calls({"a"}, [], {}, 0, lambda: 0)
    due, book = choose_calls({"a"}, [UP], book, 1, lambda: 0)
    assert (due, book) == ((), {})
    assert choose_calls({"a"}, [], book, 1.1, lambda: 0)[0] == ("a",)


def test_a_call_under_way_is_not_doubled_and_not_forgotten() -> None:
    _, book = choose_calls({"a"}, [], {}, 0, lambda: 0)
    due, later = choose_calls({"a"}, [CALLING], book, 50, lambda: 0)
    assert (due, later) == ((), book)


def test_only_wanted_tunnels_are_called_and_remembered() -> None:
    due, book = choose_calls({"b"}, [replace(UP, name="c")], {"z": Call(3, 9)}, 0, lambda: 0)
    assert due == ("b",)
    assert book.keys() == {"b"}


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_tunnel_is_never_left_alone_for_longer_than_the_limit(tries: int, luck: float) -> None:
    assert 1 < retry_delay(tries, luck) <= LIMIT == 30
    assert retry_delay(tries, 1) < retry_delay(tries, 0)
