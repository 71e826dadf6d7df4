"""Written values: typed, a placeholder, or a fault with its place."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.fault import Fault
from appliance.model.secret import Secret
from appliance.profiles.aws import AWS
from appliance.vendors.psk import is_stand_in, parse_psk
from appliance.vendors.values import (
    Place,
    Placeholder,
    parse_address,
    parse_interface,
    parse_network,
    parse_number,
    parse_seconds,
    placeholder,
    show,
)

HERE = Place("a.txt", 7, "right")


@pytest.mark.parametrize(
    "text",
    ["<VPC CIDR>", "<>", "aliyun_public_ip", "aws-public-ip", "YOUR_UPLINK_ADDRESS", "xxx.xxx.xxx.xxx", "203.0.x.x",
     "[ hidden ]", "${ADDRESS}", "{{ address }}", "%ADDRESS%", "10.0.0.0/xx", "your address here"],
)  # fmt: skip
def test_words_in_place_of_values(text: str) -> None:
    assert placeholder(text) == Placeholder(text)


@pytest.mark.parametrize(
    "text",
    ["198.51.100.7", "198.51.100.1555", "198.51.100,7", "2001:db8::1", "gw.example.net", "%any", "", "10"],
)
def test_values_and_mistakes_are_no_placeholders(text: str) -> None:
    assert placeholder(text) is None


def test_addresses() -> None:
    faults: list[Fault] = []
    assert parse_address("198.51.100.7", HERE, faults) == ip_address("198.51.100.7")
    assert parse_address("2001:db8::7/128", HERE, faults) == ip_address("2001:db8::7")
    assert parse_interface("169.254.23.6/30", HERE, faults) == ip_interface("169.254.23.6/30")
    assert parse_network("10.0.0.0/8", HERE, faults) == ip_network("10.0.0.0/8")
    assert faults == []


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_address, "198.51.100.0/24"),
        (parse_address, "198.51.100.256"),
        (parse_address, "gw.example.net"),
        (parse_address, ""),
        (parse_interface, "169.254.23.6"),
        (parse_interface, "169.254.23.6/33"),
        (parse_network, "10.0.0.1/8"),
    ],
)
def test_what_is_no_address_is_a_fault_with_its_place(parse: type, text: str) -> None:
    faults: list[Fault] = []
    assert parse(text, HERE, faults) is None
    assert [(fault.file, fault.line, fault.key, fault.found) for fault in faults] == [
        ("a.txt", 7, "right", text or "nothing")
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28800), ("60m", 3600), ("3600", 3600), ("3600s", 3600), ("28800 seconds", 28800), ("1 hour", 3600),
     ("2 hours", 7200), ("60 min", 3600), ("1H", 3600)],
)  # fmt: skip
def test_durations(text: str, seconds: int) -> None:
    faults: list[Fault] = []
    assert parse_seconds(text, HERE, faults, 900, 28800) == seconds
    assert faults == []


@pytest.mark.parametrize("text", ["24h", "899", "1y", "-5", "3.5h", "8 h h", "1e4", "99999999999", "٣٦٠٠"])
def test_durations_that_cannot_be(text: str) -> None:
    faults: list[Fault] = []
    assert parse_seconds(text, HERE, faults, 900, 28800) is None
    assert faults[0].allowed == "900 to 28800 seconds"


def test_numbers_with_units() -> None:
    faults: list[Fault] = []
    assert parse_number("1379 bytes", HERE, faults, 536, 1460, "bytes") == 1379
    assert parse_number("1379", HERE, faults, 536, 1460, "bytes") == 1379
    assert faults == []
    assert parse_number("1379 apples", HERE, faults, 536, 1460, "bytes") is None
    assert parse_number("100000", HERE, faults, 536, 1460, "bytes") is None
    assert len(faults) == 2


def test_what_is_shown_is_one_short_printable_line() -> None:
    assert show("a\nb\x1b[31m") == "a?b?[31m"
    assert len(show("x" * 500)) == 80


@pytest.mark.parametrize(
    "text", ["password", "Password1", "<pre-shared key>", "[ hidden ]", "PRE-SHARED-KEY-IN-PLAIN-TEXT", "YOUR_PSK",
             "xxxxxxxx", "********", "redacted", "changeme"],
)  # fmt: skip
def test_words_in_place_of_keys(text: str) -> None:
    faults: list[Fault] = []
    assert is_stand_in(text)
    assert parse_psk(text, HERE, faults, AWS) == Placeholder(text)
    assert faults == []


def test_keys_are_taken_or_refused_but_never_quoted() -> None:
    faults: list[Fault] = []
    assert parse_psk("Fake.key_123", HERE, faults, AWS) == Secret("Fake.key_123")
    for text in ("0Fake.key_123", "Fake+key+123", "Fake.ke", "F" * 65, "Fake key 123"):
        assert parse_psk(text, HERE, faults, AWS) is None
        assert text not in repr(faults)
    assert len(faults) == 5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<PSK>", "<PSK>"),
        ("<pre-shared key>", "<pre-shared key>"),
        ("your-pre-shared-key", "your-pre-shared-key"),
        ("aes256", "aes256"),
        ("192.0.2.1 set vpn ipsec x pre-shared-secret FAKEkeyFAKE", "192.0.2.1 set vpn ipsec x pre-shared-secret ***"),
        ('28800 : PSK "FAKEkeyFAKE"', "28800 : PSK ***"),
        ("group2 pre-shared-key ascii-text FAKEkeyFAKE", "group2 pre-shared-key ***"),
        ("tunnel key FAKEkeyFAKE address 198.51.100.7", "tunnel key ***"),
    ],
)
def test_what_follows_the_word_for_a_key_is_not_shown(text: str, shown: str) -> None:
    assert show(text) == shown
