"""YAML text to a tree with lines, and what is not taken for an intent at all."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import appliance.intent.tree as tree
from appliance.intent.tree import Entries, Items, Text, Unreadable, decode, parse_tree


def test_lines_and_kinds() -> None:
    assert parse_tree("a: 1\nb:\n  - x\n  - no\n  - 'no'\n") == Entries(
        (
            tree.Entry(Text("a", "str", 1), Text("1", "int", 1)),
            tree.Entry(
                Text("b", "str", 2), Items((Text("x", "str", 3), Text("no", "bool", 4), Text("no", "str", 5)), 3)
            ),
        ),
        1,
    )


@pytest.mark.parametrize("text", ["\ufeffa: b\n", "a: b\r\n", "a: b", "--- \na: b\n...\n", "# \u00a0\na: b"])
def test_marks_line_ends_and_comments_do_no_harm(text: str) -> None:
    found = parse_tree(text)
    assert isinstance(found, Entries)
    assert [(entry.key.value, entry.value) for entry in found.entries] == [("a", Text("b", "str", found.line))]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", None, "empty"),
        ("# nothing\n", None, "empty"),
        ("a: 1\nb: 'x\n", 3, "unexpected end of stream"),
        ("a: 1\nb: [1, 2\n", 3, "not YAML"),
        ("a:\n\tb: 1\n", 2, "a tab"),
        ("a: 1\nb:\u00a0c\n", 2, "non-breaking"),
        ("a: 1\n\u200bb: c\n", 2, "non-breaking"),
        ("a: 1\nb: \x00\n", 2, "a control character"),
        ("a: 1\rb: 2\n", 1, "a control character"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "a tag"),
        ("a: !secret x\n", 1, "a tag"),
        ("--- a\n--- b\n", 2, "a second document"),
        ("a: *b\n", 1, "an alias"),
        ("a: &a [*a]\n", 1, "an alias"),
        ("a: 1\n? [b]\n: c\n", 2, "as a key"),
        ("[" * 50, 1, "nested deeper"),
        ("k: &a [1]\n" + "".join("k: &a [*a]\n" for _ in range(30)), None, "nested deeper"),
        ("x" * 2_000_000, None, "characters are no intent"),
        ("a: @x\n", 1, "not YAML"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int | None, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as caught:
        parse_tree(text)
    assert line is None or caught.value.line == line


@pytest.mark.parametrize(
    ("data", "line"), [(b"a: b\nc: \xff\n", 2), (b"\xff\xfea\x00", None), ("a: ü\n".encode("latin-1"), 1)]
)
def test_only_utf_8_is_text(data: bytes, line: int | None) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(data)
    assert caught.value.line == line


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("abcdefghijklmno", "bcdefghijklmnop", strict=True):
        bomb += f"{other}: &{other} [{', '.join(['*' + one] * 9)}]\n"
    began = time.process_time()
    with pytest.raises(Unreadable, match="repeated ones included"):
        parse_tree(bomb)
    assert time.process_time() - began < 1


def test_the_slow_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may come without libyaml."""
    text = "a: &x {b: [1, 2.5, no, ~, '', \"é\"]}\nc: *x\nd: |\n  long\n  text\n"
    fast = parse_tree(text)
    monkeypatch.setattr(tree, "_PARSER", yaml.SafeLoader)
    assert parse_tree(text) == fast


def plain(node: tree.Node) -> object:
    """The tree without lines, everything a string."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {entry.key.value: plain(entry.value) for entry in node.entries}


LETTERS = st.text(st.characters(min_codepoint=32, max_codepoint=126))
DOCUMENTS = st.recursive(
    LETTERS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LETTERS, inner, max_size=4), max_leaves=20
)


@given(DOCUMENTS)
def test_what_yaml_writes_is_read_back(document: object) -> None:
    assert plain(parse_tree(yaml.safe_dump(document))) == document


@given(st.text() | st.binary())
def test_nothing_but_unreadable_comes_out(junk: str | bytes) -> None:
    with suppress(Unreadable):
        parse_tree(decode(junk) if isinstance(junk, bytes) else junk)
