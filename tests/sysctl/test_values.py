"""Names, values and the record of kernel settings."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.model.fault import SystemFailure
from appliance.sysctl.values import is_same, parse_record, path_of, render_record, setting_of


def test_a_dot_in_an_interface_name_is_written_as_a_slash() -> None:
    name = setting_of("eth0.100", 4, "rp_filter")
    assert name == "net.ipv4.conf.eth0/100.rp_filter"
    assert path_of(name) == PurePosixPath("net/ipv4/conf/eth0.100/rp_filter")


@pytest.mark.parametrize("name", ["", ".", "a..b", "net.ipv4.", "net.//.etc", "a.\0b"])
def test_no_name_leads_out_of_the_tree(name: str) -> None:
    with pytest.raises(SystemFailure):
        path_of(name)


def test_values_compare_by_their_words() -> None:
    assert is_same("4096 131072 6291456", "4096\t131072\t6291456\n")
    assert not is_same("1", "01")


@given(st.dictionaries(st.text(), st.text()))
def test_the_record_comes_back_as_it_was_written(originals: dict[str, str]) -> None:
    assert parse_record(render_record(originals), "here") == originals


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2, "originals": {}}', '{"version": 1, "originals": {"a": 1}}', '{"version": 1'],
)
def test_a_record_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SystemFailure, match=r"sysctl\.json"):
        parse_record(text, "sysctl.json")
