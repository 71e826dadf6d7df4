"""The programs that ExaBGP's user runs lie where he can open them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.announce.exabgp_api import lay_programs
from appliance.model.fault import SystemFailure


def test_a_folder_that_was_closed_is_open_again(tmp_path: Path) -> None:
    """As systemd does it at each start of the unit (systemd.exec(5), RuntimeDirectoryMode)."""
    folder = tmp_path / "appliance-speaker"
    folder.mkdir(mode=0o750)
    lay_programs(folder, {"bridge": "import sys\n"})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "bridge").stat().st_mode) == 0o644


def test_no_folder_is_a_failure_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="appliance-speaker"):
        lay_programs(tmp_path / "appliance-speaker", {"bridge": ""})
