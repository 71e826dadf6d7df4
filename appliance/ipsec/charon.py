"""The door to charon: what is loaded, which tunnels stand, and the record of what was loaded."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from appliance.ipsec.applying import carry_out, close_sas, close_surplus, initiate_message, is_under_way
from appliance.ipsec.conversation import (
    LOG,
    PARTING,
    Conversation,
    ask_for_no_more,
    connected,
    heard,
    instance_of,
    part,
    register,
)
from appliance.ipsec.files import Mark, add_line, mark_of, write_privately
from appliance.ipsec.record import (
    Record,
    fallen,
    ours,
    parse_record,
    render_amendment,
    render_backup,
    render_record,
    standing,
    standing_keys,
    strangers,
)
from appliance.ipsec.retry import Book, choose_calls
from appliance.ipsec.settings import judge_settings, lacking_plugins, parse_settings
from appliance.ipsec.status import can_start, newest, parse_sas, put_off, rekey_refused
from appliance.ipsec.talking import FEW, ike_ids, key_ids, snapshots
from appliance.model.change import Change, Outcome
from appliance.model.fault import Notice, SystemFailure, SystemLacks
from appliance.model.resources import IkeConnection, Resource, SharedKey
from appliance.model.sa import IkeLine, Rekeyed, SaEvent, TunnelSa

SOCKET = Path("/run/charon.vici")
RECORD = Path("/run/appliance/charon.json")
CHANGES = ("ike-updown", "child-updown", "ike-rekey", "child-rekey")
EVENTS = (LOG, *CHANGES)
KEPT_LINES = 5000
FRESH = 1.0
"""Seconds for which a look at all SAs serves those who only tidy."""
SETTLED = 3  # seconds after which two tunnels made at once are one too many

T = TypeVar("T")


class Charon:
    """The running charon. Sees only connections and keys that were loaded through the record it keeps."""

    owns: tuple[type, ...] = (SharedKey, IkeConnection)

    def __init__(
        self, socket_path: Path = SOCKET, record_file: Path = RECORD, settings: Path = Path("/etc/strongswan.conf")
    ) -> None:
        self._socket_path = socket_path
        self._record_file = record_file
        self._settings = settings
        self._lock = asyncio.Lock()
        self._recalled: tuple[Mark, Record] | None = None
        self._touched = 0
        self._looked: tuple[int, float, tuple[TunnelSa, ...]] = (-1, 0.0, ())
        self._whole = 0
        self._complete = ""
        self.met: tuple[str, ...] | None = None
        """Whom :meth:`foreign` would name, by the last look at everything; None before one."""

    @property
    def places(self) -> tuple[Path, ...]:
        """Files that are others when charon is another."""
        return (self._socket_path,)

    async def observe(self) -> frozenset[Resource]:
        """The connections and keys of ours in charon: as they were loaded, or, where somebody meddled with one or
        the record is lost, as little as charon tells of it. Nothing, after charon was restarted."""
        return await self._run(lambda talk: self._observe(talk))

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Carry out all changes over one socket. Never waits for a peer to answer a first message."""
        try:
            return await self._change(lambda talk: self._apply(talk, changes)) if changes else ()
        except SystemFailure as failure:  # charon went away in the middle: what it did is not known
            return tuple(Outcome(change, failure.message, failure.retry) for change in changes)

    async def sas(self) -> tuple[TunnelSa, ...]:
        """Every SA of connections in charon, the carrying and newest of each connection first."""
        touched = self._touched
        found = await asyncio.to_thread(self._converse, _all_sas)
        self._looked = touched, time.monotonic(), found
        return found

    async def foreign(self) -> tuple[str, ...]:
        """Connections in charon that are not ours, named for the refusal."""
        return await self._run(lambda talk: strangers(self._record(talk), snapshots(talk)))

    async def adopt(self, backup: Path) -> tuple[str, ...]:
        """Write what is not ours to ``backup`` (as charon shows it: without secrets), then unload it. Its names."""
        return await self._change(lambda talk: self._adopt(talk, backup))

    async def lacks(self) -> tuple[SystemLacks, ...]:
        """What this machine lacks for IPsec: the daemon, the right to talk to it, or plugins it runs without. Nobody is
        waited for as long as it is the charon that lacked nothing."""
        if self._complete and self._is_there(self._complete):
            return ()
        try:
            return await self._run(self._lacking)
        except SystemLacks as lack:
            return (lack,)

    async def remarks(self) -> tuple[Notice, ...]:
        """What in charon's settings file works against our tunnels; nothing where the file cannot be read."""
        begin = f"include {self._settings.name}"
        return judge_settings(await asyncio.to_thread(parse_settings, begin, self._read))

    async def initiate(self, name: str) -> None:
        """Start this tunnel, or only its child, unless it stands or is on its way. Returns at once: see :meth:`sas`.

        charon retries by itself only while nobody answers: after a refusal it waits for this call.
        """
        await self._change(lambda talk: self._initiate(talk, name))

    async def terminate(self, name: str) -> None:
        """Close every SA of this connection: with the peer's answer, or without it after a second."""
        await self._change(lambda talk: self._terminate(talk, name))

    async def tend(self, book: Book) -> Book:
        """To be called every few seconds: calls tunnels of ours that stand idle (refused, or closed by the peer),
        less and less often, and tidies. ``book`` is what the last call returned; at first an empty one."""
        before, (touched, at, found) = self._touched, self._looked
        if touched != before or time.monotonic() > at + FRESH:
            found = await self.sas()
        return await self._run(lambda talk: self._tend(talk, book, found) if self._touched == before else book)

    async def tidy(self, settled_s: int = SETTLED) -> int:
        """Close what a tunnel has too many of because both ends called at once (see ``surplus``); how many."""
        return await self._run(lambda talk: self._tidy(talk, settled_s))

    async def rekey_child(self, name: str, patience: float = 15.0) -> Rekeyed:
        """Rekey the CHILD_SA now and wait for how it goes. A PFS mismatch shows here, not an hour later."""
        return await asyncio.to_thread(self._rekey_child, name, patience)

    @asynccontextmanager
    async def listen(self, events: Sequence[str] = EVENTS) -> AsyncIterator[Listener]:
        """What charon logs and reports while the block runs, from its first line on."""
        listener = Listener(asyncio.get_running_loop())
        sock = await asyncio.to_thread(self._listening_socket, events)
        thread = threading.Thread(target=_hear, args=(sock, listener.tell), name="charon-events", daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            await asyncio.to_thread(_end, sock, thread, LOG in events)

    async def _change(self, work: Callable[[Conversation], T]) -> T:
        """A look at the SAs from before the end of this says nothing any more."""
        self._touched += 1
        try:
            return await self._run(work)
        finally:
            self._touched += 1

    async def _run(self, work: Callable[[Conversation], T]) -> T:
        """One conversation at a time: a record and the charon it describes must not change under us."""
        async with self._lock:
            return await asyncio.to_thread(self._converse, work)

    def _converse(self, work: Callable[[Conversation], T]) -> T:
        with connected(self._socket_path) as sock:
            return work(Conversation(sock))

    def _is_there(self, instance: str) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)  # a charon that takes no more callers is asked at leisure
            sock.connect(str(self._socket_path))
            return instance_of(sock) == instance
        return False

    def _read(self, pattern: str) -> list[str]:
        """The files an ``include`` names, as charon finds them: relative to the folder of the first."""
        try:
            start = Path("/") if pattern.startswith("/") else self._settings.parent
            return [path.read_text(errors="replace") for path in sorted(start.glob(pattern.lstrip("/")))]
        except (OSError, ValueError):
            return []

    def _lacking(self, talk: Conversation) -> tuple[SystemLacks, ...]:
        """A charon that lacked nothing runs with the plugins it began with."""
        instance = talk.instance()
        if instance != self._complete:
            stats = talk.request("stats")
            if lacking := lacking_plugins([name.decode() for name in stats.get("plugins", [])]):
                return lacking
            self._complete = instance if "unknown" not in instance else ""
        return ()

    def _observe(self, talk: Conversation) -> frozenset[Resource]:
        record = self._record(talk)
        shown = snapshots(talk)
        self.met = strangers(record, shown)
        return standing(record, shown) | fallen(record, shown) | standing_keys(record, key_ids(talk))

    def _apply(self, talk: Conversation, changes: Sequence[Change]) -> Sequence[Outcome]:
        return carry_out(talk, self._record(talk), changes, self._keep)

    def _adopt(self, talk: Conversation, backup: Path) -> tuple[str, ...]:
        record, shown = self._record(talk), snapshots(talk)
        names = strangers(record, shown)
        theirs = sorted(shown.keys() - ours(record, shown))
        write_privately(backup, render_backup({name: shown[name] for name in theirs}))
        for name in theirs:
            talk.request("unload-conn", {"name": name})
        self.met = ()
        return names

    def _initiate(self, talk: Conversation, name: str) -> None:
        loaded = self._record(talk).connections.get(name)
        if loaded is None:
            raise SystemFailure(f"charon has no connection {name} of ours", hint="apply the intent first")
        if can_start(sa for sa in parse_sas(talk.stream("list-sas", "list-sa", {"ike": name})) if sa.name == name):
            (answer,) = talk.requests([("initiate", initiate_message(loaded.connection))])
            if not is_under_way(answer):
                raise SystemFailure(f"charon refused initiate: {answer}")

    def _terminate(self, talk: Conversation, name: str) -> None:
        if close_sas(talk, ike_ids(talk).get(name, set())):
            raise SystemFailure(f"the SAs of {name} do not go away", retry=True)

    def _tend(self, talk: Conversation, book: Book, sas: tuple[TunnelSa, ...]) -> Book:
        """By a look at everything for which nobody had to wait, and during which nobody changed anything."""
        close_surplus(talk, sas, SETTLED)
        record = self._record(talk)
        startable = [name for name, one in record.connections.items() if "start" in one.connection.child.start_action]
        names, book = choose_calls(startable, sas, book, time.monotonic(), random.random)
        shown = snapshots(talk, names if len(names) <= FEW else None)
        ours = {one.name: one for one in standing(record, shown)}
        talk.requests([("initiate", initiate_message(ours[name])) for name in names if name in ours])
        return book

    def _tidy(self, talk: Conversation, settled_s: int) -> int:
        return close_surplus(talk, parse_sas(talk.stream("list-sas", "list-sa")), settled_s)

    def _rekey_child(self, name: str, patience: float) -> Rekeyed:
        """Try until it works, is refused for good or patience ends: a peer may be busy with a rekey of its own."""
        deadline = time.monotonic() + patience
        with connected(self._socket_path) as events, connected(self._socket_path) as commands, ExitStack() as stack:
            register(events, (LOG, "child-rekey"))
            stack.callback(part, events)
            talk = Conversation(commands)
            while True:
                current = newest(parse_sas(talk.stream("list-sas", "list-sa", {"ike": name}))).get(name)
                if current is None or not current.up:
                    raise SystemFailure(f"{name} has no CHILD_SA to rekey", retry=True)
                talk.request("rekey", {"child-id": str(current.child_id)})
                outcome = _await_rekey(events, name, deadline)
                if outcome.done or not put_off(outcome.lines) or time.monotonic() > deadline:
                    return outcome
                talk.pause(1.0)

    def _listening_socket(self, events: Sequence[str]) -> socket.socket:
        with connected(self._socket_path) as sock:
            register(sock, events)
            sock.settimeout(None)
            return sock.dup()

    def _record(self, talk: Conversation) -> Record:
        """What the file says of this charon. A file that is the one we know is not read again."""
        instance, mark = talk.instance(), mark_of(self._record_file)
        if mark is None:
            return Record(instance)
        if self._recalled is None or self._recalled[0] != mark or self._recalled[1].instance != instance:
            text = self._record_file.read_text()
            self._recalled = mark, parse_record(text, instance)
            self._whole = len(text) if text.endswith("\n") else 0
        return self._recalled[1]

    def _keep(self, record: Record) -> None:
        """To a record that we know is added what changed, until that is more than the record was."""
        mark, known = mark_of(self._record_file), self._recalled
        added = ""
        if mark is not None and known is not None and known[0] == mark and known[1].instance == record.instance:
            added = render_amendment(known[1], record)
        if mark is not None and added and mark[2] + len(added) <= 2 * self._whole:
            add_line(self._record_file, added)
        else:
            text = render_record(record)
            self._whole = len(text)
            write_privately(self._record_file, text)
        mark = mark_of(self._record_file)
        self._recalled = (mark, record) if mark is not None else None


