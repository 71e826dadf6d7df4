"""The embedded BGP speaker kept running: started when it is wanted, told to read a changed configuration, started again
when it or its bridge died, ended when nobody wants it.

All in the daemon's one event loop: lines are taken in by slices, so that no verdict waits for a full table.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any

from appliance.announce.answers import tell_filtered, tell_paths, tell_sessions
from appliance.announce.bridge import bridge_socket, is_bridge
from appliance.announce.exabgp_api import bind_answers, lay_programs
from appliance.announce.process import Speaker, end_leftover, start_speaker
from appliance.daemon.listening import Listening
from appliance.daemon.waking import Bell, marks
from appliance.daemon.wiring import Systems, read_programs
from appliance.model.fault import ApplianceError

PULSE = 0.5  # seconds between two looks at the configuration's file
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a speaker that ended is started again: doubled each time it did not live for long."""
LIVED_LONG = 60.0
ANSWERS_WITHIN = 30.0
"""Seconds: ExaBGP says "done" when it took a command. One that does not is stuck, and started again."""
CHUNK = 1 << 18
SLICE = 0.005  # seconds of taking in until others get their turn
LONGEST_LINE = 1 << 24  # an UPDATE of 65,535 bytes is some 2 MB of JSON

Log = Callable[[str], None]


