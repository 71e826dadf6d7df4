"""An FRR in memory, behind the same door: it keeps what it was told, refuses what FRR refuses, and has peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

from appliance.frr.policy import first_match, inbound_rules
from appliance.frr.record import ours, routers, strangers, together
from appliance.frr.tree import Tree, parse_tree, render_tree
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemLacks
from appliance.model.resources import FrrConfig, Resource
from appliance.model.session import BgpSession, FilteredPath, LearnedPath, Notification, Standing

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FarEnd:
    """A peer: its own number, the one it expects of us, and its prefixes with their MED."""

    asn: int
    expects: int
    prefixes: Mapping[IPNetwork, int] = field(default_factory=dict)


class FakeFrr:
    """``far`` holds the peers that answer, by address; ``writes`` counts the changes carried out."""

    owns = (FrrConfig,)

    def __init__(self) -> None:
        self.lacking: tuple[SystemLacks, ...] = ()
        self.writes = 0
        self.life = 1
        self.met: tuple[str, ...] | None = None
        self.far: dict[IPAddress, FarEnd] = {}
        self._running: Tree = {(): []}
        self._told: str | None = None
        self._adopted = False

    # The door

    @property
    def places(self) -> tuple[Path, ...]:
        return ()

    def know(self, config: FrrConfig) -> None:
        """It reads all of it at any rate."""

    async def observe(self) -> frozenset[Resource]:
        self._answer()
        text = render_tree(together(ours({"bgpd": self._running}))) if self._told is None else self._told
        return frozenset({FrrConfig(text)} if text else ())

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self._answer()
        return [self._outcome(change) for change in changes]

    async def sessions(self) -> tuple[BgpSession, ...]:
        self._answer()
        peers = sorted(self._remote_asns().items(), key=lambda item: (item[0].version, int(item[0])))
        return tuple(self._session(address, asn) for address, asn in peers)

    async def standing(self) -> Standing:
        return Standing(str(self.life), frozenset(one.address for one in await self.sessions() if one.up))

    async def accepted(self) -> tuple[LearnedPath, ...]:
        up = [session.address for session in await self.sessions() if session.up]
        paths = [self._path(address, prefix, med) for address in up for prefix, med in self._accepted(address).items()]
        return tuple(self._chosen(path, paths) for path in paths)

    async def filtered(self, neighbor: IPAddress) -> tuple[FilteredPath, ...]:
        rules, taken = inbound_rules(neighbor, self._running), self._accepted(neighbor)
        denied = [prefix for prefix in self.far[neighbor].prefixes if prefix not in taken]
        return tuple(FilteredPath(prefix, neighbor, first_match(prefix, rules)) for prefix in denied)

    async def foreign(self) -> tuple[str, ...]:
        self._answer()
        return strangers(self._running) if self._told is None else ()

    async def adopt(self, backup: Path) -> tuple[str, ...]:
        names = await self.foreign()
        if names:
            backup.parent.mkdir(parents=True, exist_ok=True)
            backup.write_text(render_tree(self._running), encoding="utf-8")
            self._told = render_tree(routers(self._running))
        return names

    async def drift(self) -> tuple[str, ...]:
        return ()

    async def lacks(self) -> tuple[SystemLacks, ...]:
        return self.lacking

    # What others do to it

    def restart(self) -> None:
        """It comes back empty."""
        self._running, self._told = {(): []}, None
        self.life += 1

    def lose_record(self) -> None:
        """What we told is not known any more, but stands."""
        self._told = None

    def configure(self, text: str) -> None:
        """Somebody else writes to it."""
        for where, lines in parse_tree(text).items():
            self._running.setdefault(where, []).extend(lines)

    # Within

    def _answer(self) -> None:
        if self.lacking:
            raise self.lacking[0]

    def _outcome(self, change: Change) -> Outcome:
        config = change.new
        assert config is None or isinstance(config, FrrConfig)
        wanted = parse_tree(config.text if config else "")
        error = next((text for where in wanted for text in _refusals(where, wanted)), None)
        self._running = {where: [line for line in lines if _accepts(line)] for where, lines in wanted.items()}
        self._told = None if error else render_tree(wanted)
        self.writes += error is None
        return Outcome(change, error)

    def _lines(self, address: IPAddress, word: str) -> list[list[str]]:
        lines = (line.split() for where, inner in self._running.items() if where for line in inner)
        return [words for words in lines if words[:3] == ["neighbor", str(address), word]]

    def _remote_asns(self) -> dict[IPAddress, int]:
        lines = (line.split() for where, inner in self._running.items() if len(where) == 1 for line in inner)
        return {ip_address(words[1]): int(words[3]) for words in lines if words[2:3] == ["remote-as"]}

    def _our_asn(self, address: IPAddress) -> int:
        local = self._lines(address, "local-as")
        router = next(where[0] for where in self._running if where and where[0].startswith("router bgp "))
        return int(local[0][3]) if local else int(router.split()[2])

    def _session(self, address: IPAddress, asn: int) -> BgpSession:
        session = BgpSession(
            address,
            "active",
            asn,
            self._our_asn(address),
            local_address=ip_address(self._lines(address, "update-source")[0][3]),
        )
        far = self.far.get(address)
        if far is None:
            return session
        if self._lines(address, "shutdown"):
            return replace(session, state="idle")
        session = replace(session, opens_sent=1, opens_received=1)
        if far.asn != asn:
            said = Notification(True, 2, 2, "OPEN Message Error/Bad Peer AS")
            return replace(session, state="idle", notification=said, last_error=said.sentence, heard_asn=far.asn)
        if far.expects != session.our_asn:
            said = Notification(False, 2, 2, "OPEN Message Error/Bad Peer AS")
            return replace(session, state="idle", notification=said, last_error=said.sentence)
        accepted = len(self._accepted(address))
        received = len(far.prefixes)
        return replace(
            session, state="established", since=BEGAN, received=received, accepted=accepted, established_count=1
        )

    def _accepted(self, address: IPAddress) -> dict[IPNetwork, int]:
        rules = inbound_rules(address, self._running)
        far = self.far[address].prefixes
        return {prefix: med for prefix, med in far.items() if first_match(prefix, rules).startswith("permit ")}

    def _preference(self, address: IPAddress) -> int:
        name = next(words[3] for words in self._lines(address, "route-map") if words[4] == "in")
        lines = (line for where, inner in self._running.items() if where[:1] and name in where[0] for line in inner)
        return next((int(line.split()[2]) for line in lines if line.startswith("set local-preference ")), 100)

    def _path(self, address: IPAddress, prefix: IPNetwork, med: int) -> LearnedPath:
        name = next(words[3] for words in self._lines(address, "route-map") if words[4] == "in")
        lines = (line for where, inner in self._running.items() if where[:1] and name in where[0] for line in inner)
        forced = [int(line.split()[2]) for line in lines if line.startswith("set metric ")]
        return LearnedPath(prefix, address, address, forced[0] if forced else med, (self._remote_asns()[address],))

    def _chosen(self, path: LearnedPath, paths: Sequence[LearnedPath]) -> LearnedPath:
        """The highest local preference and least MED first, then several at once, the lowest address being the best
        (RFC 4271, section 9.1)."""
        rivals = [other for other in paths if other.prefix == path.prefix]
        highest = max(self._preference(other.neighbor) for other in rivals)
        rivals = [other for other in rivals if self._preference(other.neighbor) == highest]
        if path not in rivals:
            return path
        least = min(other.med for other in rivals)
        equal = sorted((other.neighbor for other in rivals if other.med == least), key=int)
        return replace(path, best=equal[0] == path.neighbor, multipath=path.neighbor in equal[1:])


def _refusals(where: tuple[str, ...], tree: Tree) -> list[str]:
    """What FRR would say to the lines of a section."""
    known = {line.split()[1] for inner, lines in tree.items() for line in lines if " remote-as " in line and inner}
    found = []
    for line in tree[where]:
        words = line.removeprefix("no ").split()
        if where and words[0] == "neighbor" and words[1] not in known:
            found.append(f"bgpd refuses the line {line!r}: Specify remote-as or peer-group commands first")
        if not _accepts(line):
            found.append(f"bgpd refuses the line {line!r}: Unknown command")
        if words[1:2] == ["prefix-list"]:
            _ = ip_network(words[6]) if words[6] != "any" else None
    return found


def _accepts(line: str) -> bool:
    words = ("network", "neighbor", "bgp", "maximum-paths", "ip", "ipv6", "match", "set", "no", "address-family")
    return line.split()[0] in words
