"""A redacted document holds nothing of the original, and is read like it."""

from __future__ import annotations

import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from appliance.vendors.redacting import redact
from tests.vendors.samples import GENERIC, STRONGSWAN, read
from tests.vendors.test_properties import said, secrets_of
from tests.vendors.written import WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=8, phases=(Phase.generate,))
@given(data=st.data())
def test_nothing_of_it_remains_and_it_is_read_alike(name: str, data: st.DataObject) -> None:
    connection, text = data.draw(WRITTEN[name])
    redacted = redact(text, read(text)).text
    report = read(redacted)
    assert report.faults == ()
    (found,) = report.connections
    assert {path for path, _ in said(found)} == {path for path, _ in said(connection)}
    assert not [key for key in secrets_of(connection) if key in redacted]
    addresses = [a for t in connection.tunnels for a in (t.remote, t.public, t.inside and t.inside.ip, t.peer_inside)]
    left = [str(a) for a in addresses if a and re.search(rf"(?<![\w.:]){re.escape(str(a))}(?![\w.:])", redacted)]
    assert left == []
    identifiers = [connection.id, connection.cloud_gateway, connection.customer_gateway]
    assert not [value for value in identifiers if value and len(value) > 2 and value in redacted]


@pytest.mark.parametrize("text", [GENERIC, STRONGSWAN])
def test_the_same_stays_the_same(text: str) -> None:
    before, after = read(text).connections[0], read(redact(text, read(text)).text).connections[0]
    assert [t.inside.network[1] for t in after.tunnels if t.inside] == [t.peer_inside for t in after.tunnels]
    assert len({t.public for t in after.tunnels}) == len({t.public for t in before.tunnels})
    assert redact(text, read(text)) == redact(text, read(text))
    assert (redact(text, read(text)).keys, len(before.tunnels)) == (2, 2)


def test_what_no_format_knows_is_redacted_too() -> None:
    text = (
        "Mail al@corp.test.com about gw.corp.test.com, account 123456789012\n"
        "psk = Real.Key.9 for 198.51.100.77/32, 10.4.16.0/20 and 10.4.16.9, fd12::5 to 2001:db8:9::1\n"
        "vpn-0123456789abcdef0 in 11111111-2222-3333-4444-555555555555; mask 255.255.255.252, 0.0.0.0/0\n"
    )
    redacted = redact(text, read(text)).text
    for word in (
        "al@",
        "corp",
        "123456789012",
        "Real",
        "100.77",
        "10.4.16",
        "fd12",
        "db8:9",
        "0123456789abcdef0",
        "4444",
    ):
        assert word not in redacted
    assert "255.255.255.252, 0.0.0.0/0" in redacted
    network, host = re.findall(r"10\.\d+\.(\d+)\.\d+", redacted)
    assert network == host


def test_a_key_goes_where_the_word_before_it_is_broken_too() -> None:
    text = 'a {\n  secret = "Fake.Key_77aa"\n}\nb {\n  se et = "Fake.Key_77aa"\n}\n'
    assert "Fake.Key_77aa" not in redact(text, read(text)).text


@pytest.mark.parametrize("text", ["", "Dear all,\n", "<VPC CIDR> PSK <hidden>\n", "Pre-Shared Key: ********\n"])
def test_what_holds_nothing_stays(text: str) -> None:
    assert redact(text, read(text)).text == text
