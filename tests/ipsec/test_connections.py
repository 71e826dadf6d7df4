"""What charon is told, and that nothing told to it can mean something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ipsec.connections import (
    connection_settings,
    interrupts,
    load_conn_message,
    load_shared_message,
    parse_shared_key_id,
    render_swanctl,
    shared_key_id,
)
from appliance.model.fault import ApplianceError
from appliance.model.resources import IkeConnection
from tests.ipsec.rig import key, tunnel, varied

GOLDEN = Path(__file__).with_name("swanctl.golden")
OTHER = varied(
    tunnel(), name="office", version=1, local=None, remote=ip_address("2001:db8::7"), local_id="gw@example.com",
    remote_id="C=XX, O=Example, CN=far end", proposals=("aes128-sha1-modp1024", "aes256gcm16-prfsha384-ecp384"),
    encap=True, if_id=0, dpd_timeout=30, child_name="office",
)  # fmt: skip


def test_the_rendered_file_is_the_golden_one() -> None:
    keys = (key(), replace(key(owners=(OTHER.local_id, OTHER.remote_id)), id="office"))
    assert render_swanctl((tunnel(), OTHER), keys) == GOLDEN.read_text()


def test_the_file_does_not_depend_on_the_order_and_shows_no_secret() -> None:
    text = render_swanctl((tunnel(), OTHER), (key(),))
    assert text == render_swanctl((OTHER, tunnel()), (key(),))
    assert "fake-key-of-the-tests" not in text


def test_ikev2_rekeys_and_ikev1_only_reauthenticates() -> None:
    two, one = connection_settings(tunnel()), connection_settings(tunnel(version=1))
    assert (two["rekey_time"], two["reauth_time"]) == ("27000s", "0s")
    assert (one["rekey_time"], one["reauth_time"]) == ("0s", "27000s")


def test_a_dpd_timeout_is_only_said_where_it_counts() -> None:
    assert "dpd_timeout" not in connection_settings(tunnel(dpd_timeout=30))
    assert connection_settings(tunnel(version=1, dpd_timeout=30))["dpd_timeout"] == "30s"


def test_what_is_loaded_starts_nothing_by_itself() -> None:
    """charon closes and re-opens what it started itself when the connection is loaded again."""
    children = load_conn_message(tunnel())["vpc-1"]["children"]  # type: ignore[call-overload, index]
    assert children["vpc-1"]["start_action"] == "none"
    assert connection_settings(tunnel())["children"]["vpc-1"]["start_action"] == "start"  # type: ignore[index, call-overload]


@pytest.mark.parametrize("setting", ["mobike", "aggressive", "keyingtries", "fragmentation", "send_certreq"])
def test_settings_that_are_never_left_to_a_default(setting: str) -> None:
    expected = {"mobike": "no", "aggressive": "no", "keyingtries": "0", "fragmentation": "yes", "send_certreq": "no"}
    assert connection_settings(tunnel())[setting] == expected[setting]


HOSTILE = st.text(max_size=40).filter(lambda text: re.search(r"[^A-Za-z0-9@._:=/, +-]", text) is not None)


@given(HOSTILE)
@pytest.mark.parametrize("field", ["name", "local_id", "remote_id", "unique"])
def test_no_string_of_a_connection_can_leave_its_place(field: str, text: str) -> None:
    with pytest.raises(ApplianceError):
        render_swanctl((replace(tunnel(), **{field: text}),), ())
    with pytest.raises(ApplianceError):
        load_conn_message(replace(tunnel(), **{field: text}))


@given(HOSTILE | st.just("aes128,aes256") | st.just("aes128 # x"))
@pytest.mark.parametrize("field", ["name", "start_action", "dpd_action", "close_action", "proposals"])
def test_no_string_of_a_child_can_leave_its_place(field: str, text: str) -> None:
    value: Any = (text,) if field == "proposals" else text
    with pytest.raises(ApplianceError):
        render_swanctl((varied(tunnel(), **{f"child_{field}": value}),), ())


@given(HOSTILE)
def test_no_string_of_a_key_can_leave_its_place(text: str) -> None:
    for bad in (replace(key(), id=text), replace(key(), owners=(text,)), replace(key(), fingerprint=text)):
        with pytest.raises(ApplianceError):
            load_shared_message(bad)


@pytest.mark.parametrize("identity", ["%any", "*@example.com", "", " 192.0.2.1", '192.0.2.1"', "a\nb", "a#b", "a{b"])
def test_an_identity_that_fits_anybody_or_ends_its_line_is_refused(identity: str) -> None:
    with pytest.raises(ApplianceError):
        connection_settings(tunnel(remote_id=identity))


def test_a_key_is_known_by_its_id_and_fingerprint_and_others_are_not_ours() -> None:
    assert parse_shared_key_id(shared_key_id(key())) == ("vpc-1", key().fingerprint)
    for stranger in ("ike-office", "", "appliance", "appliance:", "appliance:x", "appliance::y"):
        assert parse_shared_key_id(stranger) is None


def test_the_secret_is_handed_over_as_it_is() -> None:
    message = load_shared_message(key("0sAbC.fake_key"))
    assert message["data"] == "0sAbC.fake_key"
    assert isinstance(message, Mapping)


SOFT: list[dict[str, Any]] = [
    {"rekey_time": 1}, {"rand_time": 1}, {"over_time": 1}, {"dpd_delay": 1}, {"dpd_timeout": 1}, {"unique": "never"},
    {"child_rekey_time": 1}, {"child_rand_time": 1}, {"child_life_time": 1}, {"child_dpd_action": "clear"},
    {"child_close_action": "start"}, {"child_start_action": "none"},
]  # fmt: skip
HARD: list[dict[str, Any]] = [
    {"version": 1}, {"local": None}, {"remote": ip_address("192.0.2.9")}, {"local_id": "x"}, {"remote_id": "x"},
    {"proposals": ("aes128-sha1-modp1024",)}, {"encap": True}, {"if_id": 1}, {"child_proposals": ("aes128-sha1",)},
    {"child_local_ts": ()}, {"child_remote_ts": ()}, {"child_replay_window": 1}, {"child_name": "x"}, {"name": "x"},
    {"child_reqid": 7}, {"child_mask": 1 << 24}, {"child_priority": 20_001},
]  # fmt: skip


@pytest.mark.parametrize("changes", [*SOFT, *HARD], ids=lambda changes: next(iter(changes)))
def test_each_field_is_known_to_interrupt_or_not(changes: dict[str, Any]) -> None:
    assert interrupts(tunnel(), tunnel(**changes)) == (changes in HARD)


def test_no_field_is_left_undecided() -> None:
    decided = {next(iter(changes)) for changes in [*SOFT, *HARD]}
    connection = IkeConnection.__dataclass_fields__.keys() - {"child"}
    child = {f"child_{name}" for name in tunnel().child.__dataclass_fields__}
    assert decided == connection | child


def test_our_own_identity_may_be_left_to_the_address_we_send_from() -> None:
    assert connection_settings(tunnel(local_id="%any"))["local"] == {"auth": "psk"}
    assert load_shared_message(key(owners=("%any", "192.0.2.2")))["owners"] == ["%any", "192.0.2.2"]


@pytest.mark.parametrize("owners", [(), ("%any",), ("%any", "%any")])
def test_a_key_that_would_fit_everybody_is_refused(owners: tuple[str, ...]) -> None:
    with pytest.raises(ApplianceError):
        load_shared_message(key(owners=owners))


def test_a_dot_in_a_name_is_no_section_in_the_file() -> None:
    text = render_swanctl((varied(tunnel(), name="vpc.a", child_name="appliance-vpc.a"),), ())
    assert "    vpc_a {" in text
    assert "appliance-vpc_a {" in text
    assert "vpc.a" in load_conn_message(tunnel(name="vpc.a"))


def test_a_key_without_its_secret_is_rendered_but_not_loaded() -> None:
    unread = replace(key(), secret=None, fingerprint="")
    assert "vpc-1: the key of" in render_swanctl((), (unread,))
    with pytest.raises(ApplianceError, match="no secret"):
        load_shared_message(unread)