def _all_sas(talk: Conversation) -> tuple[TunnelSa, ...]:
    return parse_sas(talk.stream("list-sas", "list-sa"))


class Listener:
    """What was heard so far. ``heard`` holds it all; iterating gives each line and event once, as it comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.heard: deque[IkeLine | SaEvent] = deque(maxlen=KEPT_LINES)
        self._unread: deque[IkeLine | SaEvent] = deque(maxlen=KEPT_LINES)
        self._loop = loop
        self._news = asyncio.Event()
        self._over = False

    def tell(self, item: IkeLine | SaEvent | None) -> None:
        """From the listening thread: one more line or event; None when charon has gone."""
        with suppress(RuntimeError):  # the loop has ended, and nobody listens any more
            self._loop.call_soon_threadsafe(self._take, item)

    def _take(self, item: IkeLine | SaEvent | None) -> None:
        if item is None:
            self._over = True
        else:
            self.heard.append(item)
            self._unread.append(item)
        self._news.set()

    def lines(self) -> tuple[IkeLine, ...]:
        """The log so far, oldest first."""
        return tuple(item for item in self.heard if isinstance(item, IkeLine))

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> IkeLine | SaEvent:
        while not self._unread:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._unread.popleft()


def _hear(sock: socket.socket, tell: Callable[[IkeLine | SaEvent | None], None]) -> None:
    for item in heard(sock):
        tell(item)
    tell(None)


def _end(sock: socket.socket, thread: threading.Thread, logged: bool) -> None:
    """Of a listener: with charon's leave, or without."""
    if logged:
        ask_for_no_more(sock)
        thread.join(PARTING)
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    thread.join()
    sock.close()


def _await_rekey(sock: socket.socket, name: str, deadline: float) -> Rekeyed:
    """The outcome of a rekey from its events: the new CHILD_SA, the line that says it failed, or silence."""
    lines: list[IkeLine] = []
    sock.settimeout(max(deadline - time.monotonic(), 0.001))
    for item in heard(sock):
        if item.connection == name and isinstance(item, SaEvent):
            return Rekeyed(True, tuple(lines))
        if item.connection == name and isinstance(item, IkeLine):
            lines.append(item)
            if rekey_refused(item.text):
                break
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
    return Rekeyed(False, tuple(lines))
