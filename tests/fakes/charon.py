"""Charons in memory, joined by a cable: they keep state, agree as IKE would, and refuse what charon refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from appliance.ipsec.connections import interrupts, load_conn_message, load_shared_message
from appliance.ipsec.retry import Book, choose_calls
from appliance.ipsec.status import can_start
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError, Notice, SystemFailure, SystemLacks
from appliance.model.resources import IkeConnection, Resource, SharedKey
from appliance.model.sa import IkeLine, Rekeyed, SaEvent, TunnelSa

GROUPS = ("modp", "ecp", "x25519", "x448")


@dataclass(slots=True)
class Held:
    """A connection in charon; ``known`` when it is ours, ``ours`` when nobody touched it since we loaded it."""

    connection: IkeConnection
    ours: bool = True
    known: bool = True


@dataclass(slots=True)
class FakeListener:
    """As the door's: ``heard`` holds all, iterating gives each once."""

    heard: list[IkeLine | SaEvent] = field(default_factory=list)
    unread: asyncio.Queue[IkeLine | SaEvent] = field(default_factory=asyncio.Queue)
    deaf: bool = False  # to the log

    def take(self, item: IkeLine | SaEvent) -> None:
        if self.deaf and isinstance(item, IkeLine):
            return
        self.heard.append(item)
        self.unread.put_nowait(item)

    def lines(self) -> tuple[IkeLine, ...]:
        return tuple(item for item in self.heard if isinstance(item, IkeLine))

    def __aiter__(self) -> FakeListener:
        return self

    async def __anext__(self) -> IkeLine | SaEvent:
        return await self.unread.get()


