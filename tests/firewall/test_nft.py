"""What only the real nft shows: other tables, counts, elements in any order, a lost record, its own words."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from appliance.firewall.amending import Amendment, find_amendment, find_difference
from appliance.firewall.elements import NEW, render_batch
from appliance.firewall.listing import digest_listing, first_error, parse_counters
from appliance.firewall.nft import Nft
from appliance.firewall.ruleset import render_ruleset, ruleset_parts
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.resources import FirewallTable
from tests.contracts.namespace import own_namespace
from tests.firewall.scenes import SHARED
from tests.firewall.wires import ask_for_namespaces

TABLE = FirewallTable(render_ruleset(SHARED))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "firewall.json"


@pytest.fixture
def nft(record: Path) -> Iterator[Nft]:
    ask_for_namespaces()
    with own_namespace():
        yield Nft(record)


def load(door: Nft, table: FirewallTable = TABLE) -> Outcome:
    (outcome,) = asyncio.run(door.apply([Change(None, table)]))
    return outcome


def run(command: str) -> str:
    return subprocess.run(["nft", *command.split()], capture_output=True, text=True, check=True).stdout


def test_other_tables_are_neither_seen_nor_touched(nft: Nft) -> None:
    run("add table ip appliance")
    run("add table inet stranger")
    run("add chain inet stranger c { type filter hook input priority 0 ; }")
    before = run("list ruleset")
    assert asyncio.run(nft.observe()) == frozenset()
    load(nft)
    asyncio.run(nft.apply([Change(TABLE, None)]))
    assert run("list ruleset") == before


def test_counting_is_no_drift(nft: Nft) -> None:
    load(nft)
    subprocess.run(["ip", "link", "add", "eth0", "type", "bridge"], check=True)
    subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)
    subprocess.run(["ip", "route", "add", "10.9.0.0/16", "dev", "eth0"], check=True)
    subprocess.run(["python3", "-c", PROTECTED_DATAGRAM], check=True)
    assert asyncio.run(nft.counters())["protected_in_clear"] == 1
    assert asyncio.run(nft.observe()) == {TABLE}


PROTECTED_DATAGRAM = """
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.9.0.1", 9))
except PermissionError:
    pass
"""


def test_many_prefixes_are_recognised(nft: Nft) -> None:
    """Enough elements for the kernel's sets to be re-arranged."""
    many = tuple(ip_network(f"10.{high}.{low}.0/25") for high in range(8) for low in range(256))
    table = FirewallTable(render_ruleset(replace(SHARED, protected=many)))
    assert load(nft, table).error is None
    assert asyncio.run(nft.observe()) == {table}


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"text": "x"}', "\0"])
def test_without_its_record_the_table_counts_as_somebody_elses(nft: Nft, record: Path, content: str | None) -> None:
    load(nft)
    record.unlink() if content is None else record.write_text(content)
    (seen,) = asyncio.run(nft.observe())
    assert seen != TABLE
    assert load(nft).error is None
    assert asyncio.run(nft.observe()) == {TABLE}


def test_a_record_that_cannot_be_written_is_said(nft: Nft, record: Path) -> None:
    record.with_suffix(".new").mkdir()
    outcome = load(nft)
    assert outcome.error is not None
    assert str(record.parent) in outcome.error


def test_the_record_holds_what_was_loaded(nft: Nft, record: Path) -> None:
    load(nft)
    head, _, text = record.read_text().partition("\n")
    assert text == TABLE.text
    assert json.loads(head).keys() == {"digest"}


# -- without nftables: its words, recorded


def speaking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, status: int = 1) -> Nft:
    """The door to a program that only says these words."""
    program = tmp_path / "bin" / "nft"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat >&2 <<'END'\n{words}\nEND\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Nft(tmp_path / "record.json")


def test_without_the_program_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    door = Nft(tmp_path / "record.json")
    (missing,) = asyncio.run(door.lacks())
    assert (missing.exit, missing.hint) == (6, "apt install nftables")
    with pytest.raises(SystemLacks):
        asyncio.run(door.observe())
    assert load(door).error == "the program nft is not installed"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed", "privilege"),
        ("netlink.c:62: Unable to initialize Netlink socket: Protocol not supported", "kernel-nf-tables"),
    ],
)
def test_what_is_missing_is_read_from_nft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, code: str
) -> None:
    (missing,) = asyncio.run(speaking(tmp_path, monkeypatch, words).lacks())
    assert missing.code == code


@pytest.mark.parametrize(
    ("words", "retry"), [("Error: Could not process rule: Device or resource busy", True), ("Error: broken", False)]
)
def test_a_failure_tells_whether_it_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, retry: bool
) -> None:
    door = speaking(tmp_path, monkeypatch, words)
    outcome = load(door)
    assert outcome.error == f"nft: {words.removeprefix('Error: ')}"
    assert outcome.retry is retry
    with pytest.raises(SystemFailure):
        asyncio.run(door.counters())


def test_the_reason_is_nfts_own_sentence_with_its_place() -> None:
    said = (
        "/dev/stdin:12:3-9: Error: No such file or directory; did you mean set ‘near4’?\n"
        "\t\tip daddr @nowhere drop\n\t\t         ^^^^^^^^\n"
    )
    assert first_error(said) == "No such file or directory; did you mean set ‘near4’?: ip daddr @nowhere drop"
    assert first_error("Error: broken\n^^^^\n") == "broken"
    assert first_error("no such option\n") == "no such option"
    assert first_error("") == "no reason given"


