"""Another version of ExaBGP in the place of the one that runs: it goes without a word, what it learned stays in the
kernel until the next one has learned it again, and nobody has to do anything for that (RFC 4724)."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import venv
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from appliance.announce import process
from tests.announce.far import NOTIFICATION, OPEN, until
from tests.contracts.namespace import ip
from tests.daemon.embedded import NET, Scene, play
from tests.fakes.box import Box

NEXT = "5.0.999"
BOTH = {"vpc-1", "vpc-2"}
RESTARTED = bytes((64, 6, 0x80, 120, 0, 1, 1, 0x80))
"""The capability of RFC 4724, section 3: restarted, for two minutes; IPv4 unicast, whose forwarding state was kept."""


@pytest.fixture
def another(folder: Path) -> str:
    """A Python whose ExaBGP says that it is the next version."""
    spec = importlib.util.find_spec("exabgp")
    if spec is None or spec.origin is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    venv.create(folder / "next", symlinks=True)
    [libraries] = (folder / "next").glob("lib/python3*/site-packages")
    copytree(Path(spec.origin).parent, libraries / "exabgp", ignore=ignore_patterns("__pycache__"))
    version = libraries / "exabgp" / "version.py"
    version.write_text(version.read_text() + f"\nrelease = version = {NEXT!r}\n")
    python = f"{folder}/next/bin/python"
    said = subprocess.run([python, "-P", "-m", "exabgp", "version"], capture_output=True, text=True, check=True).stdout
    assert f"ExaBGP : {NEXT}" in said
    return python


async def learn(at: Scene) -> None:
    """Both gateways tell two prefixes."""
    await at.both_up()
    for end in at.ends.values():
        end.restart = 60
        end.offer([NET, "10.2.0.0/16"])
        end.end_of_rib()
    await until(lambda: at.routes() == {NET: BOTH, "10.2.0.0/16": BOTH})


async def see_the_next(at: Scene, python: str) -> None:
    """It runs, both gateways were told nothing else than that it restarted, and what they do not tell again goes."""
    await until(lambda: all(end.up and end.sessions == 2 for end in at.ends.values()))
    command = Path(f"/proc/{at.process}/cmdline").read_text()
    assert command.startswith(python), command
    assert at.routes() == {NET: BOTH, "10.2.0.0/16": BOTH}
    for end in at.ends.values():
        assert not any(kind == NOTIFICATION for kind, _ in end.heard)
        assert any(kind == OPEN and RESTARTED in body for kind, body in end.heard), end.heard
        end.offer([NET])
        end.end_of_rib()
    await until(lambda: at.routes() == {NET: BOTH})


def test_a_speaker_that_is_ended_comes_back_as_the_version_that_is_there(
    box: Box, folder: Path, another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await learn(at)
        links = ip("-j link show")
        monkeypatch.setattr(process, "AS_MODULE", (another, *process.AS_MODULE[1:]))
        os.kill(at.process, signal.SIGKILL)
        await see_the_next(at, another)
        assert ip("-j link show") == links

    play(box, folder, scene)


def test_a_daemon_that_is_started_anew_brings_the_version_that_is_there(
    box: Box, folder: Path, another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an upgrade of packages does it."""
    old = process.AS_MODULE

    async def scene(at: Scene) -> None:
        before = at.routes()
        await at.want()
        assert at.routes() == before
        if not before:
            await learn(at)
            monkeypatch.setattr(process, "AS_MODULE", (another, *old[1:]))
        else:
            await see_the_next(at, another)

    play(box, folder, scene, times=2)
