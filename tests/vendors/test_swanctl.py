"""Sections and settings as strongSwan reads them, whatever a mail program or a page did to them."""

from __future__ import annotations

import pytest

from appliance.model.fault import Fault
from appliance.vendors.swanctl import read_swanctl
from appliance.vendors.text import parse_document
from appliance.vendors.tree import Node

TEXT = """# ours
include conf.d/*.conf
connections {
    base { version = 2
        proposals = aes256-sha256-modp2048 , aes128-sha1-modp1024   # two
    }
    gw : connections.base {
        remote_addrs = 198.51.100.7
        local { auth = psk }
    }
}
secrets {
    ike-1 { id = 198.51.100.7
            secret = "Fake#key {of}\\" one" }
    ike-2 { secret = 0sRmFrZQ== }
}
"""


def tree(text: str) -> Node:
    """The document's tree."""
    found = read_swanctl(parse_document("swanctl.conf", text))
    assert isinstance(found, Node)
    return found


def text_at(root: Node, *way: str) -> str | None:
    """The setting down this way."""
    found = root.find(*way)
    return found.text if found else None


def test_sections_settings_comments_quotes_and_references() -> None:
    root = tree(TEXT)
    assert root.keys() == ["connections", "secrets"]
    assert text_at(root, "connections", "gw", "version") == "2"
    assert text_at(root, "connections", "gw", "proposals") == "aes256-sha256-modp2048 , aes128-sha1-modp1024"
    assert text_at(root, "connections", "gw", "local", "auth") == "psk"
    assert text_at(root, "secrets", "ike-1", "secret") == 'Fake#key {of}" one'
    assert text_at(root, "secrets", "ike-2", "secret") == "0sRmFrZQ=="


def test_every_setting_knows_its_line_and_its_way() -> None:
    found = tree(TEXT).find("connections", "gw", "remote_addrs")
    assert found is not None
    assert (found.line, found.key) == (8, "connections.gw.remote_addrs")


def test_a_section_that_is_said_twice_is_one() -> None:
    root = tree("connections { a { version = 1 } }\nconnections { a { mobike = no } b { version = 2 } }\n")
    assert text_at(root, "connections", "a", "version") == "1"
    assert text_at(root, "connections", "a", "mobike") == "no"
    assert text_at(root, "connections", "b", "version") == "2"


def test_prose_and_shell_around_it_are_none_of_ours() -> None:
    root = tree(f"Hi Jo,\nif true; then\nfoo {{\nx = 1\n}}\n\n{TEXT}\n-- \nAl }} = {{\n")
    assert root.keys() == ["connections", "secrets"]


def test_a_setting_that_a_mail_program_broke_is_one_again() -> None:
    words = "aes256gcm16-prfsha384-ecp384,\naes256-sha384-ecp384,aes256-sha256-modp2048"
    root = tree(f"connections {{ gw {{\nproposals = aes256gcm16-prfsha512-ecp521, {words}\nversion = 2\n}} }}\n")
    expected = "aes256gcm16-prfsha512-ecp521, " + words.replace("\n", " ")
    assert text_at(root, "connections", "gw", "proposals") == expected
    assert text_at(root, "connections", "gw", "version") == "2"


@pytest.mark.parametrize("end", range(TEXT.index("connections {") + 13, len(TEXT) - 2))
def test_a_cut_document_is_a_fault_or_says_nothing_else(end: int) -> None:
    found = read_swanctl(parse_document("swanctl.conf", TEXT[:end]))
    if isinstance(found, Node):
        whole = {node.key: node.value for node in tree(TEXT).walk() if isinstance(node.value, str)}
        assert {node.key: node.value for node in found.walk() if isinstance(node.value, str)}.items() <= whole.items()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("connections {\n gw {\n version = 2\n", 3, "never closed"),
        ('secrets {\n ike { secret = "Fake.key\n }\n}\n', 2, "neither"),
        ("connections {\n ?? = 1\n}\n", 2, "neither"),
        ("connections {\n gw : connections.base { }\n}\n", 2, "not there"),
        ("connections {\n" + "a {\n" * 80, 65, "levels deep"),
    ],
)
def test_what_is_broken_is_a_fault_with_its_line_and_without_the_text(text: str, line: int, words: str) -> None:
    fault = read_swanctl(parse_document("swanctl.conf", text))
    assert isinstance(fault, Fault)
    assert fault.line == line
    assert words in fault.message
    assert "Fake" not in repr(fault)
