"""What is written is read again; what is mangled is read the same; what is cut is never read wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from appliance.model.document import ImportReport, ReadConnection
from appliance.vendors import FORMATS, read_documents
from appliance.vendors.report import report_as_data
from tests.vendors.manglings import DESTRUCTIVE, HARMLESS
from tests.vendors.samples import DYNAMIC, GENERIC, STATIC, STRONGSWAN
from tests.vendors.written import WRITTEN

DOCUMENTS = st.one_of(*WRITTEN.values())

ROBUST = ("aws/generic-text", "aws/strongswan-text")
"""Formats in which even blanks and line ends have little meaning."""
EXAMPLES = settings.default.max_examples if settings.default else 50
"""50; more where a profile says so (``make fuzz``, ``make soak``)."""


def read(content: bytes | str) -> ImportReport:
    """The report over one document."""
    return read_documents([("document.txt", content)])


def few(share: int) -> settings:
    """A part of the examples, in percent, where each is dear. What fails is shown as it is: to make a document of
    several kilobytes smaller takes minutes."""
    return settings(max_examples=max(1, EXAMPLES * share // 100), phases=(Phase.explicit, Phase.reuse, Phase.generate))


@pytest.mark.parametrize("name", WRITTEN)
@few(20)
@given(data=st.data())
def test_what_is_written_is_read(name: str, data: st.DataObject) -> None:
    connection, text = data.draw(WRITTEN[name])
    report = read(text)
    assert report.faults == ()
    assert report.connections == (connection,)


@pytest.mark.parametrize("name", WRITTEN)
@few(20)
@given(data=st.data())
def test_each_format_bears_what_is_done_to_documents(name: str, data: st.DataObject) -> None:
    (connection, text), mangling = data.draw(WRITTEN[name]), data.draw(st.sampled_from(sorted(HARMLESS)))
    report = read(HARMLESS[mangling](text))
    assert report.faults == ()
    assert report.connections == (connection,)


@pytest.mark.parametrize("mangling", HARMLESS)
@few(12)
@given(document=DOCUMENTS)
def test_what_editors_and_mail_do_to_it_changes_nothing(mangling: str, document: tuple[ReadConnection, str]) -> None:
    connection, text = document
    report = read(HARMLESS[mangling](text))
    assert report.faults == ()
    assert report.connections == (connection,)


@pytest.mark.parametrize("mangling", DESTRUCTIVE)
@few(20)
@given(document=DOCUMENTS)
def test_what_takes_meaning_away_gives_nothing_wrong(mangling: str, document: tuple[ReadConnection, str]) -> None:
    connection, text = document
    report = read(DESTRUCTIVE[mangling](text))
    assert report.connections or report.faults
    if not report.faults:
        assert_nothing_wrong(report, connection)


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize(
    "mangling", ["tabs for blanks", "collapsed blanks", "no indentation, no empty lines", "wrapped"]
)
@few(10)
@given(data=st.data())
def test_texts_bear_more(name: str, mangling: str, data: st.DataObject) -> None:
    connection, text = data.draw(WRITTEN[name])
    mangle = next(known for title, known in DESTRUCTIVE.items() if title.startswith(mangling))
    report = read(mangle(text))
    assert report.faults == ()
    assert report.connections == (connection,)


def assert_nothing_wrong(report: ImportReport, connection: ReadConnection, *, lists_may_end: bool = False) -> None:
    """What is read of the connection is part of it. ``lists_may_end``: of a cut list the beginning is there."""
    whole = dict(said(connection))
    for found in report.connections:
        if found.id is not None and found.id == connection.id:
            for path, value in said(found):
                is_part = lists_may_end and isinstance(value, tuple) and set(value) <= set(whole.get(path, ()))
                assert is_part or whole.get(path) == value, path


def said(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a dataclass that is not None and not empty, with its path."""
    if is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "reveal"):
        for item in fields(value):
            yield from said(getattr(value, item.name), f"{path}.{item.name}")
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        for index, item in enumerate(value):
            yield from said(item, f"{path}[{index}]")
    elif value not in (None, ()):
        yield path, value


