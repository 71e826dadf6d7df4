"""What an operator asked of single tunnels, kept over a reboot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.history.operations import parse_operations, render_operations
from appliance.history.store import Store
from appliance.model.fault import SystemFailure
from appliance.model.operation import Drain, Operations

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ASKED = Operations({"vpc-1": Drain(NOON), "vpc-2": Drain(NOON, NOON + timedelta(hours=2))}, {"vpc": "vpc-2"})


def test_it_is_read_back_as_it_was_written() -> None:
    assert parse_operations(render_operations(ASKED)) == ASKED


def test_a_drain_ends_by_itself() -> None:
    assert ASKED.drained_at(NOON) == {"vpc-1", "vpc-2"}
    assert ASKED.next_change(NOON) == NOON + timedelta(hours=2)
    assert ASKED.drained_at(NOON + timedelta(hours=2)) == {"vpc-1"}
    assert ASKED.next_change(NOON + timedelta(hours=2)) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"version": 1}',
        '{"drained": {"a": 1}, "pinned": {}}',
        '{"drained": {"a": {"since": "2026-01-01T00:00:00", "until": null}}, "pinned": {}}',
        '{"drained": {"a": {"since": "soon", "until": null}}, "pinned": {}}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not what was asked"):
        parse_operations(text)


def test_the_store_keeps_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "etc", tmp_path / "var", tmp_path / "run")
    assert store.load_operations() == Operations()
    store.save_operations(ASKED)
    assert store.load_operations() == ASKED
    store.operations_file.write_text("[]")
    with pytest.raises(SystemFailure, match="damaged"):
        store.load_operations()
