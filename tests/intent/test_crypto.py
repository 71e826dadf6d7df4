"""Proposals, what is weak in them, and the bytes that ESP costs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from appliance.intent.crypto import (
    Proposal,
    WeakChoice,
    inner_mtu,
    parse_proposal,
    recommended,
    weak_choices,
)
from appliance.model.intent import Esp, Ike, Tunnel
from appliance.profiles import PROFILES

# AWS, "Best practices for your AWS Site-to-Site VPN customer gateway device", its table of packet sizes; the last two
# columns are Google's for an outer MTU of 1460.
TABLE = {
    "aes256gcm16": (1446, 1438, 1426, 1418, 1406, 1398),
    "aes128-sha1": (1438, 1422, 1422, 1406, 1390, 1390),
    "aes128-sha256": (1438, 1422, 1406, 1406, 1390, 1390),
    "aes256-sha384": (1422, 1422, 1406, 1390, 1390, 1374),
    "aes256-sha512": (1422, 1406, 1390, 1390, 1374, 1374),
}
COLUMNS = ((1500, 4, False), (1500, 4, True), (1500, 6, False), (1500, 6, True), (1460, 4, False), (1460, 4, True))


@pytest.mark.parametrize("proposal", TABLE)
def test_the_inner_mtu_is_that_of_the_published_tables(proposal: str) -> None:
    found = tuple(inner_mtu(outer, [proposal], version, nat_t=nat) for outer, version, nat in COLUMNS)
    assert found == TABLE[proposal]


@pytest.mark.parametrize("proposal", [*TABLE, "aes128ctr-sha1", "3des-md5", "chacha20poly1305", "aes192gcm8-ecp256"])
def test_an_inner_packet_of_that_size_fits_and_a_larger_one_does_not(proposal: str) -> None:
    parsed = parse_proposal(proposal, "esp")
    cipher = parsed.encryption[0]
    block = 4 if parsed.aead or cipher.endswith("ctr") else 8 if cipher == "3des" else 16
    iv = 8 if block < 16 else 16
    icv = {"aes128ctr-sha1": 12, "3des-md5": 12, "aes192gcm8-ecp256": 8, "aes128-sha1": 12, "aes128-sha256": 16,
           "aes256-sha384": 24, "aes256-sha512": 32}.get(proposal, 16)  # fmt: skip

    def outer_size(inner: int) -> int:
        padded = -(-(inner + 2) // block) * block
        return 20 + 8 + 8 + iv + padded + icv

    for outer in range(1300, 1501):
        inner = inner_mtu(outer, [proposal], 4, nat_t=True)
        assert outer_size(inner) <= outer < outer_size(inner + 1)


def test_of_several_proposals_the_one_that_leaves_the_least_counts() -> None:
    assert inner_mtu(1500, ["aes256gcm16-ecp384", "aes256-sha384-ecp384"], 4, nat_t=False) == 1422
    assert inner_mtu(1500, ["aes128-aes256-sha1-sha512"], 4, nat_t=False) == 1422
    with pytest.raises(ValueError, match="no ESP proposal"):
        inner_mtu(1500, [], 4, nat_t=False)


def test_a_proposal_falls_into_its_parts() -> None:
    assert parse_proposal("aes256gcm16-prfsha384-ecp384", "ike") == Proposal(
        ("aes256gcm16",), (), ("prfsha384",), ("ecp384",)
    )
    assert parse_proposal("aes128-aes256-sha256-modp2048-ecp256-noesn", "esp") == Proposal(
        ("aes128", "aes256"), ("sha256",), (), ("modp2048", "ecp256")
    )
    assert parse_proposal("aes-sha-curve25519-ke1_mlkem768", "ike").keywords == (
        "aes128", "sha1", "x25519", "ke1_mlkem768")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "phase", "why"),
    [
        ("aes256gcm16-aes256-sha256-modp2048", "ike", "write two"),
        ("aes256gcm16-modp2048", "ike", "no PRF"),
        ("aes256-modp2048", "ike", "no PRF"),
        ("aes256-prfsha256-modp2048", "ike", "no integrity"),
        ("aes256-sha256", "ike", "no key exchange group"),
        ("aes256-sha256-modp2048-noesn", "ike", "belong to ESP"),
        ("aes256", "esp", "no integrity"),
        ("sha256-modp2048", "esp", "no encryption"),
        ("aes256-sha256-prfsha256", "esp", "belongs to IKE"),
        ("aes256-sha256-sha256", "esp", "stands twice"),
        ("aes256--sha256", "esp", "an empty part"),
        ("", "esp", "an empty part"),
        ("aes256-sha257", "esp", "'sha257' is no algorithm keyword"),
        ("aes256-sha256\n", "esp", "no algorithm keyword"),
    ],
)
def test_what_charon_would_refuse_is_refused_with_the_reason(text: str, phase: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_proposal(text, phase)


TUNNEL = Tunnel("t", IPv4Address("198.51.100.7"))


def test_weak_parts_are_named_once_with_their_phase() -> None:
    old = replace(
        TUNNEL,
        ike=Ike(1, ("aes128-sha1-modp1024", "aes256-sha1-modp1024")),
        esp=Esp(("aes128-sha1", "aes128gcm16-modp1536")),
    )
    assert weak_choices(old, PROFILES["aws"]) == (
        WeakChoice("IKE", "ikev1"),
        WeakChoice("IKE", "sha1"),
        WeakChoice("IKE", "modp1024"),
        WeakChoice("ESP", "sha1"),
        WeakChoice("ESP", "no-pfs"),
        WeakChoice("ESP", "modp1536"),
    )


@pytest.mark.parametrize("cloud", PROFILES)
def test_what_is_recommended_is_not_weak(cloud: str) -> None:
    ike, esp = recommended(PROFILES[cloud])
    assert weak_choices(replace(TUNNEL, ike=ike, esp=esp), PROFILES[cloud]) == ()
