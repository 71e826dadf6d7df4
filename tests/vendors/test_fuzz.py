"""Damaged documents of every format: a report each time, soon, and no key in it. More of it by ``make fuzz``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from appliance.vendors import FORMATS, read_documents
from appliance.vendors.redacting import redact
from appliance.vendors.report import report_as_data
from tests.vendors.test_properties import EXAMPLES, secrets_of
from tests.vendors.written import WRITTEN, Written

PATIENCE = 1.0
"""Seconds of processor time for one document."""

WORDS = [
    *("", " ", "\n", "\n\n", "\x00", "\ufeff", '"', "'", "\\", "{", "}", "[", "]", "<", ">", "</", "<!DOCTYPE a ["),
    *("&x;", "&#0;", ":", ",", "=", "#", "//", "/*", "- ", "? ", "* ", "&a ", "*a", "!!python/object:x ", "%TAG ! x"),
    *("---\n", "...", "0", "-1", "99999999999999999999", "1e999", "0x10", "null", "true", "NaN", "255.255.255.255"),
    *("::", "fe80::1%eth0", "169.254.169.252/30", "0.0.0.0/0", "<VPC CIDR>", "${psk}", "é", "\ud83d", "😀", "\u2028"),
    *("> ", "| ", "=3D", "&quot;", "conn x\n", "IPSec Tunnel #9\n", "} }", "]]>", "<![CDATA[", "\\n", '\\"', "```\n"),
    *("a" * 5000, "[" * 200, "( " * 300),
]


def secret_json(found: ReadConnection) -> str:
    """AWS's secret of a connection."""
    return json.dumps({str(tunnel.remote): key.reveal() for tunnel in found.tunnels if (key := tunnel.psk)}, indent=4)


def ipsec_secrets(found: ReadConnection) -> str:
    """A line for each tunnel."""
    keys = [(tunnel, key.reveal()) for tunnel in found.tunnels if (key := tunnel.psk)]
    return "".join(f'{tunnel.public} {tunnel.remote} : PSK "{key}"\n' for tunnel, key in keys)


def updown_script(found: ReadConnection) -> str:
    """A script with a tunnel's addresses in it."""
    first = found.tunnels[0]
    return f'#!/bin/sh\ncase "$PLUTO_VERB" in\nup-client) ip addr add {first.inside} dev vti1 ;;\nesac\n'


_KEYED = WRITTEN["aws/generic-text"].map(lambda made: made[0])
FUZZED: Mapping[str, Written] = {
    **WRITTEN,
    "aws/secret": _KEYED.map(lambda found: (found, secret_json(found))),
    "device/ipsec-secrets": _KEYED.map(lambda found: (found, ipsec_secrets(found))),
    "device/updown-script": _KEYED.map(lambda found: (found, updown_script(found))),
}
"""Those that are written, and those that say something only beside another document."""

Damage = Callable[[str, int, int, str], str]
DAMAGES: dict[str, Damage] = {
    "put in": lambda text, at, to, word: text[:at] + word + text[at:],
    "taken out": lambda text, at, to, word: text[:at] + text[to:],
    "replaced": lambda text, at, to, word: text[:at] + word + text[to:],
    "doubled": lambda text, at, to, word: text[:to] + text[at:],
    "moved to the end": lambda text, at, to, word: text[:at] + text[to:] + text[at:to],
    "cut": lambda text, at, to, word: text[:at],
    "upside down": lambda text, at, to, word: text[:at] + text[at:to][::-1] + text[to:],
}


@st.composite
def damaged(draw: st.DrawFn, name: str) -> tuple[ReadConnection, str, bool]:
    """A connection, its document with up to three damages, and whether a line with a key is as it was."""
    connection, text = draw(FUZZED[name])
    keys = [row for row in text.split("\n") if any(key in row for key in secrets_of(connection))]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.sampled_from([1, 2, 7, 40, 300])))
        text = DAMAGES[draw(st.sampled_from(sorted(DAMAGES)))](text, at, to, draw(st.sampled_from(WORDS)))
    return connection, text, set(keys) <= set(text.split("\n"))


def read_soon(content: bytes | str) -> str:
    """Everything that is shown of the report."""
    begun = time.process_time()
    report = read_documents([("document.txt", content)])
    assert time.process_time() - begun < PATIENCE
    assert report.connections or report.faults
    return repr(report) + str(report_as_data(report))


@pytest.mark.parametrize("name", FUZZED)
@settings(
    max_examples=max(1, EXAMPLES * 12 // 100),
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_damaged_document_gives_a_report_without_keys(name: str, data: st.DataObject) -> None:
    connection, text, keys_stand = data.draw(damaged(name))
    shown = read_soon(text)
    if keys_stand:
        assert not [key for key in secrets_of(connection) if len(key) > 8 and key in shown]
    redacted = redact(text, read_documents([("document.txt", text)]))
    if keys_stand and not FORMATS[name].is_tree:
        assert not [key for key in secrets_of(connection) if len(key) > 12 and key in redacted.text and key in text]


@pytest.mark.parametrize("name", FUZZED)
@settings(max_examples=max(1, EXAMPLES * 4 // 100), phases=(Phase.generate,))
@given(data=st.data())
def test_damaged_bytes_give_a_report(name: str, data: st.DataObject) -> None:
    _, text = data.draw(FUZZED[name])
    content = bytearray(text.encode(data.draw(st.sampled_from(["utf-8", "utf-16", "cp1252"])), errors="replace"))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    read_soon(bytes(content))


def test_no_parser_is_left_out() -> None:
    assert set(FUZZED) == set(FORMATS)


LONG = 60_000
LINES = {
    "blanks": " " * LONG,
    "words": "a " * (LONG // 2),
    "one word": "a" * LONG,
    "dashes": "-" * LONG,
    "digits": "1" * LONG,
    "points": "1." * (LONG // 2),
    "colons": "a:" * (LONG // 2),
    "blank colons": " :" * (LONG // 2),
    "quotes": '"' * LONG,
    "escaped quotes": '\\"' * (LONG // 2),
    "opened": "<a" * (LONG // 2),
    "tags": "<p>" * (LONG // 3),
    "entities": "&amp;" * (LONG // 5),
    "quoting": "> " * (LONG // 2),
    "bars": "|" * LONG,
    "equals": "=3D" * (LONG // 3),
    "commas": "," * LONG,
    "braces": "{ " * (LONG // 2),
    "comments": "/*" * (LONG // 2),
    "newlines": "\n" * LONG,
    "keys": "psk " * (LONG // 4),
    "placeholders": "<x> " * (LONG // 4),
}
BEFORE = {
    "alone": "",
    "in a text": "IPSec Tunnel #1\n#1: Internet Key Exchange Configuration\n- Pre-Shared Key : ",
    "in a conn": "Your VPN Connection ID : vpn-0fa4e001\nconn Tunnel1\nkeyexchange=ikev2\nesp=aes\nright=",
    "in JSON": '{"VpnConnections": [{"VpnConnectionId": "',
    "in XML": "<vpn_connection id='vpn-0fa4e001'><ipsec_tunnel><customer_gateway>",
    "in YAML": "VpnConnections:\n- VpnConnectionId: ",
    "in set lines": "set vpn ipsec ",
}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("before", BEFORE)
def test_an_enormous_line_is_no_reason_to_hang(before: str, line: str) -> None:
    text = f"{BEFORE[before]}{LINES[line]}\n"
    read_soon(text)
    begun = time.process_time()
    redact(text, read_documents([("document.txt", text[:10])]))
    assert time.process_time() - begun < PATIENCE
