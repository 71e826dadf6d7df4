"""What is written is read back equal, whatever it holds."""

from __future__ import annotations

import yaml
from hypothesis import given, settings

from appliance.intent.examples import EXAMPLES
from appliance.intent.layout import INTENT
from appliance.intent.read import Reader, read_intent
from appliance.intent.tree import parse_tree
from appliance.intent.write import write_intent
from appliance.model.intent import Intent
from tests.intent.intents import INTENTS


@given(INTENTS)
def test_reading_what_was_written_gives_the_same(intent: Intent) -> None:
    reader = Reader()
    assert reader.read(INTENT, parse_tree(write_intent(intent)), "") == intent
    assert not reader.faults


@given(INTENTS)
@settings(max_examples=30)
def test_no_yaml_reader_takes_a_string_for_something_else(intent: Intent) -> None:
    data = yaml.safe_load(write_intent(intent))
    assert data["site"]["name"] == intent.site.name
    for said, meant in zip(data.get("connections", []), intent.connections, strict=True):
        assert said["name"] == meant.name
        assert said.get("announce", {}).get("communities", []) == list(meant.announce.communities)


def test_a_comment_stays_a_comment() -> None:
    intent = read_intent(EXAMPLES["aws-bgp"])[0]
    assert intent is not None
    text = write_intent(intent, "from vpn.txt\n\nversion: 2\u2028version: 3\x1b[31m")
    assert text.startswith("# from vpn.txt\n#\n# version: 2\n# version: 3 [31m\nversion: 1\n")
    assert read_intent(text)[0] == intent


def test_the_layout_is_that_of_the_contract() -> None:
    intent = read_intent(EXAMPLES["aws-bgp"])[0]
    assert intent is not None
    lines = write_intent(intent).splitlines()
    assert lines[:7] == ["version: 1", "site:", "  name: dc1", "  asn: 65010", "  router-id: 192.0.2.1",
                         "  networks: [192.0.2.0/24]", "uplinks:"]  # fmt: skip
    assert "        psk: {file: secrets/vpc-1.psk}" in lines
    assert "        inside: 169.254.23.6/30" in lines