class FakeCharon:
    """One end. ``peer`` is the other; None, or one with ``silent`` set, never answers. ``running`` False: no daemon.

    ``writes`` counts the changes carried out.
    """

    owns: tuple[type, ...] = (SharedKey, IkeConnection)

    def __init__(self, peer: FakeCharon | None = None) -> None:
        self.peer = peer
        self.silent = False
        self.running = True
        self.writes = 0
        self.held: dict[str, Held] = {}
        self.keys: dict[str, SharedKey] = {}
        self.standing: dict[str, TunnelSa] = {}
        self._met: tuple[str, ...] | None = None
        self._listeners: list[FakeListener] = []
        self._ids = count(1)
        self._spis = count(0xC000_0001)
        if peer is not None:
            peer.peer = self

    # The door

    @property
    def places(self) -> tuple[Path, ...]:
        return ()

    async def observe(self) -> frozenset[Resource]:
        self._ask()
        self._met = await self.foreign()
        ours = (held.connection if held.ours else nothing_known(held.connection)
                for held in self.held.values() if held.known)  # fmt: skip
        keys = (replace(key, secret=None) for key in self.keys.values())
        return frozenset(ours) | frozenset(keys)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self._ask()
        return tuple([self._attempt(change) for change in changes])

    async def sas(self) -> tuple[TunnelSa, ...]:
        self._ask()
        return tuple(self.standing[name] for name in sorted(self.standing))

    async def foreign(self) -> tuple[str, ...]:
        self._ask()
        return tuple(f"connection {name}" for name, held in sorted(self.held.items()) if not held.known)

    @property
    def met(self) -> tuple[str, ...] | None:
        return self._met

    async def adopt(self, backup: Path) -> tuple[str, ...]:
        names = await self.foreign()
        self.held = {name: held for name, held in self.held.items() if held.known}
        self._met = ()
        return names

    async def lacks(self) -> tuple[SystemLacks, ...]:
        try:
            self._ask()
        except SystemLacks as lack:
            return (lack,)
        return ()

    async def remarks(self) -> tuple[Notice, ...]:
        return ()

    async def initiate(self, name: str) -> None:
        self._ask()
        held = self.held.get(name)
        if held is None or not held.known:
            raise SystemFailure(f"charon has no connection {name} of ours")
        if can_start(sa for sa in self.standing.values() if sa.name == name):
            self._initiate(held.connection)

    async def terminate(self, name: str) -> None:
        self._ask()
        self._close(name)

    async def tend(self, book: Book) -> Book:
        self._ask()
        names, book = choose_calls(self.held, self.standing.values(), book, time.monotonic(), lambda: 0)
        for name in names:
            self._initiate(self.held[name].connection)
        return book

    async def tidy(self, settled_s: int = 5) -> int:
        self._ask()
        return 0

    async def rekey_child(self, name: str, patience: float = 15.0) -> Rekeyed:
        self._ask()
        sa = self.standing.get(name)
        if sa is None or not sa.up:
            raise SystemFailure(f"{name} has no CHILD_SA to rekey", retry=True)
        lines = [f"establishing CHILD_SA {sa.child}{{9}} reqid 1",
                 "generating CREATE_CHILD_SA request 2 [ N(REKEY_SA) SA No KE TSi TSr ]"]  # fmt: skip
        agreed = self._agree_on_rekey(name)
        if agreed is None:
            lines.append("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built")
            return Rekeyed(False, self._log(name, sa.ike_id, lines))
        self._renew(name, agreed)
        return Rekeyed(True, self._log(name, sa.ike_id, lines))

    @asynccontextmanager
    async def listen(self, events: Sequence[str] = ()) -> AsyncIterator[FakeListener]:
        self._ask()
        self._ask()
        listener = FakeListener(deaf=bool(events) and "log" not in events)
        self._listeners.append(listener)
        yield listener
        self._listeners.remove(listener)

    # What others do to it

    def restart(self) -> None:
        """A new daemon knows nothing; the peer is not told."""
        self.held, self.keys, self.standing, self.running = {}, {}, {}, True

    def stop(self) -> None:
        self.restart()
        self.running = False

    def stranger_loads(self, connection: IkeConnection) -> None:
        known = connection.name in self.held and self.held[connection.name].known
        known = known or connection.child.name.startswith("appliance-")
        self.held[connection.name] = Held(connection, ours=False, known=known)

    def stranger_unloads(self, name: str) -> None:
        del self.held[name]

    # Inside

    def _ask(self) -> None:
        if not self.running:
            raise SystemLacks("charon does not answer", code="charon")

    def _attempt(self, change: Change) -> Outcome:
        try:
            if isinstance(change.resource, SharedKey):
                self._carry_key(change)
            else:
                self._carry_connection(change)
        except ApplianceError as error:
            return Outcome(change, error.message)
        self.writes += 1
        return Outcome(change)

    def _carry_key(self, change: Change) -> None:
        key = change.resource
        assert isinstance(key, SharedKey)
        if change.new is None:
            self.keys.pop(key.id, None)
            return
        load_shared_message(key)
        self.keys[key.id] = key

    def _carry_connection(self, change: Change) -> None:
        name = change.resource.name  # type: ignore[union-attr]
        if change.new is None:
            self.held.pop(name, None)
            self._close(name)
            return
        new, old = change.new, change.old
        assert isinstance(new, IkeConnection)
        if name in self.held and not self.held[name].known:
            raise ApplianceError(f"charon already has a connection {name} that is not ours", code="foreign-charon")
        load_conn_message(new)
        self.held[name] = Held(new)
        if isinstance(old, IkeConnection) and not interrupts(old, new):
            return
        self._close(name)
        if "start" in new.child.start_action:
            self._initiate(new)

    def _close(self, name: str) -> None:
        sa = self.standing.pop(name, None)
        if sa is None or self.peer is None or self.peer.silent:
            return
        theirs = self.peer.match(sa.remote_id, sa.local_id)
        if theirs is not None and self.peer.standing.pop(theirs.name, None) is not None:
            self.peer._log(theirs.name, sa.ike_id, [f"received DELETE for IKE_SA {theirs.name}[{sa.ike_id}]"])

    def fall(self, name: str) -> None:
        """The peer stopped answering this one, and its time is over."""
        if self.standing.pop(name, None) is not None:
            self._tell(SaEvent("child-updown", name, up=False))

    def match(self, local_id: str, remote_id: str) -> IkeConnection | None:
        """The connection for a call between these identities."""
        connections = (held.connection for held in self.held.values())
        return next((one for one in connections if (one.local_id, one.remote_id) == (local_id, remote_id)), None)

    def secret(self, connection: IkeConnection) -> str | None:
        owners = {connection.local_id, connection.remote_id}
        found = (key.secret for key in self.keys.values() if owners <= set(key.owners) and key.secret)
        return next((secret.reveal() for secret in found), None)

    def _initiate(self, ours: IkeConnection) -> None:
        ike_id = next(self._ids)
        begin = f"initiating IKE_SA {ours.name}[{ike_id}] to {ours.remote}"
        lines, ike, esp = self._negotiate(ours)
        if lines == ["retransmit 1 of request with message ID 0"]:
            self.standing[ours.name] = self._sa(ours, ike_id, "connecting")
        elif ike is not None:
            self._establish(ours, ike_id, ike, esp)
        self._log(ours.name, ike_id, [begin, *lines])

    def _negotiate(self, ours: IkeConnection) -> tuple[list[str], str | None, str | None]:
        """What is logged, and the proposals agreed on: as IKEv2 does it, one fault at a time."""
        peer = self.peer
        if peer is None or peer.silent or not peer.running:
            return ["retransmit 1 of request with message ID 0"], None, None
        theirs = peer.match(ours.remote_id, ours.local_id)
        if theirs is None:
            return ["received AUTHENTICATION_FAILED notify error"], None, None
        ike = next((one for one in ours.proposals if one in theirs.proposals), None)
        if ike is None or ours.version != theirs.version:
            return ["received NO_PROPOSAL_CHOSEN notify error"], None, None
        if self.secret(ours) is None:
            return [f"no shared key found for '{ours.local_id}' - '{ours.remote_id}'"], None, None
        if self.secret(ours) != peer.secret(theirs):
            return ["received AUTHENTICATION_FAILED notify error"], None, None
        ends = f"{ours.local}[{ours.local_id}]...{ours.remote}[{ours.remote_id}]"
        up = f"IKE_SA {ours.name}[1] established between {ends}"
        accepted = set(map(without_group, theirs.child.proposals))
        esp = next((without_group(one) for one in ours.child.proposals if without_group(one) in accepted), None)
        if esp is None:
            return [up, "received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built"], ike, None
        return [up], ike, esp

    def _agree_on_rekey(self, name: str) -> str | None:
        """At a rekey the groups count as well."""
        ours = self.held[name].connection
        theirs = self.peer.match(ours.remote_id, ours.local_id) if self.peer else None
        accepted = theirs.child.proposals if theirs else ()
        return next((one for one in ours.child.proposals if one in accepted), None)

    def _establish(self, ours: IkeConnection, ike_id: int, ike: str, esp: str | None) -> None:
        assert self.peer is not None
        theirs = self.peer.match(ours.remote_id, ours.local_id)
        assert theirs is not None
        mine, far = f"{next(self._spis):08x}", f"{next(self.peer._spis):08x}"
        for end, one, spi_in, spi_out in ((self, ours, mine, far), (self.peer, theirs, far, mine)):
            sa = replace(end._sa(one, ike_id, "established"), ike_proposal=ike, initiator=end is self)
            if esp is not None:
                sa = replace(sa, child=one.child.name, child_id=ike_id, child_state="installed", esp_proposal=esp,
                             spi_in=spi_in, spi_out=spi_out, rekey_in_s=one.child.rekey_time)  # fmt: skip
                end._tell(SaEvent("child-updown", one.name, up=True))
            end.standing[one.name] = sa

    def _renew(self, name: str, esp: str) -> None:
        sa = self.standing[name]
        self.standing[name] = replace(sa, spi_in=f"{next(self._spis):08x}", esp_proposal=esp,
                                      child_id=(sa.child_id or 0) + 1)  # fmt: skip
        self._tell(SaEvent("child-rekey", name, up=True))

    def _sa(self, connection: IkeConnection, ike_id: int, state: str) -> TunnelSa:
        local = connection.local or connection.remote
        return TunnelSa(
            name=connection.name, ike_id=ike_id, ike_state=state, version=connection.version, local=local,
            local_port=500, remote=connection.remote, remote_port=500, local_id=connection.local_id,
            remote_id=connection.remote_id, initiator=True, nat_t=connection.encap, if_id=connection.if_id,
        )  # fmt: skip

    def _log(self, name: str, ike_id: int, texts: Sequence[str]) -> tuple[IkeLine, ...]:
        lines = tuple(IkeLine(name, ike_id, "IKE", text) for text in texts)
        for line in lines:
            self._tell(line)
        return lines

    def _tell(self, item: IkeLine | SaEvent) -> None:
        for listener in self._listeners:
            listener.take(item)


def nothing_known(connection: IkeConnection) -> IkeConnection:
    """As little as charon shows of a connection."""
    return replace(connection, proposals=(), child=replace(connection.child, proposals=()))


def without_group(proposal: str) -> str:
    """An ESP proposal as it counts for the first CHILD_SA of IKEv2, which takes its keys from IKE_AUTH."""
    return "-".join(word for word in proposal.split("-") if not word.startswith(GROUPS))
