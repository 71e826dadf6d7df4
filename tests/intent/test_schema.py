"""What the schema refuses, the reader refuses: they come from one layout, and stay together."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from appliance.intent.examples import EXAMPLES
from appliance.intent.read import read_intent
from appliance.intent.schema import intent_schema
from tests.intent.test_cases import CASES

SCHEMA = Draft202012Validator(intent_schema())
VALUES: list[Any] = [
    None, True, 0, 1, -1, 2, 70000, 2**40, 1.5, "", " ", "no", "auto", "site", "bgp", "static", "8h", "::1",
    "10.0.0.0/8", "x" * 50, "a\nb", [], {}, [1], ["x"], [[]], {"x": 1}, {"file": "a"}, {"file": "a", "env": "B"},
    {"name": "x"},
]  # fmt: skip


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(intent_schema())


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_validate_in_both(name: str) -> None:
    intent, faults, notices = read_intent(EXAMPLES[name])
    assert intent is not None
    assert (faults, notices) == ((), ())
    assert not list(SCHEMA.iter_errors(yaml.safe_load(EXAMPLES[name])))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_that_the_schema_refuses_has_faults(path: Any) -> None:
    data = yaml.safe_load(path.read_text())
    if not SCHEMA.is_valid(data):
        assert read_intent(path.read_text())[0] is None
    if path.stem in ("clean", "weak", "harmless", "not-yet", "references"):
        assert SCHEMA.is_valid(data)


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything within."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((value, key))
        found += places(inner)
    return found


HARMLESS = (path for path in CASES if path.stem in ("harmless", "weak", "not-yet"))
STARTS = [yaml.safe_load(text) for text in (*EXAMPLES.values(), *(path.read_text() for path in HARMLESS))]


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """A good document with one to three places spoilt."""
    document = copy.deepcopy(draw(st.sampled_from(STARTS)))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(document)))
        action = draw(st.sampled_from(["replace", "remove", "add", "double"]))
        if action == "replace":
            container[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif action == "remove":
            del container[key]
        elif action == "add" and isinstance(container, dict):
            name = draw(st.sampled_from(["x", "nmae", "psk", "probe", "mtu", "weight", "id"]))
            container[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif action == "double" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        assume(places(document))
    return document


@given(mutations())
def test_what_the_schema_refuses_the_reader_refuses(document: Any) -> None:
    text = yaml.safe_dump(document)
    intent, faults, _ = read_intent(text, "f")
    if not SCHEMA.is_valid(yaml.safe_load(text)):
        assert faults
    assert (intent is None) == bool(faults)
    assert all(fault.line and fault.file == "f" for fault in faults)


@given(st.sampled_from([*EXAMPLES.values(), *(path.read_text() for path in CASES)]), st.data())
def test_no_text_makes_the_reader_raise(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        junk = st.sampled_from([*": {}[],&*!|>'\"#%@-?\n\t\x00\u00a0\ufeff", "<<: ", "null", "- - -", "9" * 400, "é"])
        text = text[:start] + data.draw(st.just("") | junk | st.text(max_size=5)) + text[end:]
    intent, faults, _ = read_intent(text)
    assert (intent is None) == bool(faults)
