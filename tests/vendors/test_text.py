"""Bytes to lines."""

from __future__ import annotations

import codecs

import pytest

from appliance.vendors.text import Line, decode, parse_document


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_every_encoding_gives_the_same_text(encoding: str) -> None:
    text = "right=198.51.100.7\nleftid=203.0.113.1\xa0# für uns\n"
    assert decode(text.encode(encoding)) == text


def test_a_cut_character_at_the_end_is_dropped() -> None:
    assert decode("key\nü".encode()[:-1]) == "key\n"


def test_a_mark_alone_is_nothing() -> None:
    assert decode(codecs.BOM_UTF16_LE) == ""


def test_lines_keep_their_numbers_and_lose_their_noise() -> None:
    document = parse_document("a.txt", "\ufeff one\t\xa0two \r\n\r\n\u201cthree\u201d\u200b\rfour\n")
    assert document.lines == (Line(1, "one two"), Line(2, ""), Line(3, '"three"'), Line(4, "four"))
    assert document.cut is None


def test_a_last_line_without_end_is_not_trusted() -> None:
    document = parse_document("a.txt", "whole\ncu")
    assert document.lines == (Line(1, "whole"),)
    assert document.cut == 2


def test_blanks_after_the_last_line_end_are_no_cut_line() -> None:
    assert parse_document("a.txt", "whole\n \t").cut is None
