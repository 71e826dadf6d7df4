"""Answers of a real charon (6.0.1), and the values read from them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from appliance.ipsec.status import (
    can_start,
    newest,
    parse_event,
    parse_proposal,
    parse_sas,
    plain,
    rekey_refused,
    surplus,
    surplus_children,
)
from appliance.model.sa import IkeLine, SaEvent, TunnelSa

ANSWERS: dict[str, list[Any]] = json.loads(Path(__file__).with_name("list-sas.json").read_text())


def as_bytes(value: Any) -> Any:
    """As the library hands it over."""
    if isinstance(value, dict):
        return {key: as_bytes(part) for key, part in value.items()}
    return [as_bytes(part) for part in value] if isinstance(value, list) else str(value).encode()


def sas(name: str) -> tuple[TunnelSa, ...]:
    return parse_sas(as_bytes(ANSWERS[name]))


def test_all_of_an_established_tunnel_is_read() -> None:
    (sa,) = sas("ikev2-up")
    assert replace(sa, ike_spis="", spi_in="in", spi_out="out", ike_rekey_in_s=1, rekey_in_s=1) == TunnelSa(
        name="vpc-1", ike_id=1, ike_state="established", version=2, local=ip_address("192.0.2.1"), local_port=500,
        remote=ip_address("192.0.2.2"), remote_port=500, local_id="192.0.2.1", remote_id="192.0.2.2", initiator=True,
        nat_t=False, ike_proposal="aes256-sha256-modp2048", established_s=0, ike_rekey_in_s=1, if_id=17, child="vpc-1",
        child_id=1, child_state="installed", esp_proposal="aes256-sha256", spi_in="in", spi_out="out", installed_s=0,
        rekey_in_s=1,
    )  # fmt: skip
    assert 26700 <= (sa.ike_rekey_in_s or 0) <= 27000
    assert 2640 <= (sa.rekey_in_s or 0) <= 2760


def test_ikev1_tells_when_it_reauthenticates() -> None:
    (sa,) = sas("ikev1-up")
    assert (sa.version, sa.up) == (1, True)
    assert 26700 <= (sa.ike_rekey_in_s or 0) <= 27000


@pytest.mark.parametrize("name", ["ikev1-just-rekeyed", "ikev2-just-rekeyed", "ikev2-just-rekeyed-cloud"])
def test_of_two_children_the_new_one_counts(name: str) -> None:
    both = sas(name)
    assert len(both) == 2
    chosen = newest(both)["vpc-1"]
    assert (chosen.child_id, chosen.child_state, chosen.up) == (2, "installed", True)
    assert both[0] == chosen
    assert newest(reversed(both)) == {"vpc-1": chosen}


def test_aead_names_its_prf_and_a_nat_is_seen() -> None:
    chosen = newest(sas("aead-nat"))["vpc-1"]
    assert chosen.ike_proposal == "aes256gcm16-prfsha384-ecp384"
    assert chosen.esp_proposal == "aes128gcm16-x25519"
    assert (chosen.nat_t, chosen.remote_port) == (True, 4500)


def test_a_tunnel_that_is_still_calling_has_no_child_and_no_algorithms() -> None:
    (sa,) = sas("connecting")
    assert (sa.ike_state, sa.child_state, sa.up, sa.ike_proposal) == ("connecting", None, False, None)
    assert sa.settled == ("connecting", None)


def test_a_rekey_under_way_is_not_seen_as_a_fall() -> None:
    (sa,) = sas("ikev2-up")
    for moment in (replace(sa, ike_state="rekeying"), replace(sa, child_state="rekeying"),
                   replace(sa, ike_state="connecting")):  # fmt: skip
        assert moment.up
        assert moment.settled == ("established", "installed")
    for end in (replace(sa, ike_state="deleting"), replace(sa, child_state="deleting"), replace(sa, child_state=None)):
        assert not end.up


def test_of_two_tunnels_made_at_once_both_ends_keep_the_same() -> None:
    (sa,) = sas("ikev2-up")
    assert re.fullmatch("[0-9a-f]{16} [0-9a-f]{16}", sa.ike_spis)
    ours = replace(sa, ike_id=1, ike_spis="0b 01", installed_s=9)
    theirs = replace(sa, ike_id=2, ike_spis="0a 02", installed_s=7)
    there = (replace(theirs, ike_id=8), replace(ours, ike_id=9))
    assert surplus((ours, theirs), 5) == {1}
    assert surplus(there, 5) == {9}
    assert surplus((ours, theirs), 8) == frozenset(), "a moment ago is no time to judge"
    assert surplus((ours, replace(theirs, child_state="deleted")), 5) == frozenset()
    assert surplus((ours, replace(theirs, name="vpc-2")), 5) == frozenset()
    assert surplus((ours, replace(ours, child_id=7)), 5) == frozenset(), "two children of one IKE_SA"


def test_of_two_children_of_one_ike_sa_both_ends_keep_the_same() -> None:
    (sa,) = sas("ikev2-up")
    first = replace(sa, child_id=1, child_state="installed", spi_in="c2", spi_out="a1", installed_s=9)
    second = replace(first, child_id=2, spi_in="c1", spi_out="a2", installed_s=7)
    there = tuple(replace(one, spi_in=one.spi_out, spi_out=one.spi_in) for one in (first, second))
    assert surplus_children((first, second), 5) == surplus_children(there, 5) == {2}
    assert surplus_children((first, second), 8) == frozenset(), "a moment ago is no time to judge"
    assert surplus_children((replace(first, child_state="rekeyed"), second), 5) == frozenset(), "a rekey"
    assert surplus_children((first, replace(second, ike_id=sa.ike_id + 1)), 5) == frozenset(), "of two IKE_SAs"


def test_a_peer_of_whom_nothing_is_known_yet_is_no_tunnel() -> None:
    assert parse_sas(as_bytes([{"(unnamed)": ANSWERS["connecting"][0]["vpc-1"]}])) == ()


def test_a_second_child_is_never_started() -> None:
    up, calling = sas("ikev2-up"), sas("connecting")
    childless = (replace(up[0], child=None, child_state=None, child_id=None),)
    assert can_start(())
    assert can_start(childless)
    assert not can_start(up)
    assert not can_start(calling)
    assert not can_start((*childless, *up))


@pytest.mark.parametrize(
    ("answer", "proposal"),
    [
        ({}, None),
        ({"encr-alg": "AES_CBC", "encr-keysize": "128", "integ-alg": "HMAC_SHA1_96", "prf-alg": "PRF_HMAC_SHA1",
          "dh-group": "MODP_1024"}, "aes128-sha1-modp1024"),
        ({"encr-alg": "3DES_CBC", "integ-alg": "HMAC_MD5_96", "dh-group": "MODP_2048_256"}, "3des-md5-modp2048s256"),
        ({"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_512_256", "dh-group": "ECP_521"},
         "aes256-sha512-ecp521"),
        ({"encr-alg": "CHACHA20_POLY1305", "prf-alg": "PRF_HMAC_SHA2_256", "dh-group": "CURVE_25519"},
         "chacha20poly1305-prfsha256-x25519"),
    ],
)  # fmt: skip
def test_algorithms_are_told_in_the_words_of_a_configuration(answer: dict[str, str], proposal: str | None) -> None:
    assert parse_proposal(as_bytes(answer)) == proposal


def test_events_are_read() -> None:
    ike = ANSWERS["ikev2-up"][0]
    assert parse_event("ike-updown", as_bytes({"up": "yes", **ike})) == SaEvent("ike-updown", "vpc-1", up=True)
    assert parse_event("child-updown", as_bytes(ike)) == SaEvent("child-updown", "vpc-1", up=False)
    assert parse_event("child-rekey", as_bytes(ike)) == SaEvent("child-rekey", "vpc-1", up=True)
    assert parse_event("ike-updown", as_bytes({"(unnamed)": {}})) is None
    line = {"group": "IKE", "level": "1", "thread": "9", "ikesa-name": "vpc-1", "ikesa-uniqueid": "4", "msg": "hello"}
    assert parse_event("log", as_bytes(line)) == IkeLine("vpc-1", 4, "IKE", "hello")
    assert parse_event("log", as_bytes({"group": "CFG", "msg": "x"})) == IkeLine(None, None, "CFG", "x")


def test_an_answer_survives_the_way_through_json() -> None:
    assert plain(as_bytes(ANSWERS["ikev2-up"])) == ANSWERS["ikev2-up"]


def test_the_lines_that_end_a_rekey_without_success() -> None:
    assert rekey_refused("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built")
    assert rekey_refused("CHILD_SA rekeying failed, trying again in 15 seconds")
    assert not rekey_refused("establishing CHILD_SA vpc-1{2} reqid 1")
