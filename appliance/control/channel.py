"""The door to the local socket over which orders and questions reach the daemon: root's, one to a connection."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from appliance.control.standing import Standing
from appliance.control.wire import (
    LONGEST,
    Alive,
    Answer,
    Done,
    Question,
    Told,
    Unreadable,
    parse_answer,
    parse_line,
    render_answer,
)
from appliance.model.fault import ApplianceError, SystemFailure, SystemLacks
from appliance.model.order import Commit, Made, Order

FILE = "control.sock"
ORDERED_WITHIN = 10.0
"""Seconds in which an order must be complete."""
SIGN_OF_LIFE = 5.0
"""Seconds between two lines at most, while an order is carried out."""
SILENT_FOR = 30.0
"""Seconds without a line after which the daemon counts as stuck."""
ANSWERED_FIRST = 0.02
"""Seconds from the end of an order until what only the next one needs is found out."""
STARTS_WITHIN = 5.0
"""Seconds that a daemon which has just begun takes to listen."""

Tell = Callable[[Made], None]
Carry = Callable[[Order, Tell], Awaitable[tuple[Made, ...]]]
"""Whoever carries an order out, and tells of its steps."""
Look = Callable[[Question], Awaitable[Mapping[str, Any]]]
"""Whoever sees how things stand."""

T = TypeVar("T")


@asynccontextmanager
async def listening(
    path: Path, carry: Carry, look: Look, read: Callable[[], str | None] = lambda: None
) -> AsyncIterator[None]:
    """Take orders and answer questions while the block runs. The socket is its owner's alone, and only root's or the
    owner's word counts. An order that was begun is carried to its end, whether anybody still listens to how it goes or
    not. ``read`` finds the intent in force."""
    standing = Standing(read)
    running: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await _answer(reader, writer, carry, look, standing)
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(answer, sock=_bound(path), limit=LONGEST)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
        if running:
            await asyncio.wait(running)


def _bound(path: Path) -> socket.socket:
    """Whoever holds the daemon's lock is the only one here: a socket that is left over is nobody's."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(mask)
    except OSError as error:
        sock.close()
        raise SystemFailure(f"cannot listen at {path}: {error.strerror}", code="control") from None
    return sock


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carry: Carry, look: Look, standing: Standing
) -> None:
    """Read one order, carry it out, tell of it; or one question, and answer it."""

    def tell(answer: Answer) -> None:
        if not writer.is_closing():
            writer.write(render_answer(answer).encode())

    last: Answer
    try:
        async with asyncio.timeout(ORDERED_WITHIN):
            line = await reader.readline()  # before all else: who still writes when we close hears no answer
        _refuse_others(writer)
        order = parse_line(line.decode(), standing)
        if isinstance(order, Question):
            tell(Alive())
            last = Told(await _alive_meanwhile(look(order), tell))
        else:
            last = Done(await _alive_meanwhile(carry(order, tell), tell))
            if isinstance(order, Commit):
                asyncio.get_running_loop().call_later(ANSWERED_FIRST, standing.expect, order.text)
    except ApplianceError as error:
        last = error
    except (Unreadable, ValueError) as error:  # ValueError: longer than LONGEST, or not UTF-8
        what = str(error) if isinstance(error, Unreadable) else "not a line of text"
        hint = "restart the daemon: it and the command are of different versions"
        last = ApplianceError(f"the daemon cannot read the order: {what}", hint=hint, code="protocol")
    except TimeoutError:
        last = ApplianceError(f"no order came within {ORDERED_WITHIN:.0f} s", code="protocol")
    except OSError:
        return
    except Exception as defect:  # noqa: BLE001 - whatever it is, the daemon goes on and the caller hears of it
        last = ApplianceError(f"a defect of the appliance: {type(defect).__name__}", code="defect")
    tell(last)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ORDERED_WITHIN):
            await writer.drain()


def _refuse_others(writer: asyncio.StreamWriter) -> None:
    """By the kernel's word for who is at the other end (unix(7), SO_PEERCRED)."""
    sock = writer.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid not in (0, os.geteuid()):
        raise SystemLacks("the daemon takes no orders from this user", hint="run it as root", code="privilege")


async def _alive_meanwhile(work: Awaitable[T], tell: Callable[[Answer], None]) -> T:
    task = asyncio.ensure_future(work)
    while not (await asyncio.wait({task}, timeout=SIGN_OF_LIFE))[0]:
        tell(Alive())
    return task.result()


async def order_daemon(path: Path, line: str, tell: Tell) -> tuple[Made, ...]:
    """Send an order and wait until it is done. Raises what the daemon raised; SystemLacks when nobody takes orders."""
    reader, writer = await _connected(path)
    try:
        writer.write(line.encode())
        while True:
            answer = await _next_answer(reader, writer)
            match answer:
                case Made():
                    tell(answer)
                case Done():
                    return answer.made
                case ApplianceError():
                    raise answer
    finally:
        writer.close()


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    end = asyncio.get_running_loop().time() + STARTS_WITHIN
    while True:
        try:
            return await asyncio.open_unix_connection(path, limit=LONGEST)
        except PermissionError:
            raise SystemLacks(f"no right to order at {path}", hint="run it as root", code="privilege") from None
        except OSError as error:
            if asyncio.get_running_loop().time() > end:
                hint = "restart it: systemctl restart appliance"
                raise SystemLacks(f"the daemon runs, but takes no orders at {path} ({error.strerror})",
                                  hint=hint, code="daemon") from None  # fmt: skip
        await asyncio.sleep(0.1)


async def _next_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    hint = "`appliance plan` shows what is left to do"
    try:
        async with asyncio.timeout(SILENT_FOR):
            await writer.drain()
            line = await reader.readline()
        if line:
            return parse_answer(line.decode())
        what = "ended before it was done"
    except TimeoutError:
        what = f"said nothing for {SILENT_FOR:.0f} s"
    except (OSError, ValueError) as error:
        what = f"cannot be understood: {error}"
    raise SystemFailure(f"the daemon {what}", hint=hint, code="daemon")
