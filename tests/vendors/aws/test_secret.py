"""Keys that AWS keeps in Secrets Manager join the connection that another document describes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from appliance.model.document import ImportReport
from appliance.vendors import read_documents
from tests.vendors.aws.test_description import CONNECTION
from tests.vendors.aws.writers import described_json

KEYLESS = replace(CONNECTION, tunnels=tuple(replace(tunnel, psk=None) for tunnel in CONNECTION.tunnels))
KEYS = {str(tunnel.remote): tunnel.psk.reveal() for tunnel in CONNECTION.tunnels if tunnel.psk}
SECRET = json.dumps(KEYS)
ANSWER = json.dumps({"ARN": "arn:aws:secretsmanager:fake", "Name": "s2svpn!fake", "SecretString": SECRET}, indent=4)


def read(*texts: str) -> ImportReport:
    return read_documents([(f"{number}.json", text + "\n") for number, text in enumerate(texts)])


@pytest.mark.parametrize("secret", [SECRET, ANSWER])
@pytest.mark.parametrize("first", [True, False])
def test_the_keys_join_their_tunnels_by_outside_address(secret: str, first: bool) -> None:
    texts = (secret, described_json(KEYLESS)) if first else (described_json(KEYLESS), secret)
    report = read(*texts)
    assert report.faults == ()
    assert report.connections == (CONNECTION,)
    assert report.missing == ()


def test_a_key_that_is_no_key_is_a_fault_that_does_not_show_it() -> None:
    bad = "0-Fake key that AWS would not have"
    report = read(described_json(KEYLESS), json.dumps(KEYS | {next(iter(KEYS)): bad}))
    assert [fault.message for fault in report.faults] == ["not a pre-shared key of this cloud"]
    assert bad not in repr(report)


def test_another_gateways_keys_are_left_out() -> None:
    report = read(described_json(KEYLESS), json.dumps({"192.0.2.9": "Fake.key.of.another"}))
    assert report.faults == ()
    assert report.connections == (KEYLESS,)


def test_a_secret_of_something_else_is_a_fault() -> None:
    report = read(json.dumps({"SecretString": "not json, Fake.Secret"}))
    assert report.faults
    assert "Fake.Secret" not in repr(report)
