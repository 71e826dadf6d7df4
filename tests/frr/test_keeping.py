"""The record of what FRR was told: amended line by line, and none as soon as anything about it is doubtful."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.frr.files import ROOM, RecordFile
from appliance.frr.record import parse_record, render_record
from appliance.frr.render import write_frr
from appliance.frr.vtysh import Frr
from appliance.frr.way import find_way
from appliance.model.change import Change
from appliance.model.peering import BgpRouter
from appliance.model.resources import FrrConfig
from tests.frr.routers import neighbor, templates, with_neighbors

US = {"bgpd": "1 2", "mgmtd": "3 4"}
PEERS = tuple(neighbor(f"169.254.30.{4 * n + 1}", f"169.254.30.{4 * n + 2}", f"t{n}") for n in range(12))


def config(router: BgpRouter, known: dict[object, object]) -> FrrConfig:
    return FrrConfig(write_frr(router, dict(templates()), known), router.secrets)


def amendment(told: FrrConfig | None, wanted: FrrConfig) -> str | None:
    way = find_way(told, wanted) if told is not None else None
    return way.amendment if way is not None else None


CHANGES = st.lists(
    st.tuples(
        st.sets(st.integers(0, 11), min_size=1), st.integers(0, 11), st.sampled_from((30, 60, 90)), st.booleans()
    ),
    min_size=1,
    max_size=8,
)
"""Which neighbours there are, which of them has another hold time, and whether another process reads meanwhile."""


@given(changes=CHANGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_whatever_is_told_one_after_the_other_everybody_reads_the_last(
    changes: list[tuple[set[int], int, int, bool]], tmp_path: Path
) -> None:
    path, known = tmp_path / "frr.json", dict[object, object]()
    path.unlink(missing_ok=True)
    file = RecordFile(path)
    for there, changed, hold, is_asked in changes:
        peers = [replace(PEERS[at], hold=hold if at == changed else 30) for at in sorted(there)]
        wanted = config(with_neighbors(*peers), known)
        told = file.recall(US)
        file.take_away()
        assert RecordFile(path).recall(US) is None
        file.put_back(US, wanted, amendment(told, wanted))
        assert file.recall(US) is wanted
        if is_asked:
            assert RecordFile(path).recall(US) == wanted
            assert RecordFile(path).recall(US | {"bgpd": "1 3"}) is None
    assert RecordFile(path).recall(US) == FrrConfig(wanted.text)


@pytest.fixture
def amended(tmp_path: Path) -> tuple[Path, str, str]:
    """A record with two amendments, the text of all of it and of what was told last."""
    path, known = tmp_path / "frr.json", dict[object, object]()
    file, told = RecordFile(path), None
    for hold in (30, 60, 90):
        wanted = config(with_neighbors(replace(PEERS[0], hold=hold), *PEERS[1:]), known)
        file.take_away()
        file.put_back(US, wanted, amendment(told, wanted))
        told = wanted
    return path, path.read_text(), wanted.text


def test_a_line_more_is_all_that_is_written(amended: tuple[Path, str, str]) -> None:
    _, whole, text = amended
    lines = whole.splitlines()
    assert [line[:1] == "{" for line in lines].count(True) == 1
    assert [line.split(" ", 1)[1][:9] for line in lines[-2:]] == ['{"length"'] * 2
    assert parse_record(whole, US) == text
    assert len(whole) < 1.1 * len(text)


def test_a_record_that_ends_anywhere_before_its_end_is_none(amended: tuple[Path, str, str]) -> None:
    path, whole, text = amended
    ends = {at + 1 for at, letter in enumerate(whole) if letter == "\n" and len(text) * 0.9 < at}
    for end in range(len(whole)):
        cut = parse_record(whole[:end], US)
        assert cut is None or end in ends
    path.write_text(whole[:-1])
    assert RecordFile(path).recall(US) is None


def test_a_record_with_a_damaged_line_is_none(amended: tuple[Path, str, str]) -> None:
    path, whole, _ = amended
    begin = len(whole) - sum(len(line) + 1 for line in whole.splitlines()[-2:])
    for at in range(begin, len(whole)):
        for other in ("\0", "7", "}", "\n"):
            if whole[at] != other:
                assert parse_record(whole[:at] + other + whole[at + 1 :], US) is None
    path.write_bytes(whole.encode()[:-20] + b"\xff" * 20)
    assert RecordFile(path).recall(US) is None


@pytest.mark.parametrize(
    "head",
    [
        "",
        "[]",
        '{"version": 3, "instances": {}}',
        '{"version": 3, "instances": {}, "length": "4"}',
        '{"version": 3, "instances": {}, "length": -1}',
        '{"version": 2, "instances": {}, "length": 4}',
    ],
)
def test_a_record_with_another_head_is_none(head: str) -> None:
    assert parse_record(render_record({}, "text"), {}) == "text"
    assert parse_record(f"{head}\ntext", {}) is None


def test_who_ends_while_frr_is_told_leaves_no_record_and_the_next_writes_a_whole_one(tmp_path: Path) -> None:
    path, known = tmp_path / "frr.json", dict[object, object]()
    one, two = (config(with_neighbors(replace(PEERS[0], hold=hold)), known) for hold in (30, 90))
    file = RecordFile(path)
    file.put_back(US, one)
    file.take_away()
    after = RecordFile(path)
    assert after.recall(US) is None
    after.take_away()
    after.put_back(US, two, amendment(one, two))
    assert path.read_text() == render_record(US, two.text)
    assert [found.name for found in tmp_path.iterdir()] == ["frr.json"]


def test_what_was_told_by_others_meanwhile_is_not_amended(tmp_path: Path) -> None:
    path, known = tmp_path / "frr.json", dict[object, object]()
    one, two = (config(with_neighbors(replace(PEERS[0], hold=hold)), known) for hold in (30, 90))
    file = RecordFile(path)
    file.put_back(US, one)
    path.write_text(render_record(US, "theirs\n"))
    file.take_away()
    file.put_back(US, two, amendment(one, two))
    assert path.read_text() == render_record(US, two.text)


def test_a_record_does_not_grow_for_ever(tmp_path: Path) -> None:
    path, known = tmp_path / "frr.json", dict[object, object]()
    file, told, sizes = RecordFile(path), None, []
    for turn in range(60):
        wanted = config(with_neighbors(replace(PEERS[0], hold=30 + turn), *PEERS[1:]), known)
        file.take_away()
        file.put_back(US, wanted, amendment(told, wanted))
        sizes.append(path.stat().st_size)
        told = wanted
    assert max(sizes) <= len(render_record(US, wanted.text)) * (1 + 1 / ROOM) + 2
    assert sum(after < before for before, after in pairwise(sizes)) in range(1, 20)
    assert path.stat().st_mode & 0o777 == 0o600


class _Conversation(socketserver.BaseRequestHandler):
    """Takes every command, and runs nothing."""

    def handle(self) -> None:
        while received := self.request.recv(1 << 16):
            for command in received.split(b"\0")[:-1]:
                self.server.heard.append(command.decode())  # type: ignore[attr-defined]
                self.request.sendall(b"FRRouting 10.3 (here).\0\0\0\0" if command == b"show version" else b"\0\0\0\0")


class _Daemon(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Conversation)
        self.heard: list[str] = []


@pytest.fixture
def bgpd(tmp_path: Path) -> Iterator[_Daemon]:
    daemons = [_Daemon(tmp_path / f"{name}.vty") for name in ("zebra", "mgmtd", "bgpd")]
    for daemon in daemons:
        threading.Thread(target=daemon.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield daemons[-1]
    for daemon in daemons:
        daemon.shutdown()
        daemon.server_close()


def test_an_order_costs_what_it_changes(bgpd: _Daemon, tmp_path: Path) -> None:
    """The text is not put together, and the record grows by a line."""
    known = dict[object, object]()
    door = Frr(tmp_path, tmp_path / "frr.json")
    one, two = (config(with_neighbors(replace(PEERS[0], hold=hold), *PEERS[1:]), known) for hold in (30, 90))

    async def order(old: FrrConfig | None, new: FrrConfig) -> None:
        assert await door.observe() == (frozenset({old}) if old is not None else frozenset())
        [outcome] = await door.apply([Change(old, new)])
        assert outcome.error is None

    asyncio.run(order(None, one))
    before = (tmp_path / "frr.json").stat().st_size
    bgpd.heard.clear()
    asyncio.run(order(one, two))
    said = [line for line in bgpd.heard if line.startswith("neighbor ")]
    assert said == ["neighbor 169.254.30.1 timers 1 90"]
    assert (tmp_path / "frr.json").stat().st_size < before + 500
    assert "text" not in vars(two.written)
    assert asyncio.run(Frr(tmp_path, tmp_path / "frr.json").observe()) == {two}
