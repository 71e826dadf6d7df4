"""The door to the embedded speaker: the configuration it runs, and questions to the daemon that runs it.

ExaBGP is a child of ``appliance run``. Verbs write its configuration, and the daemon starts it, has it read a changed
one, or ends it. What it learned is in the daemon: it answers on a socket, one line of JSON for one question.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from appliance.announce.answers import parse_filtered, parse_paths, parse_sessions
from appliance.announce.process import speaker_command, speaker_group, wait_for_end
from appliance.announce.render import BRIDGE
from appliance.model.address import IPAddress
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.resources import ExabgpConfig, Resource
from appliance.model.secret import put_in
from appliance.model.session import BgpSession, FilteredPath, LearnedPath

FOLDER = Path(BRIDGE).parent
"""Readable by the speaker's user, which the appliance's own folder is not. The keys of sessions are for it alone."""

_NEIGHBOR = re.compile(r"(?m)^neighbor (\S+) ")
_KEY = re.compile(r'(?m)^( *md5-password) "(?!secret:).*$')

SOCKET = Path("/run/appliance/speaker.sock")
ANSWER_WITHIN = 30.0  # seconds
READY_WITHIN, LEFT_WITHIN = 120.0, 10.0
"""Seconds for which a start of ExaBGP is waited for before sessions are taken from another speaker, and the end of its
own before what they go over is taken away."""
LONGEST = 1 << 28  # bytes of an answer: every path of a full table


class Exabgp:
    """The embedded speaker. Nothing is asked of a daemon that is to run no speaker."""

    owns: tuple[type, ...] = (ExabgpConfig,)

    def __init__(self, folder: Path = FOLDER, socket: Path = SOCKET) -> None:
        self.folder = folder
        self.socket = socket

    @property
    def file(self) -> Path:
        """ExaBGP's configuration."""
        return self.folder / "exabgp.conf"

    @property
    def _wished(self) -> Path:
        """The same with tokens in the place of its keys, where it has any."""
        return self.folder / "exabgp.wished"

    @property
    def mark(self) -> Path:
        """The number of its process, as long as it is to run."""
        return self.folder / "exabgp.pid"

    @property
    def handed_on(self) -> Path:
        """Stands while another speaker takes over all that ExaBGP is told to leave: it then ends without a word."""
        return self.folder / "handed-on"

    async def observe(self) -> frozenset[Resource]:
        """The configuration that stands."""
        with suppress(FileNotFoundError):
            written = self.file.read_text(encoding="utf-8")
            with suppress(FileNotFoundError):
                written = self._wished.read_text(encoding="utf-8")
            return frozenset({ExabgpConfig(_KEY.sub(r"\1 ***;", written))})
        return frozenset()

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write it, or take it away, and wait until ExaBGP has left whom it is to leave: what sessions go over may go
        next, and what was under way would leave in clear."""
        outcomes = await self.lay(changes)
        if any(_leaves(change) for change in changes):
            await (self._await_ready(LEFT_WITHIN) if self.file.exists() else wait_for_end(self.mark))
        return outcomes

    async def lay(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Write it, or take it away: the daemon follows."""
        return [self._write(change) for change in changes]

    async def get_ready(self, config: ExabgpConfig) -> None:
        """Have it started with nobody to speak to, and wait until it takes commands, for a while at most: what it is
        told then is read at once, while its own start takes seconds, and a minute on a machine that has no time. Where
        no daemon runs there is nothing to wait for."""
        begun, _, _ = config.text.partition("\nneighbor ")
        self._write(Change(None, ExabgpConfig(f"{begun}\n")))
        await self._await_ready(READY_WITHIN)

    async def hand_on(self) -> None:
        """End it without a word, and wait for that: whoever takes its sessions over would call neighbours that it still
        talks to, and each would end what the other has begun."""
        self.handed_on.touch()
        self.file.unlink(missing_ok=True)
        self._wished.unlink(missing_ok=True)
        await wait_for_end(self.mark)

    async def sessions(self) -> tuple[BgpSession, ...]:
        """Every session, by address."""
        return parse_sessions(await self._ask("sessions"))

    async def accepted(self) -> tuple[LearnedPath, ...]:
        """Every path that was taken in."""
        return parse_paths(await self._ask("paths"))

    async def filtered(self, neighbor: IPAddress) -> tuple[FilteredPath, ...]:
        """What this neighbour sent and our policy kept out."""
        return parse_filtered(await self._ask(f"filtered {neighbor}"))

    async def lacks(self) -> tuple[SystemLacks, ...]:
        """The program, where it is not installed."""
        if speaker_command() is None:
            hint = "pip install 'bgp-ipsec-appliance[speaker]', or speaker: frr"
            return (SystemLacks("ExaBGP 5 is not installed", hint=hint, code="exabgp-missing"),)
        return ()

    def _write(self, change: Change) -> Outcome:
        config = change.new
        try:
            self._wished.unlink(missing_ok=True)
            if config is None:
                self.file.unlink(missing_ok=True)
            else:
                assert isinstance(config, ExabgpConfig)
                self.folder.mkdir(parents=True, exist_ok=True)
                self.folder.chmod(0o755)
                _lay(self.file, put_in(config.text, config.secrets), speaker_group() if config.secrets else None)
                if config.secrets:
                    _lay(self._wished, config.text)
        except OSError as error:
            return Outcome(change, f"{error.strerror}: {error.filename}")
        return Outcome(change)

    async def _await_ready(self, within: float) -> None:
        """Until it takes commands and has read what is written; no longer than so many seconds."""
        deadline = monotonic() + within
        with suppress(SystemFailure):
            while await self._ask("ready") != [True] and monotonic() < deadline:
                await asyncio.sleep(0.05)

    async def _ask(self, question: str) -> Any:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=LONGEST)
                try:
                    writer.write(f"{question}\n".encode())
                    return json.loads(await reader.readline())
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError) as error:
            hint = "systemctl start appliance"
            raise SystemFailure("ExaBGP runs in `appliance run`, which does not answer", hint=hint) from error


def _leaves(change: Change) -> bool:
    """Whether a neighbour is to be left."""
    before, after = (
        set(_NEIGHBOR.findall(one.text)) if isinstance(one, ExabgpConfig) else set() for one in (change.old, change.new)
    )
    return not before <= after


def _lay(file: Path, text: str, group: int | None = None) -> None:
    """Write it whole: for all to read, or for ``group`` alone."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
        if group is not None:
            os.fchown(opened.fileno(), -1, group)
        os.fchmod(opened.fileno(), 0o644 if group is None else 0o640)
    fresh.replace(file)


def bind_answers(path: Path) -> Path:
    """Make room for the socket that questions come to. Of a daemon that was killed its file is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(path)
    return path


def lay_programs(folder: Path, programs: Mapping[str, str]) -> None:
    """Where the configuration names them, and their user can read them; texts by name. systemd closes the folder to him
    at each start of the daemon."""
    try:
        folder.chmod(0o755)
        for name, text in programs.items():
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o644)
    except OSError as error:
        raise SystemFailure(f"{error.strerror}: {error.filename}") from error
