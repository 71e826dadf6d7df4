"""Spellings of algorithms."""

from __future__ import annotations

import pytest

from appliance.model.fault import Fault
from appliance.vendors.keywords import (
    cipher,
    esp_proposals,
    group,
    ike_proposals,
    integrity,
    parse_esp_proposals,
    parse_ike_proposals,
)
from appliance.vendors.values import Place

HERE = Place("a.txt", 46, "ike")


@pytest.mark.parametrize(
    ("spellings", "keyword"),
    [
        ("aes-128-cbc AES128 aes aes128 AES_128_CBC AES-CBC-128 AES-128", "aes128"),
        ("aes-256-cbc AES256 AES_256_CBC AES-CBC-256", "aes256"),
        ("AES128-GCM-16 GCMAES128 AES_128_GCM AES-GCM-16-128 aes128gcm16 aes128gcm128 aes-128-gcm", "aes128gcm16"),
        ("AES256-GCM-16 GCMAES256 aes-256-gcm-16", "aes256gcm16"),
        ("3des DES3 3DES-CBC", "3des"),
        ("des DES", "des"),
    ],
)
def test_ciphers(spellings: str, keyword: str) -> None:
    assert {cipher(spelling) for spelling in spellings.split()} == {keyword}


@pytest.mark.parametrize("text", ["rot13", "aes512", "aes128gcm12", "aes128gcm8", "gcm16", "", "sha1", "aes128aes256"])
def test_no_ciphers(text: str) -> None:
    assert cipher(text) is None


@pytest.mark.parametrize(
    ("spellings", "keyword"),
    [
        ("SHA1 sha1 sha SHA1_96 HMAC-SHA1-96 hmac-sha1-96 sha-1", "sha1"),
        ("SHA2-256 SHA256 HMAC_SHA2_256_128 hmac-sha2-256-128 sha-256", "sha256"),
        ("SHA2-384 SHA2_384 HMAC-SHA2-384-192", "sha384"),
        ("SHA2-512 HMAC-SHA2-512-256", "sha512"),
        ("md5 HMAC-MD5-96", "md5"),
    ],
)
def test_hashes(spellings: str, keyword: str) -> None:
    assert {integrity(spelling) for spelling in spellings.split()} == {keyword}


@pytest.mark.parametrize(
    ("text", "keyword"),
    [("Group 2", "modp1024"), ("Diffie-Hellman Group 14", "modp2048"), ("PFS5", "modp1536"), ("20", "ecp384"),
     ("DHGroup24", "modp2048s256"), ("modp_4096", "modp4096"), ("ECP256", "ecp256"), ("Group 99", None), ("", None)],
)  # fmt: skip
def test_groups(text: str, keyword: str | None) -> None:
    assert group(text) == keyword


def test_proposals_are_made_of_lists() -> None:
    assert ike_proposals(["aes128"], ["sha1", "sha256"], ["modp1024"]) == (
        "aes128-sha1-modp1024",
        "aes128-sha256-modp1024",
    )
    assert ike_proposals(["aes256gcm16"], ["sha384"], ["ecp384"]) == ("aes256gcm16-prfsha384-ecp384",)
    assert esp_proposals(["aes256gcm16"], ["sha1", "sha384"], ["ecp384"]) == ("aes256gcm16-ecp384",)
    assert esp_proposals(["aes256"], ["sha256"], []) == ("aes256-sha256",)


@pytest.mark.parametrize(
    ("text", "proposals"),
    [
        ("aes128-sha1-modp1024", ("aes128-sha1-modp1024",)),
        ("aes128-sha1-modp1024!", ("aes128-sha1-modp1024",)),
        ("aes256gcm16-prfsha384-ecp384,aes256-sha384-ecp384", ("aes256gcm16-prfsha384-ecp384", "aes256-sha384-ecp384")),
        ("aes256gcm16-sha384-ecp384", ("aes256gcm16-prfsha384-ecp384",)),
        ("modp2048-AES-SHA2_256", ("aes128-sha256-modp2048",)),
        ("aes256-aes128-sha256-sha1-modp2048", ("aes256-aes128-sha256-sha1-modp2048",)),
    ],
)
def test_ike_in_strongswans_notation(text: str, proposals: tuple[str, ...]) -> None:
    faults: list[Fault] = []
    assert parse_ike_proposals(text, HERE, faults) == proposals
    assert faults == []


@pytest.mark.parametrize(
    "text",
    ["", "aes128", "aes128-sha1", "aes128-modp1024", "aes128-aes256gcm16-sha1-modp1024", "aes128-sha1-modp1025",
     "aes128-sha1;modp1024", "aes128-sha1-modp1024,", "aes128-sha1-modp1024\nmark=1", "aes256gcm16-ecp384"],
)  # fmt: skip
def test_what_is_no_ike_proposal(text: str) -> None:
    faults: list[Fault] = []
    assert parse_ike_proposals(text, HERE, faults) is None
    assert faults[0].line == 46


def test_esp_in_strongswans_notation() -> None:
    faults: list[Fault] = []
    assert parse_esp_proposals("aes256gcm16-sha384-ecp384,aes256-sha256", HERE, faults) == (
        "aes256gcm16-ecp384",
        "aes256-sha256",
    )
    assert parse_esp_proposals("aes128-sha1-modp1024-noesn", HERE, faults) == ("aes128-sha1-modp1024",)
    assert faults == []
    assert parse_esp_proposals("aes256-prfsha256-ecp384", HERE, faults) is None