@few(300)
@given(DOCUMENTS, st.floats(0, 1))
def test_a_cut_document_is_never_read_wrong(document: tuple[ReadConnection, str], share: float) -> None:
    connection, text = document
    report = read(text[: int(len(text) * share)])
    assert report.connections or report.faults
    if not report.faults:
        assert_nothing_wrong(report, connection, lists_may_end=is_yaml(text))


def is_yaml(text: str) -> bool:
    """YAML may end after any line, and nobody can tell."""
    return text.lstrip()[:1] not in ("<", "{", "[")


TREES = [name for name in WRITTEN if FORMATS[name].is_tree]


@pytest.mark.parametrize("name", TREES)
@few(10)
@given(data=st.data(), share=st.floats(0, 0.999))
def test_a_cut_tree_is_a_fault(name: str, data: st.DataObject, share: float) -> None:
    connection, text = data.draw(WRITTEN[name])
    cut = text.rstrip()[: int(len(text.rstrip()) * share)]
    report = read(cut)
    if not is_yaml(text) and not re.search(r"(?m)^[\]}]\s*[\[{]", text):
        assert report.faults
    elif not report.faults:  # YAML, or several values of which some are whole
        assert_nothing_wrong(report, connection, lists_may_end=is_yaml(text))


@pytest.mark.parametrize("name", WRITTEN)
@few(10)
@given(data=st.data())
def test_cut_between_lines_it_is_never_read_wrong(name: str, data: st.DataObject) -> None:
    connection, text = data.draw(WRITTEN[name])
    ends = [at + 1 for at, char in enumerate(text) if char == "\n"]
    report = read(text[: data.draw(st.sampled_from(ends))] if ends else "")
    if not report.faults:
        assert_nothing_wrong(report, connection, lists_may_end=is_yaml(text))


@pytest.mark.parametrize("text", [STRONGSWAN, GENERIC])
def test_cut_at_any_line_or_beside_its_end_it_is_never_read_wrong(text: str) -> None:
    whole = dict(said(STATIC if text == STRONGSWAN else DYNAMIC))
    ends = [at + near for at, char in enumerate(text) if char == "\n" for near in (-1, 0, 1, 2)]
    for end in ends:
        report = read(text[:end])
        assert report.connections or report.faults
        assert all(dict(said(found)).items() <= whole.items() for found in report.connections if found.id)


def secrets_of(connection: ReadConnection) -> list[str]:
    """The connection's keys in clear."""
    return [tunnel.psk.reveal() for tunnel in connection.tunnels if tunnel.psk]


@few(200)
@given(DOCUMENTS, st.data())
def test_a_damaged_line_shows_no_part_of_a_key(document: tuple[ReadConnection, str], data: st.DataObject) -> None:
    connection, text = document
    at = data.draw(st.integers(0, len(text)))
    damage = data.draw(st.sampled_from(["\n", " ", "\x00", '"', "#", ":", "=", "0", "x", "\ufffd"]))
    report = read(text[:at] + damage + text[at:])
    shown = repr(report) + str(report_as_data(report))
    assert "Fake.Ke" not in shown.replace("\ufffd", "")
    assert not any(key[-12:] in shown for key in secrets_of(connection))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_report(content: bytes) -> None:
    report = read(content)
    assert report.faults
    assert report.faults[0].file == "document.txt"


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_shuffled_lines_give_a_report(document: tuple[ReadConnection, str], random: Any) -> None:
    lines = document[1].splitlines()
    random.shuffle(lines)
    report = read("\n".join(lines) + "\n")
    assert report.connections or report.faults


@given(DOCUMENTS)
def test_keys_are_shown_on_demand_only(document: tuple[ReadConnection, str]) -> None:
    connection, text = document
    report = read(text)
    keys = secrets_of(connection)
    assert not any(key in str(report_as_data(report)) + repr(report) for key in keys)
    told = report_as_data(report, show_secrets=True)["connections"]
    assert {tunnel["psk"] for one in told for tunnel in one["tunnels"]} >= set(keys)