def test_the_digest_knows_elements_and_not_their_order() -> None:
    one = "set a {\n\telements = { 10.0.0.1,\n\t\t10.0.0.2 }\n}"
    assert digest_listing(one) == digest_listing("set a {\n\telements = { 10.0.0.2, 10.0.0.1 }\n}")
    assert digest_listing(one) != digest_listing("set a {\n\telements = { 10.0.0.1, 10.0.0.3 }\n}")
    assert digest_listing(one) != digest_listing(one.replace("set a", "set b"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"nftables": [{"counter": {"name": "x"}}]}'])
def test_counters_that_are_none_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_counters(text)


def amended() -> Iterator[FirewallTable]:
    """One tunnel after the other is another; then all but one go, and come back."""
    tunnels = SHARED.tunnels
    for index, one in enumerate(tunnels):
        changed = replace(
            one,
            neighbors=tuple(peer + 9 for peer in one.neighbors),
            mss=one.mss - 7,
            remote=one.remote + 3,
            inside=(ip_network(f"169.254.77.{4 * index}/30"), *one.inside[1:]),
        )
        yield FirewallTable(render_ruleset(replace(SHARED, tunnels=(*tunnels[:index], changed, *tunnels[index + 1 :]))))
    yield FirewallTable(render_ruleset(replace(SHARED, tunnels=tunnels[:1])))
    yield TABLE


def test_where_only_elements_differ_only_those_change(nft: Nft, record: Path) -> None:
    """By the record alone, which tells what nft will list: a look finds the table that is wanted, and its rules are the
    same ones."""
    load(nft)
    asyncio.run(nft.observe())
    handles, standing = run("-a list chain inet appliance from_tunnel"), TABLE
    for table in amended():
        assert find_amendment(standing.text, table.text) is not None
        (outcome,) = asyncio.run(nft.apply([Change(standing, table)]))
        assert outcome.error is None
        assert asyncio.run(nft.observe()) == {table}
        assert run("-a list chain inet appliance from_tunnel") == handles
        standing = table


@pytest.mark.parametrize("known", [False, True])
def test_what_differs_is_found_in_the_parts_that_do(known: bool) -> None:
    drawn: dict[object, object] = {}
    standing = FirewallTable(TABLE.text, ruleset_parts(SHARED, drawn))
    for index, one in enumerate(SHARED.tunnels):
        tunnels = (*SHARED.tunnels[:index], replace(one, mss=1111, neighbors=()), *SHARED.tunnels[index + 1 :])
        parts = ruleset_parts(replace(SHARED, tunnels=tunnels), drawn if known else {})
        wanted = FirewallTable("".join(parts), parts)
        assert wanted.text == render_ruleset(replace(SHARED, tunnels=tunnels))
        assert find_difference(standing, wanted) == find_amendment(standing.text, wanted.text) != Amendment({}, {})
        if known:
            assert sum(old is not new for old, new in zip(standing.parts, wanted.parts, strict=True)) <= 5


@pytest.mark.parametrize("element", ["10.0.0.0/8", "1-5", '"a" . "b"', "", "ether", '"a', "10.0.0.1 : x"])
def test_elements_of_other_kinds_are_left_to_the_program(element: str) -> None:
    with pytest.raises(ValueError, match=r"kind|address"):
        render_batch([(NEW, "mss4", [element])])


def test_more_than_a_message_holds_is_left_to_the_program() -> None:
    with pytest.raises(ValueError, match="fits"):
        render_batch([(NEW, "tunnels", [f'"t{number}"' for number in range(4000)])])


def test_an_amended_table_is_the_one_that_is_loaded_whole(nft: Nft) -> None:
    load(nft)
    asyncio.run(nft.observe())
    (wanted, *_) = amended()
    asyncio.run(nft.apply([Change(TABLE, wanted)]))
    listed = digest_listing(run("-s list table inet appliance"))
    run("delete table inet appliance")
    load(nft, wanted)
    assert digest_listing(run("-s list table inet appliance")) == listed


def test_a_strangers_rule_is_seen_after_an_amendment_too(nft: Nft) -> None:
    load(nft)
    asyncio.run(nft.observe())
    run("add rule inet appliance input udp dport 7 drop")
    (wanted, *_) = amended()
    asyncio.run(nft.apply([Change(TABLE, wanted)]))
    assert asyncio.run(nft.observe()) != {wanted}


def test_a_table_that_went_meanwhile_is_loaded_whole(nft: Nft) -> None:
    load(nft)
    asyncio.run(nft.observe())
    run("delete table inet appliance")
    (wanted, *_) = amended()
    (outcome,) = asyncio.run(nft.apply([Change(TABLE, wanted)]))
    assert outcome.error is None
    assert asyncio.run(nft.observe()) == {wanted}


def test_who_comes_right_after_the_table_was_loaded_again_is_seen(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it was looked at: what he left must not count as what was loaded."""
    load(nft)
    look, come = nft._listing, ["flush table inet appliance"]

    async def late() -> str | None:
        while come:
            run(come.pop())
        return await look()

    monkeypatch.setattr(nft, "_listing", late)
    load(nft)
    assert asyncio.run(nft.observe()) == {TABLE}
    assert "jump protect" in run("list table inet appliance")


def test_other_intervals_or_rules_are_no_amendment() -> None:
    for filter in (
        replace(SHARED, protected=(*SHARED.protected, ip_network("172.31.0.0/16"))),
        replace(SHARED, host_is_ours=True),
    ):
        assert find_amendment(TABLE.text, render_ruleset(filter)) is None
