"""Whoever steps in for another daemon waits for the end of its ExaBGP, known by number and start."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.announce import process
from appliance.announce.process import begun, wait_for_end


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(("sleep", "60")) as other:
        yield other
        other.kill()


def written(folder: Path, words: str) -> Path:
    mark = folder / "mark"
    mark.write_text(words, encoding="utf-8")
    return mark


def test_the_end_is_waited_for_and_heard_of(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    mark = written(tmp_path, f"{sleeper.pid} {begun(sleeper.pid)}\n")

    async def scene() -> None:
        waiting = asyncio.create_task(wait_for_end(mark))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        sleeper.kill()
        async with asyncio.timeout(process.ENDS_WITHIN / 2):
            await waiting

    asyncio.run(scene())
    assert sleeper.wait() != 0


def test_one_that_does_not_end_is_waited_for_no_longer_than_it_may_take(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ENDS_WITHIN", 0.05)
    asyncio.run(wait_for_end(written(tmp_path, f"{sleeper.pid} {begun(sleeper.pid)}\n")))
    assert sleeper.poll() is None


@pytest.mark.parametrize("words", ["", "nobody", "{pid} 1", "4194305 1"])
def test_nobody_waits_for_another_of_the_same_number_or_for_none(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], words: str
) -> None:
    async def scene() -> None:
        async with asyncio.timeout(process.ENDS_WITHIN / 2):
            await wait_for_end(written(tmp_path, words.format(pid=sleeper.pid)))

    asyncio.run(scene())
    asyncio.run(wait_for_end(tmp_path / "no-mark"))
