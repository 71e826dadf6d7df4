"""The channel to the guest where an earlier guest of the same path left its socket behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.lab.guest import Guest


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    """One that never ran, in a runtime folder that holds a dead socket of its name."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("APPLIANCE_GUEST", str(tmp_path / "guest"))
    guest = Guest(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(guest._control))
    return guest


def test_a_dead_socket_is_no_channel(guest: Guest) -> None:
    assert guest._control.exists()
    assert not guest._channel_answers()


def test_a_dead_socket_goes_although_no_guest_was_ever_booted_here(guest: Guest) -> None:
    guest.stop()
    assert not guest._control.exists()
