"""The question how things stand: it is answered, or whoever asked is sent to look for himself."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from appliance.control import asking
from appliance.control.asking import ask_status, render_question
from appliance.control.channel import FILE, Tell, listening
from appliance.control.wire import Question, Unreadable, parse_line
from appliance.model.fault import ApplianceError, Fault, FaultyInput, SystemLacks
from appliance.model.order import Made, Order

PROGRAM = "1.2.3"
STATUS = {"state": "ok", "connections": [{"name": "vpc", "why": None, "loss": 0.5}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


async def carry(order: Order, tell: Tell) -> tuple[Made, ...]:
    raise AssertionError(order)


def asked(path: Path, found: dict[str, Any] | Exception) -> dict[str, Any] | None:
    """What the question brings, of a daemon that sees this."""

    async def look(question: Question) -> dict[str, Any]:
        assert question == Question(PROGRAM)
        if isinstance(found, Exception):
            raise found
        return found

    async def scene() -> dict[str, Any] | None:
        async with asyncio.timeout(20), listening(path, carry, look):
            return await asyncio.to_thread(ask_status, path, PROGRAM)

    return asyncio.run(scene())


@contextmanager
def saying(path: Path, *lines: bytes) -> Iterator[None]:
    """Somebody at the socket who hears one question, says these lines and ends."""

    def talk() -> None:
        heard, _ = server.accept()
        with heard:
            heard.recv(65536)
            for line in lines:
                heard.sendall(line)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = Thread(target=talk)
        thread.start()
        yield
        thread.join()


def test_a_question_is_not_an_order() -> None:
    assert parse_line(render_question(PROGRAM)) == Question(PROGRAM)
    for more in ({"order": "learn"}, {"tunnel": "a"}, {"program": 3}, {"question": "why"}):
        with pytest.raises(Unreadable):
            parse_line(json.dumps(json.loads(render_question(PROGRAM)) | more))


def test_the_status_arrives_as_it_was_seen(path: Path) -> None:
    assert asked(path, STATUS) == STATUS


def test_a_status_of_a_megabyte_arrives_whole(path: Path) -> None:
    status = {"connections": ["x" * 1000] * 1000}
    assert asked(path, status) == status


def test_what_hindered_the_daemon_is_raised_with_all_its_faults(path: Path) -> None:
    fault = Fault("bad", file="intent.yaml", line=3)
    with pytest.raises(ApplianceError) as raised:
        asked(path, FaultyInput("1 fault", hint="mend it", faults=(fault,)))
    assert (raised.value.exit, raised.value.message, raised.value.hint) == (3, "1 fault", "mend it")
    assert raised.value.faults == (fault,)


@pytest.mark.parametrize(
    "own",
    [
        ApplianceError("another version", code="protocol"),
        SystemLacks("not root", code="privilege"),
        ZeroDivisionError(),
    ],
)
def test_what_is_the_daemons_own_matter_is_not_raised(path: Path, own: Exception) -> None:
    assert asked(path, own) is None


def test_without_a_daemon_there_is_no_answer(path: Path) -> None:
    assert ask_status(path, PROGRAM) is None
    path.write_text("left over")
    assert ask_status(path, PROGRAM) is None


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b'{"alive": true}\n',),
        (b'{"alive": true}\n', b"not JSON\n"),
        (b'{"alive": true}\n', b'{"done": []}\n'),
        (b'{"alive": true}\n', b'{"status": []}\n'),
        (b"\xff\xfe\n",),
        (b"7\n",),
        (b'{"error": {"exit": 1}}\n',),
    ],
)
def test_a_daemon_that_cannot_be_understood_has_not_answered(path: Path, lines: tuple[bytes, ...]) -> None:
    with saying(path, *lines):
        assert ask_status(path, PROGRAM) is None


def test_a_daemon_that_hangs_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BEGINS_WITHIN", 0.05)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert ask_status(path, PROGRAM) is None


def test_one_that_stops_in_the_middle_is_not_waited_for_either(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SILENT_FOR", 0.05)

    async def never(question: Question) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def scene() -> None:
        async with asyncio.timeout(20), listening(path, carry, never):
            assert await asyncio.to_thread(ask_status, path, PROGRAM) is None
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    asyncio.run(scene())
