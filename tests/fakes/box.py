"""A whole machine in memory: every door a fake, a cloud at the far end, and time that passes only when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from appliance.announce.exabgp_api import Exabgp
from appliance.control.channel import FILE
from appliance.daemon.wiring import Systems
from appliance.history.store import Store
from appliance.ipsec.retry import Book, choose_calls
from appliance.kernel.overhearing import Heard
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError
from appliance.model.forwarding import BGP_PROTOCOL
from appliance.model.resources import IkeConnection, Nexthop, NexthopGroup, Resource, Route
from appliance.model.session import BgpSession, LearnedPath
from tests.fakes.charon import FakeCharon
from tests.fakes.firewall import FakeNft
from tests.fakes.frr import FakeFrr, FarEnd
from tests.fakes.kernel import FakeKernel
from tests.fakes.prober import FakeProber
from tests.fakes.surroundings import Clock, Settings
from tests.fakes.sysctl import FakeProcsys
from tests.fakes.systemd import FakeSystemd

BGP_METRIC = 20
GROUPS_FROM = 1000


class Cloud(FakeCharon):
    """The far end: it agrees with whatever it is called with, but for what it ``holds`` of its own."""

    def match(self, local_id: str, remote_id: str) -> IkeConnection | None:
        own = super().match(local_id, remote_id)
        if own is not None or self.peer is None:
            return own
        callers = (held.connection for held in self.peer.held.values())
        ends = (remote_id, local_id)
        return next((mirrored(one) for one in callers if (one.local_id, one.remote_id) == ends), None)

    def secret(self, connection: IkeConnection) -> str | None:
        own = super().secret(connection)
        if own is not None or self.peer is None:
            return own
        return self.peer.secret(mirrored(connection))


def mirrored(connection: IkeConnection) -> IkeConnection:
    """The connection as the other end has it."""
    return replace(connection, local=connection.remote, remote=connection.local or ip_address("203.0.113.202"),
                   local_id=connection.remote_id, remote_id=connection.local_id)  # fmt: skip


class Refusing:
    """Mixed into a fake door: it fails on the changes whose keys are in ``refusing``, and remembers what was tried."""

    def begin(self) -> None:
        self.refusing: set[str] = set()
        self.tried: list[str] = []

    async def apply(self, changes: Iterable[Change]) -> list[Outcome]:
        found = []
        for change in changes:
            self.tried.append(f"{change.verb} {change.resource.key}")
            if change.resource.key in self.refusing:
                found.append(Outcome(change, "No buffer space available"))
            else:
                found += await super().apply([change])  # type: ignore[misc]
        return found


class BoxKernel(Refusing, FakeKernel):
    """With the routes that zebra would have put there."""

    def __init__(self, box: Box) -> None:
        FakeKernel.__init__(self)
        self.box = box
        self.begin()

    async def forwarding(self, links: Any) -> Any:
        await self.box.settle()
        return await FakeKernel.forwarding(self, links)


class BoxProcsys(Refusing, FakeProcsys):
    """Settings that may refuse."""

    def __init__(self, kernel: FakeKernel) -> None:
        FakeProcsys.__init__(self)
        self.values = Settings(kernel)
        self.begin()


class BoxCharon(Refusing, FakeCharon):
    """Ours. ``authenticated`` names the connections that were ended and begun again on request."""

    def __init__(self, peer: FakeCharon, clock: Clock) -> None:
        FakeCharon.__init__(self, peer)
        self.clock = clock
        self.authenticated: list[str] = []
        self.begin()

    async def tend(self, book: Book) -> Book:
        self._ask()
        names, book = choose_calls(self.held, self.standing.values(), book, self.clock.now, lambda: 0)
        for name in names:
            self._initiate(self.held[name].connection)
        return book

    def call_again(self) -> None:
        """Retransmissions reach the far end at last."""
        for sa in tuple(self.standing.values()):
            if sa.ike_state == "connecting":
                self._initiate(self.held[sa.name].connection)

    async def terminate(self, name: str) -> None:
        self.authenticated.append(name)
        await FakeCharon.terminate(self, name)


class BoxNft(Refusing, FakeNft):
    """A packet filter that may refuse."""

    def __init__(self) -> None:
        FakeNft.__init__(self)
        self.begin()


class BoxFrr(Refusing, FakeFrr):
    """Sessions come up with the tunnels below them."""

    def __init__(self, box: Box) -> None:
        FakeFrr.__init__(self)
        self.box = box
        self.begin()

    async def sessions(self) -> tuple[BgpSession, ...]:
        self._answer()
        self.far = {address: self.box.far_end(address) for address in self._remote_asns() if self.box.reaches(address)}
        return await FakeFrr.sessions(self)

    def numbers(self, address: IPAddress) -> tuple[int, int]:
        """(theirs, ours), as configured for one neighbour."""
        return self._remote_asns()[address], self._our_asn(address)


class Box:
    """``prefixes`` with their MED is what every far end announces, unless ``announced`` says otherwise for its address;
    ``far`` holds those that have numbers of their own too."""

    def __init__(self, folder: Path, *, address: str = "203.0.113.202/24", gateway: str = "203.0.113.1") -> None:
        self.folder = folder
        self.cloud = Cloud()
        self.kernel = BoxKernel(self)
        self.sysctl = BoxProcsys(self.kernel)
        self.clock = Clock()
        self.charon = BoxCharon(self.cloud, self.clock)
        self.frr = BoxFrr(self)
        self.nft = BoxNft()
        self.prober = FakeProber()
        self.inbound = [0]
        self.systemd = FakeSystemd()
        self.listened: list[str] = []
        self.store = Store(folder / "etc", folder / "var", folder / "run")
        self.far: dict[IPAddress, FarEnd] = {}
        self.announced: dict[IPAddress, dict[IPNetwork, int]] = {}
        self.prefixes: dict[IPNetwork, int] = {ip_network("10.0.0.0/16"): 100, ip_network("2001:db8:a::/48"): 100}
        self.kernel.add_foreign_link("eth0")
        self.kernel.add_foreign_link("eth2")
        self.kernel.add_foreign_address("eth0", ip_interface(address))
        self.kernel.add_foreign_address("eth2", ip_interface("172.16.20.1/24"))
        way_out = Route(ip_network("0.0.0.0/0"), 100, gateway=ip_address(gateway), link="eth0")
        self.kernel.add_foreign_route(way_out, 3)

    @property
    def systems(self) -> Systems:
        """The doors as the programs take them."""
        doors = (self.store, self.kernel, self.sysctl, self.charon, self.frr, self.nft)
        exabgp = Exabgp(self.folder / "speaker", self.folder / "run" / "speaker.sock")
        doubles: dict[str, Any] = {"overhear": self.overhear, "systemd": self.systemd, "exabgp": exabgp}
        return Systems(*doors, open_prober=self.prober.open, **doubles)  # type: ignore[arg-type]

    @property
    def writes(self) -> int:
        """Changes carried out by all doors together."""
        return self.kernel.writes + self.sysctl.writes + self.charon.writes + self.frr.writes + self.nft.loads

    @property
    def tried(self) -> list[str]:
        """What every door was asked to do."""
        return [one for door in self.refusers for one in door.tried]

    @property
    def refusers(self) -> tuple[Refusing, ...]:
        return (self.kernel, self.sysctl, self.charon, self.frr, self.nft)

    async def overhear(self, link: str, own: object, asked: object, seconds: float) -> Heard:
        """What comes out of a tunnel: the next of ``inbound``; at the end of it, the last again."""
        assert link in self.kernel.links
        self.listened.append(link)
        packets = self.inbound.pop(0) if len(self.inbound) > 1 else self.inbound[0]
        return Heard(packets, seconds, ("10.0.0.4 > 172.16.20.10",) if packets else ())

    async def holds(self) -> frozenset[Resource]:
        """Everything of ours, by every door."""
        found = [await door.observe() for door in (self.kernel, self.sysctl, self.charon, self.frr, self.nft)]
        return frozenset[Resource]().union(*found)

    async def kinds(self) -> set[str]:
        """Which kinds of resources are there."""
        return {type(resource).__name__ for resource in await self.holds()}

    def files(self) -> dict[str, str]:
        """Every file that the machine has of us, but locks."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name != "lock")
        return {str(path.relative_to(self.folder)): path.read_bytes().decode(errors="replace") for path in paths}

    # The far end

    def far_end(self, address: IPAddress) -> FarEnd:
        """The cloud's router: what a test set, else one that agrees with our numbers."""
        if address in self.far:
            return self.far[address]
        theirs, ours = self.frr.numbers(address)
        told = self.announced.get(address, self.prefixes)
        return FarEnd(theirs, ours, {net: med for net, med in told.items() if net.version == address.version})

    def reaches(self, address: IPAddress) -> bool:
        """Whether packets get there: an SA stands, and its link."""
        link = self.link_to(address)
        if link is None or not self.kernel.links[link].up:
            return False
        return any(sa.up and sa.if_id == self.kernel.links[link].if_id for sa in self.charon.standing.values())

    def link_to(self, address: IPAddress) -> str | None:
        return next((name for name, inside in self.kernel._addresses if address in inside.network), None)

    async def settle(self) -> None:
        """zebra makes the kernel's BGP routes what BGP chose: a prefix over several links by a group."""
        self.kernel.withdraw(BGP_PROTOCOL)
        with suppress(ApplianceError):
            await self._install(await self.frr.accepted())

    async def _install(self, paths: Iterable[LearnedPath]) -> None:
        ways: dict[IPNetwork, list[int]] = {}
        singles: dict[tuple[str | None, int], int] = {}
        for path in paths:
            if path.selected:
                link = self.link_to(path.nexthop)
                id = singles.setdefault((link, path.prefix.version), len(singles) + 1)
                self.kernel.add_foreign_nexthop(Nexthop(id, str(link), path.prefix.version), BGP_PROTOCOL)
                ways.setdefault(path.prefix, []).append(id)
        for number, (prefix, ids) in enumerate(sorted(ways.items(), key=str)):
            id = ids[0]
            if len(ids) > 1:
                id = GROUPS_FROM + number
                group = NexthopGroup(id, tuple((one, 1) for one in sorted(ids)))
                self.kernel.add_foreign_nexthop(group, BGP_PROTOCOL)
            self.kernel.add_foreign_route(Route(prefix, BGP_METRIC, nexthop=id), BGP_PROTOCOL)

    # How the programs find it

    def take_time(self, monkeypatch: Any) -> None:
        """Waiting programs wait by our clock."""
        sleeping = SimpleNamespace(sleep=self.clock.sleep, run=asyncio.run)
        for module in ("appliance.daemon.waiting", "appliance.cli.configure"):
            monkeypatch.setattr(f"{module}.monotonic", self.clock.monotonic)
            monkeypatch.setattr(f"{module}.asyncio", sleeping)
        monkeypatch.setattr("appliance.cli.statuses.monotonic", self.clock.monotonic)
        monkeypatch.setattr("appliance.cli.statuses.sleep", self.clock.pass_time)

    def stand_in(self, monkeypatch: Any) -> None:
        """Every verb opens these doors instead of the machine's, and nobody manages it from anywhere."""
        for verb in ("applying", "configure", "connections", "downing", "planning", "running", "tunnels"):
            monkeypatch.setattr(f"appliance.cli.{verb}.open_systems", lambda: self.systems)
        monkeypatch.setattr("appliance.daemon.wiring.open_systems", lambda: self.systems)
        monkeypatch.setattr("appliance.cli.statuses.SOCKET", self.store.run_dir / FILE)
        monkeypatch.setattr("appliance.cli.writing.PATIENCE", 0.0)
        monkeypatch.setattr("appliance.cli.gathering.socket", SimpleNamespace(gethostname=lambda: "dc1.example"))
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
        self.take_time(monkeypatch)