class Keeper:
    """The process, its connection and the questions about it."""

    def __init__(self, systems: Systems, listening: Listening, log: Log) -> None:
        self._systems = systems
        self._listening = listening
        self._log = log
        self._speaker: Speaker | None = None
        self._ended: asyncio.Task[int] | None = None
        self._writer: StreamWriter | None = None
        self._talk: asyncio.Task[None] | None = None
        self._config: object = None
        self._read: object = None
        self._reading: tuple[object, int, bool] | None = None
        self._commands = 0
        self._due: tuple[int, float] | None = None
        self._begun = 0.0
        self._pause = FIRST_PAUSE
        self._not_before = 0.0
        self._address = ""
        self._changing = asyncio.Lock()
        self.bell = Bell()
        listening.on_change = self.bell.ring

    @property
    def _mark(self) -> Path:
        return self._systems.exabgp.mark

    async def keep(self, stop: asyncio.Event) -> None:
        """Until told to stop. The speaker then ends without a word, and what it brought stays in the kernel."""
        if end_leftover(self._mark):
            self._log("the ExaBGP of a daemon that was killed is ended")
        bridge = bridge_socket(f"appliance-speaker-{secrets.token_hex(8)}")
        self._address = bridge.getsockname()[1:].decode()
        async with (
            await asyncio.start_unix_server(self._converse, sock=bridge),
            await asyncio.start_unix_server(self._answer, bind_answers(self._systems.exabgp.socket)),
        ):
            try:
                while not stop.is_set():
                    await self._look()
                    self.bell.answer()
                    await self.bell.wait(PULSE)
            finally:
                await self._end(silently=True)
                if self._talk is not None:  # its other end is gone with ExaBGP
                    await asyncio.wait([self._talk], timeout=1)

    async def _look(self) -> None:
        """One look: is it wanted, does it run, by this configuration?"""
        try:
            async with self._changing:
                await self._bring_about()
            due = self._listening.due()
            if due is not None and due <= monotonic():
                await self._listening.settle()
        except ApplianceError as error:
            self._log(error.message)
            self._wait_longer()

    async def _bring_about(self) -> None:
        [config] = marks([self._systems.exabgp.file])
        if self._ended is not None and self._ended.done():
            await self._mourn(f"ExaBGP ended ({self._ended.result()})")
        if self._due is not None and self._listening.answers > self._due[0]:
            self._due = None
        elif self._due is not None and self._due[1] < monotonic():
            await self._mourn("ExaBGP does not answer")
        if config is None:
            if self._speaker is not None:
                await self._end(silently=self._systems.exabgp.handed_on.exists())
        elif self._speaker is None:
            await self._start(config)
        elif self._writer is not None:
            self._have_it_read(config, self._writer)

    async def _start(self, config: object) -> None:
        if monotonic() < self._not_before:
            return
        self._begun, self._config, self._reading = monotonic(), config, None
        self._commands = self._listening.answers
        self._systems.exabgp.handed_on.unlink(missing_ok=True)
        lay_programs(self._systems.exabgp.folder, read_programs())
        self._speaker = await start_speaker(self._systems.exabgp.file, self._address, self._mark)
        self._ended = asyncio.create_task(self._speaker.wait())
        self._ended.add_done_callback(lambda _: self.bell.ring())
        self._log("ExaBGP is started")

    def _have_it_read(self, config: object, bridge: StreamWriter) -> None:
        """By a command: while it starts a signal would kill it. It says "done" before it reads, and to what it is told
        then when it has."""
        if config != self._config:
            self._config = config
            self._reading = config, self._tell(bridge, b"reload\n"), False
        elif self._reading is not None and self._listening.answers >= self._reading[1]:
            if self._reading[2]:
                self._reading, self._read = None, config
            else:
                self._reading = config, self._tell(bridge, b"# was it read?\n"), True

    def _tell(self, bridge: StreamWriter, command: bytes) -> int:
        """Which answer will be the one to it."""
        bridge.write(command)
        self._due = self._due or (self._listening.answers, monotonic() + ANSWERS_WITHIN)
        self._commands += 1
        return self._commands

    async def _mourn(self, sentence: str) -> None:
        """It ended by itself, or lost its bridge."""
        self._log(f"{sentence}; what it learned is kept while it is started again")
        if monotonic() - self._begun > LIVED_LONG:
            self._pause = FIRST_PAUSE
        self._wait_longer()
        await self._end(silently=True)

    def _wait_longer(self) -> None:
        self._not_before = monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _end(self, *, silently: bool) -> None:
        speaker, self._speaker, self._ended, self._due = self._speaker, None, None, None
        if speaker is not None:
            await self._listening.speaker_ended()  # before it says goodbye: who takes over decides what goes
            await speaker.end(silently=silently)

    # The bridge

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Take in all that the bridge passes on."""
        speaker = self._speaker
        if speaker is None or not is_bridge(writer.get_extra_info("socket"), speaker.pid):
            writer.close()
            return
        self._writer, self._talk, self._read = writer, asyncio.current_task(), self._config
        rest = b""
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                rest = await self._take(rest + data)
        if rest:
            self._log(f"the last line of ExaBGP's was cut after {len(rest)} bytes, and is left out")
        self._writer = None
        writer.close()
        async with self._changing:
            if self._speaker is speaker:
                await self._mourn("ExaBGP's bridge ended")

    async def _take(self, data: bytes) -> bytes:
        """Every whole line; what is left over. A line without an end is none of ExaBGP's."""
        *lines, rest = data.split(b"\n")
        slice_ends = monotonic() + SLICE
        for line in lines:
            if line:
                await self._tried(self._listening.hear(line))
            if monotonic() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = monotonic() + SLICE
        await self._tried(self._listening.settle())
        if len(rest) > LONGEST_LINE:
            self._log(f"a line of more than {LONGEST_LINE} bytes is left out")
            return b""
        return rest

    async def _tried(self, work: Awaitable[None]) -> None:
        """What the kernel does not take now is brought by the next comparison with it."""
        try:
            await work
        except ApplianceError as error:
            self._log(error.message)

    # Questions

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One question, one line of JSON."""
        with suppress(ConnectionError, ValueError):
            word, _, argument = (await reader.readline()).decode("ascii").strip().partition(" ")
            writer.write(json.dumps(self._reply(word, argument)).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _reply(self, word: str, argument: str) -> list[Any]:
        if word == "sessions":
            return tell_sessions(self._listening.counted_sessions())
        if word == "paths":
            return tell_paths(self._listening.rib.paths())
        if word == "filtered":
            return tell_filtered(self._listening.rib.filtered(ip_address(argument)))
        if word == "ready":
            self.bell.ring()  # whoever asks has written something
            return [self._writer is not None and [self._read] == [*marks([self._systems.exabgp.file])]]
        raise ValueError(word)


async def keep_speaking(systems: Systems, listening: Listening, stop: asyncio.Event, log: Log) -> None:
    """Until told to stop."""
    try:
        await Keeper(systems, listening, log).keep(stop)
    except OSError as error:
        log(f"there is no embedded speaker: {error.strerror}: {error.filename}")
