"""What is written is read again; what is mangled is read the same; what is cut is never read wrong."""

from __future__ import annotations

import codecs
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.document import ImportReport, ReadConnection
from appliance.vendors import read_documents
from appliance.vendors.report import report_as_data
from tests.vendors.samples import DYNAMIC, GENERIC, STATIC, STRONGSWAN
from tests.vendors.written import WRITTEN

DOCUMENTS = st.one_of(*WRITTEN.values())

MANGLINGS: dict[str, Callable[[str], bytes]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "old Macintosh line ends": lambda text: text.replace("\n", "\r").encode(),
    "byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 with mark": lambda text: text.encode("utf-16"),
    "UTF-16 big endian": lambda text: text.encode("utf-16-be"),
    "Latin-1 with no-break spaces": lambda text: text.replace("  ", "\xa0 ").encode("latin-1"),
    "no-break spaces": lambda text: text.replace(" ", "\xa0").encode(),
    "tabs for blanks": lambda text: text.replace("  ", "\t").encode(),
    "collapsed blanks": lambda text: re.sub(r"[ \t]+", " ", text).encode(),
    "no indentation, no empty lines": lambda text: re.sub(r"\n\s*", "\n", text).encode(),
    "blanks at the ends": lambda text: text.replace("\n", " \t \n").encode(),
    "typographic quotes": lambda text: re.sub(r'"([^"\n]*)"', r"“\1”", text).encode("cp1252"),
    "zero-width spaces": lambda text: text.replace(" : ", "\u200b : ").encode(),
    "wrapped by a mail program": lambda text: wrapped(text).encode(),
    "in a markdown fence": lambda text: f"# Notes\n\n```\n{text}```\n".encode(),
}


def wrapped(text: str) -> str:
    """Lines of at most 76 characters, broken at blanks."""
    rows = [textwrap.wrap(row, 76, break_on_hyphens=False, break_long_words=False) or [""] for row in text.split("\n")]
    return "\n".join(line for row in rows for line in row)


def read(content: bytes | str) -> ImportReport:
    """The report over one document."""
    return read_documents([("document.txt", content)])


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read(name: str, data: st.DataObject) -> None:
    connection, text = data.draw(WRITTEN[name])
    report = read(text)
    assert report.faults == ()
    assert report.connections == (connection,)


@pytest.mark.parametrize("mangling", MANGLINGS)
@settings(max_examples=15)
@given(document=DOCUMENTS)
def test_what_editors_and_mail_do_to_it_changes_nothing(mangling: str, document: tuple[ReadConnection, str]) -> None:
    connection, text = document
    report = read(MANGLINGS[mangling](text))
    assert report.faults == ()
    assert report.connections == (connection,)


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


@settings(max_examples=300)
@given(DOCUMENTS, st.floats(0, 1))
def test_a_cut_document_is_never_read_wrong(document: tuple[ReadConnection, str], share: float) -> None:
    connection, text = document
    cut = text[: int(len(text) * share)]
    report = read(cut)
    whole = dict(said(connection))
    for found in report.connections:
        if found.id is not None:
            assert dict(said(found)).items() <= whole.items()
    assert report.connections or report.faults


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


@settings(max_examples=200)
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
    assert all(key in str(report_as_data(report, show_secrets=True)) for key in keys)
