"""The flags of a first boot: what `import --user-data` writes comes out as configure's words; faults are all said."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from appliance.cli.first_boot import describe_ready, known_options
from appliance.cli.importing import command as importing
from appliance.image.settings import parse_settings
from appliance.model.fault import FaultyInput
from tests.image.conftest import DOCUMENT, FLAGS

WHERE = "/etc/appliance/configure.yaml"


def test_what_import_writes_is_what_configure_gets() -> None:
    flags = (*FLAGS, "--uplink", "isp1=eth0,gateway=203.0.113.1", "--uplink", "isp2=eth1")
    printed = CliRunner().invoke(importing, ["--user-data", str(DOCUMENT), *flags]).stdout
    files = {one["path"]: one["content"] for one in yaml.safe_load(printed)["write_files"]}
    words = parse_settings(files[WHERE], WHERE, known_options())
    assert words[:2] == ("--from", f"/etc/appliance/documents/{DOCUMENT.name}")
    assert set(flags) <= set(words)
    assert words.count("--uplink") == 2


def test_numbers_and_single_words_are_taken_from_people() -> None:
    words = parse_settings("bgp: true\nasn: 65010\nlan: 192.0.2.0/24\nadopt: false\n", WHERE, known_options())
    assert words == ("--bgp", "--asn", "65010", "--lan", "192.0.2.0/24")


def test_every_fault_is_said_with_its_key() -> None:
    text = "bgp: maybe\ndry-run: true\nlann: 192.0.2.0/24\nasn: {a: 1}\n"
    with pytest.raises(FaultyInput) as caught:
        parse_settings(text, WHERE, known_options())
    assert [fault.key for fault in caught.value.faults] == ["bgp", "dry-run", "lann", "asn"]
    assert {fault.file for fault in caught.value.faults} == {WHERE}


@pytest.mark.parametrize("text", ["a: [", "- bgp\n", "", "!!python/object:os.system {}"])
def test_what_is_no_mapping_is_a_fault_and_no_crash(text: str) -> None:
    with pytest.raises(FaultyInput):
        parse_settings(text, WHERE, known_options())


def test_the_line_on_the_console_counts_what_has_a_way() -> None:
    prefixes = [{"prefix": "10.0.0.0/8", "source": "bgp"}, {"prefix": "10.9.0.0/16", "source": "blackhole"}]
    tunnels = [{"state": "carrying"}, {"state": "standby"}, {"state": "down"}]
    status = {"revision": 7, "connections": [{"tunnels": tunnels, "prefixes": prefixes}]}
    assert describe_ready(status) == "appliance: READY revision=7 tunnels=2/3 prefixes=1"
