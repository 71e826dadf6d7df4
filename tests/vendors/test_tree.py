"""JSON, YAML and XML to trees: what is read, on which line, and what is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.fault import Fault
from appliance.vendors.text import parse_document
from appliance.vendors.tree import DEEPEST, Node, read_tree
from appliance.vendors.tree_yaml import LONGEST


def tree(text: str) -> Node:
    """The tree of a text that has one."""
    found = read_tree(parse_document("a.txt", text))
    assert isinstance(found, Node), found
    return found


def fault(text: str) -> Fault:
    """Why a text has none."""
    found = read_tree(parse_document("a.txt", text))
    assert isinstance(found, Fault), found
    assert found.file == "a.txt"
    return found


def plain(node: Node) -> Any:
    """The tree as plain data."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def as_text(value: Any) -> Any:
    """Data as a tree holds it: numbers and truth as they are written."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029")
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(CHARACTERS, max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(CHARACTERS), DATA) | st.lists(DATA), st.sampled_from([None, 0, 2]))
def test_json_says_what_the_library_says(data: Any, indent: int | None) -> None:
    assert plain(tree(json.dumps(data, indent=indent))) == as_text(data)


@given(st.dictionaries(st.text(CHARACTERS), DATA, min_size=1), st.floats(0, 0.999))
def test_cut_json_is_a_fault(data: Any, share: float) -> None:
    text = json.dumps(data)
    fault(text[: 1 + int((len(text) - 1) * share)])


def test_nodes_know_their_line_and_their_way() -> None:
    root = tree('{\n "a": [\n  {"b":\n   "c"}, 7],\n "d": null}\n')
    found = root.find("a", 0, "b")
    assert found is not None
    assert (found.line, found.key, found.text) == (4, "a[0].b", "c")
    assert [(item.line, item.key) for item in root.items("a")] == [(3, "a[0]"), (4, "a[1]")]
    assert root.find("d") is None
    assert root.find("a", 5) is None
    assert root.find("a", "b") is None
    assert [node.key for node in root.walk()] == ["", "a", "a[0]", "a[0].b", "a[1]", "d"]


@pytest.mark.parametrize(
    "text",
    [
        '// from the shell\n{"a": 1, /* one\n two */ "b": ["x",],} # end\n',
        "{'a': 1, 'b': ['x']}\n",
        '{"a": 1,\n "b": ["\\u0078"]}',
        "a: 1\nb:\n- x\n",
        "a: 1  # one\nb: ['x']\n",
        "---\na: 1\nb: [x]\n...\n",
    ],
)
def test_the_same_in_many_hands(text: str) -> None:
    assert plain(tree(text)) == {"a": "1", "b": ["x"]}


def test_what_python_prints() -> None:
    assert plain(tree("{'a': None, 'b': True, 'c': 'it\\'s'}")) == {"a": None, "b": "true", "c": "it's"}


def test_characters_beyond_the_first_plane_and_halves_of_them() -> None:
    assert plain(tree('["\\ud83d\\ude00", "\\ud83d"]')) == ["😀", "\ufffd"]


def test_several_values_are_a_list() -> None:
    root = tree('{"a": 1}\n{"b": 2}\n')
    assert plain(root) == [{"a": "1"}, {"b": "2"}]
    assert [(item.line, item.key) for item in root.items()] == [(1, ""), (2, "[1]")]
    assert plain(tree("a: 1\n---\nb: 2\n")) == [{"a": "1"}, {"b": "2"}]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"a": 1,\n"a": 2}', 2, "the same key on line 1"),
        ("a: 1\nb: 3\na: 2\n", 3, "the same key on line 1"),
        ('{"a": {},\n"a": {}}', 2, "the same key"),
        ('{"a":\n\n@}', 3, "a value"),
        ('{"a": 01}', 1, "a value"),
        ('{"a": 1 "b": 2}', 1, "a comma or }"),
        ("{a: 1}", 1, "a key in quotes"),
        ('{"a" 1}', 1, "a colon"),
        ('{"a": "x\ny"}', 1, "a value"),
        ("[1,\n2", 2, "ends in the middle"),
        ("[1] ]", 1, "a value"),
        ("a: [1\n", 2, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("? [a]\n: b\n", 1, "a key"),
        ("\x07: 1\n", 1, "not YAML"),
        ("", 1, "nothing"),
        ("\n\n<a>\n<b></a>", 4, "not XML: mismatched tag"),
        ("<a/>\n<", 2, "not XML"),
        ("<a>\0</a>", 1, "not XML"),
        ("<a>&other;</a>", 1, "not XML"),
    ],
)
def test_what_is_not_read_says_where_and_why(text: str, line: int, words: str) -> None:
    found = fault(text)
    assert (found.line, words in found.message) == (line, True), found


def test_the_same_said_twice_is_no_contradiction() -> None:
    assert plain(tree('{"a": "1", "a": "1"}')) == {"a": "1"}


def test_keys_and_texts_are_never_quoted() -> None:
    for text in ('{"psk": "Fake.Key", "Fake.Key": 1, "Fake.Key": 2}', "{'psk': 'Fake.Key' Fake.Key}", "psk: 'Fake.Key"):
        assert "Fake" not in repr(fault(text))


def test_xml() -> None:
    root = tree("<?xml version='1.0'?>\n<a xmlns='urn:x' n='1'>\n <b>x</b><b> y </b>\n <c/><d e='2'>z</d></a>\n")
    assert plain(root) == {"a": {"@n": "1", "b": ["x", "y"], "c": None, "d": {"@e": "2", "#text": "z"}}}
    assert [(item.line, item.key) for item in root.items("a", "b")] == [(3, "a.b"), (3, "a.b[1]")]


def test_xml_documents_one_after_the_other() -> None:
    root = tree("<?xml version='1.0'?>\n<a>1</a>\t<?xml version='1.0'?>\n<a>2</a><b/>\n")
    assert plain(root) == {"a": ["1", "2"], "b": None}
    assert [item.line for item in root.items("a")] == [2, 3]
    assert "junk" in fault("<a/>" * 300).message


BOMB = '<!DOCTYPE a [<!ENTITY x "y">' + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 9}">' for n in range(1, 9))


@pytest.mark.parametrize(
    "text",
    [
        f"<?xml version='1.0'?>\n{BOMB}]>\n<a>&x8;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>\n<a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!DOCTYPE html>\n<html/>",
    ],
)
def test_a_document_type_is_refused(text: str) -> None:
    assert "document type" in fault(text).message


@pytest.mark.parametrize(
    "text", ["[" * 10**6, '{"a":' * 10**5, "<a>" * 10**5, "- " * 10**5 + "x\n", "a: [[" * 1000 + "\n"]
)
def test_what_nests_too_deeply_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    found = fault(text)
    assert time.process_time() - begun < 1
    assert "levels deep" in found.message or "not YAML" in found.message


def test_nesting_has_its_limit() -> None:
    assert isinstance(tree("[" * DEEPEST + "]" * DEEPEST), Node)
    assert "levels deep" in fault("[" * 70 + "]" * 70).message


def test_a_yaml_of_aliases_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    assert "aliases" in fault(bomb).message


def test_a_long_yaml_is_refused_with_its_remedy() -> None:
    found = fault("a: 1\n" * (LONGEST // 5 + 1))
    assert "1 MB" in found.message
    assert "JSON" in str(found.fix)


def test_of_yaml_a_line_without_end_is_not_taken() -> None:
    assert plain(tree("a: 1\nb: 198.51.100.2")) == {"a": "1"}
    assert plain(tree('{"a": "1"}')) == {"a": "1"}


@settings(max_examples=200)
@given(st.text(st.sampled_from("{}[]:,\"'\\/*#<>&!- \n\tax1.")) | st.text())
def test_any_text_is_a_tree_or_a_fault(text: str) -> None:
    assert isinstance(read_tree(parse_document("a.txt", text)), Node | Fault)
