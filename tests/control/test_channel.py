"""The real socket: whose it is, who may order, and what either end hears when the other is not as it should be."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from appliance.control import channel
from appliance.control.channel import FILE, Tell, listening, order_daemon
from appliance.control.wire import Question, render_order
from appliance.model.fault import ApplianceError, Refused, SystemFailure, SystemLacks
from appliance.model.order import Drain, Learn, Made, Order

NOBODY = 65534
STEPS = (Made("add", "a"), Made("change", "b", "busy"))


class Writer:
    """Carries orders out, as it is told to."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.orders: list[Order] = []
        self.error = error
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, order: Order, tell: Tell) -> tuple[Made, ...]:
        self.orders.append(order)
        tell(STEPS[0])
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        tell(STEPS[1])
        return STEPS


async def see(question: Question) -> dict[str, object]:
    return {"asked by": question.program}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def play(path: Path, writer: Writer, scene: Callable[[], Awaitable[None]]) -> None:
    async def both() -> None:
        async with asyncio.timeout(20), listening(path, writer, see):
            await scene()

    asyncio.run(both())


def talk(path: Path, raw: bytes) -> bytes:
    """As a client of another kind."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(raw)
        found = b""
        while chunk := sock.recv(65536):
            found += chunk
        return found


def test_an_order_is_carried_out_and_its_steps_are_told(path: Path) -> None:
    writer, told = Writer(), list[Made]()

    async def scene() -> None:
        assert await order_daemon(path, render_order(Drain("vpc-1")), told.append) == STEPS

    play(path, writer, scene)
    assert writer.orders == [Drain("vpc-1")]
    assert told == list(STEPS)
    assert not path.exists()


def test_the_socket_is_its_owners_alone(path: Path) -> None:
    path.write_text("left over")

    async def scene() -> None:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    play(path, Writer(), scene)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_nobody_else_may_order(path: Path, mode: int) -> None:
    """By the file's mode, and where that was opened by the kernel's word for who is there."""
    writer = Writer()
    code = f"""
import socket, sys
sock = socket.socket(socket.AF_UNIX); sock.settimeout(10)
try: sock.connect({str(path)!r})
except PermissionError: sys.exit("closed")
sock.sendall({render_order(Learn())!r}.encode()); print(sock.recv(9999).decode())
"""

    async def scene() -> None:
        for folder in (path, *path.parents):
            if folder == Path("/tmp"):
                break
            folder.chmod(mode if folder == path else 0o755)
        done = await asyncio.to_thread(
            subprocess.run, ["/usr/bin/env", "python3", "-c", code], user=NOBODY, group=NOBODY, capture_output=True,
            text=True, check=False, cwd="/",
        )  # fmt: skip
        assert "closed" in done.stderr if mode == 0o600 else '"privilege"' in done.stdout, done

    play(path, writer, scene)
    assert writer.orders == []


@pytest.mark.parametrize("error", [Refused("no", code="rule"), SystemLacks("no charon", code="charon")])
def test_what_the_daemon_refuses_the_verb_raises(path: Path, error: ApplianceError) -> None:
    async def scene() -> None:
        with pytest.raises(ApplianceError) as raised:
            await order_daemon(path, render_order(Learn()), lambda _: None)
        assert (raised.value.exit, raised.value.code, raised.value.message) == (error.exit, error.code, error.message)

    play(path, Writer(error=error), scene)


def test_a_defect_ends_the_order_and_not_the_daemon(path: Path) -> None:
    writer = Writer(error=ZeroDivisionError("a secret"))

    async def scene() -> None:
        for _ in range(2):
            with pytest.raises(ApplianceError) as raised:
                await order_daemon(path, render_order(Learn()), lambda _: None)
            assert raised.value.code == "defect"
            assert "a secret" not in raised.value.message

    play(path, writer, scene)
    assert len(writer.orders) == 2


@pytest.mark.parametrize("raw", [b"\n", b"{}\n", b"\xff\xfe\n", b'{"version": 3, "order": "learn"}\n', b"[1]\n"])
def test_what_is_no_order_is_answered_and_not_carried_out(path: Path, raw: bytes) -> None:
    writer = Writer()

    async def scene() -> None:
        assert b'"protocol"' in await asyncio.to_thread(talk, path, raw)

    play(path, writer, scene)
    assert writer.orders == []


def test_a_line_without_end_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "ORDERED_WITHIN", 0.05)
    writer = Writer()

    async def scene() -> None:
        assert b"no order came" in await asyncio.to_thread(talk, path, b'{"version"')

    play(path, writer, scene)
    assert writer.orders == []


def test_an_order_goes_on_when_whoever_gave_it_is_gone(path: Path) -> None:
    async def scene() -> None:
        writer.go_on.clear()
        order = asyncio.create_task(order_daemon(path, render_order(Learn()), lambda _: None))
        while not writer.orders:
            await asyncio.sleep(0.002)
        order.cancel()
        await asyncio.gather(order, return_exceptions=True)
        writer.go_on.set()
        assert await order_daemon(path, render_order(Drain("b")), lambda _: None) == STEPS

    writer = Writer()
    play(path, writer, scene)
    assert writer.orders == [Learn(), Drain("b")]


def test_a_long_order_gives_signs_of_life(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "SIGN_OF_LIFE", 0.01)
    monkeypatch.setattr(channel, "SILENT_FOR", 2.0)
    monkeypatch.setattr(channel, "Alive", lambda: writer.go_on.set() or Alive())
    from appliance.control.wire import Alive

    async def scene() -> None:
        writer.go_on.clear()  # until the first sign of life
        assert await order_daemon(path, render_order(Learn()), lambda _: None) == STEPS

    writer = Writer()
    play(path, writer, scene)


def test_a_stuck_daemon_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "SILENT_FOR", 0.05)

    async def scene() -> None:
        writer.go_on.clear()
        with pytest.raises(SystemFailure, match="said nothing"):
            await order_daemon(path, render_order(Learn()), lambda _: None)
        writer.go_on.set()

    writer = Writer()
    play(path, writer, scene)


def test_a_daemon_that_ends_in_the_middle_is_told_of(path: Path) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async def scene() -> None:
        async with await asyncio.start_unix_server(close, path):
            with pytest.raises(SystemFailure, match="ended before it was done"):
                await order_daemon(path, render_order(Learn()), lambda _: None)

    asyncio.run(scene())


def test_a_daemon_that_takes_no_orders_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "STARTS_WITHIN", 0.05)
    with pytest.raises(SystemLacks, match="takes no orders") as lack:
        asyncio.run(order_daemon(path, render_order(Learn()), lambda _: None))
    assert lack.value.exit == 6


def test_a_daemon_that_only_begins_is_waited_for(path: Path) -> None:
    async def scene() -> None:
        order = asyncio.create_task(order_daemon(path, render_order(Learn()), lambda _: None))
        await asyncio.sleep(0)
        async with listening(path, Writer(), see):
            assert await order == STEPS

    asyncio.run(scene())
