"""The door to FRR: its daemons' own sockets, and the record of what they were told."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from appliance.frr.applying import Refused, carry_out, policy_delay, refusal, tidy
from appliance.frr.asking import read_established, read_filtered, read_paths, read_sessions
from appliance.frr.diff import BGPD, MGMTD, Parts, split, steps
from appliance.frr.files import RecordFile
from appliance.frr.living import Life, meet
from appliance.frr.narrowing import narrowed
from appliance.frr.pieces import Pieces
from appliance.frr.record import Instances, missing_and_foreign, ours, routers, strangers, together
from appliance.frr.tree import Tree, parse_tree, render_tree
from appliance.frr.way import Way, find_way
from appliance.model.address import IPAddress
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError, SystemFailure, SystemLacks
from appliance.model.resources import FrrConfig, Resource
from appliance.model.secret import Secret, put_in
from appliance.model.session import BgpSession, FilteredPath, LearnedPath, Standing

RUN_DIR = Path("/run/frr")
RECORD = Path("/run/appliance/frr.json")
DAEMONS = (BGPD, MGMTD)
"""Those that hold configuration of ours; zebra is told by mgmtd."""

NEEDED = ("zebra", *DAEMONS)

RUNNING = "show running-config"
_KEY = re.compile(r"(?m)^( *neighbor \S+ password) .*$")

OLDEST = 10
ANSWER_WITHIN = 30.0
"""Seconds; a daemon at work on a full table answers late, one that needs longer is stuck."""

T = TypeVar("T")


class Frr:
    """The running FRR. Nothing is written to ``/etc/frr``: after a restart FRR is empty, observed as such, and told
    again once blackholes and filter stand, which a configuration that FRR reads by itself would not wait for."""

    owns: tuple[type, ...] = (FrrConfig,)

    def __init__(self, run_dir: Path = RUN_DIR, record_file: Path = RECORD) -> None:
        self._run_dir = run_dir
        self._record = RecordFile(record_file)
        self._lives: dict[str, Life] = {}
        self._versions: dict[str, tuple[str, str]] = {}
        self.met: tuple[str, ...] | None = None
        """Whom :meth:`foreign` would name, by the last look; None where it did not tell."""
        self._lock = asyncio.Lock()

    @property
    def places(self) -> tuple[Path, ...]:
        """Files that are others when one of the daemons is another."""
        return tuple(self._run_dir / f"{name}.vty" for name in NEEDED)

    async def observe(self) -> frozenset[Resource]:
        """What we told these daemons; where the record is lost, what carries our mark. Nothing after a restart. Nobody
        is asked as long as the daemons and the record are the ones that we know."""
        async with self._lock:
            config = self._unchanged()
            if config is None:
                config = await asyncio.to_thread(self._converse, self._held)
        return frozenset({config} if config.written else ())

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Send the difference to what stands. Lines that FRR refuses do not keep the others from it."""
        return await self._run(lambda vtys: [self._outcome(vtys, change) for change in changes])

    def know(self, config: FrrConfig) -> None:
        """This is what was found to be told already; of what it is made shows sooner what differs from another."""
        self._record.know(config)

    async def sessions(self) -> tuple[BgpSession, ...]:
        """Every BGP session of FRR, by address."""
        return await self._look(lambda vtys: read_sessions(vtys[BGPD]))

    async def standing(self) -> Standing:
        """With whom there are sessions now: to be asked often, so in few words and of bgpd alone."""
        return await asyncio.to_thread(self._standing_now)

    async def accepted(self) -> tuple[LearnedPath, ...]:
        """Every path that came over a session and was taken in."""
        return await self._look(lambda vtys: read_paths(vtys[BGPD]))

    async def filtered(self, neighbor: IPAddress) -> tuple[FilteredPath, ...]:
        """What this neighbour sent and our policy kept out."""
        return await self._look(lambda vtys: read_filtered(vtys[BGPD], neighbor))

    async def foreign(self) -> tuple[str, ...]:
        """BGP instances that we did not make, named for the refusal."""
        return await self._run(
            lambda vtys: () if self._recalled(vtys) is not None else strangers(_running_in(vtys[BGPD]))
        )

    async def adopt(self, backup: Path) -> tuple[str, ...]:
        """Write FRR's configuration to ``backup`` and take foreign BGP instances for ours: the next apply turns them
        into what is wanted, and keeps the sessions that are in both. Their names."""
        return await self._run(lambda vtys: self._adopt(vtys, backup))

    async def drift(self) -> tuple[str, ...]:
        """What somebody changed behind our back: lines of ours that are gone, strange lines in sections of ours."""
        return await self._run(self._drift)

    async def lacks(self) -> tuple[SystemLacks, ...]:
        """The daemons that do not run, may not be talked to, or are too old."""
        return () if all(map(self._is_fit, NEEDED)) else await asyncio.to_thread(lambda: tuple(self._lacking()))

    def _unchanged(self) -> FrrConfig | None:
        """What the daemons that we know were told, if they go on; None where that takes a look."""
        lives = [self._lives[name] for name in DAEMONS if name in self._lives]
        if len(lives) < len(DAEMONS) or not all(life.goes_on for life in lives):
            return None
        found = self._record.known({name: self._lives[name].instance for name in DAEMONS})
        self.met = self.met if found is None else ()
        return found

    def _is_fit(self, name: str) -> bool:
        """Whether the daemon that we know goes on and is new enough."""
        life, (instance, version) = self._lives.get(name), self._versions.get(name, ("", ""))
        return life is not None and life.instance == instance and _is_new(version) and life.goes_on

    async def _look(self, work: Callable[[dict[str, Vty]], T]) -> T:
        """Nobody who has something to change waits for those who only look."""
        return await asyncio.to_thread(self._converse, work)

    # What runs in a thread

    async def _run(self, work: Callable[[dict[str, Vty]], T]) -> T:
        """One conversation at a time: a record and the daemons it describes must not change under us."""
        async with self._lock:
            return await asyncio.to_thread(self._converse, work)

    def _standing_now(self) -> Standing:
        with open_vty(self._run_dir, BGPD) as vty:
            return Standing(vty.life.instance, read_established(vty))

    def _converse(self, work: Callable[[dict[str, Vty]], T]) -> T:
        with ExitStack() as stack:
            return work({name: stack.enter_context(open_vty(self._run_dir, name)) for name in DAEMONS})

    def _recalled(self, vtys: dict[str, Vty]) -> FrrConfig | None:
        """What these daemons were told; None where that is not known."""
        return self._record.recall(self._instances(vtys))

    def _instances(self, vtys: dict[str, Vty]) -> Instances:
        self._lives |= {name: vty.life for name, vty in vtys.items()}
        return {name: vty.life.instance for name, vty in vtys.items()}

    def _held(self, vtys: dict[str, Vty]) -> FrrConfig:
        recalled = self._recalled(vtys)
        self.met = None if recalled is None else ()
        return FrrConfig(render_tree(together(ours(_settled(vtys))))) if recalled is None else recalled

    def _outcome(self, vtys: dict[str, Vty], change: Change) -> Outcome:
        config = change.new
        assert config is None or isinstance(config, FrrConfig)
        try:
            vtys[BGPD].secrets = config.secrets if config else ()
            refused = self._bring_to(vtys, config or FrrConfig(""))
        except ApplianceError as error:
            return Outcome(change, error.message, getattr(error, "retry", False))
        except OSError as error:
            return Outcome(change, f"{error.strerror}: {error.filename}")
        return Outcome(change, refusal(refused))

    def _bring_to(self, vtys: dict[str, Vty], config: FrrConfig) -> Sequence[Refused]:
        """There is no record while we write. What did not work together is tried once more line by line."""
        instances = self._instances(vtys)
        way = _way(vtys, self._record.recall(instances), config)
        self._record.take_away()
        refused = carry_out(vtys, way.script, delay=way.delay, lines=lambda: _lines_in(config))
        if refused:
            refused = carry_out(vtys, steps(ours(_running(vtys)), split(parse_tree(config.text))), singly=True)
        if not refused:
            self._record.put_back(instances, config, way.amendment)
        return refused

    def _adopt(self, vtys: dict[str, Vty], backup: Path) -> tuple[str, ...]:
        running = _running(vtys)
        names = strangers(running[BGPD])
        if names:
            whole = (parse_tree(vtys[daemon].ask(RUNNING)) for daemon in DAEMONS)
            backup.parent.mkdir(parents=True, exist_ok=True)
            backup.touch(mode=0o600)
            backup.write_text("".join(map(render_tree, whole)), encoding="utf-8")
            self._record.put_back(self._instances(vtys), FrrConfig(render_tree(routers(running[BGPD]))))
        return names

    def _drift(self, vtys: dict[str, Vty]) -> tuple[str, ...]:
        applied, running = self._recalled(vtys), _running(vtys)
        parts = split(parse_tree(_KEY.sub(r"\1 ***", applied.text))) if applied else {}
        return tuple(line for daemon, tree in parts.items() for line in missing_and_foreign(tree, running[daemon]))

    def _lacking(self) -> Iterator[SystemLacks]:
        for name in NEEDED:
            try:
                with open_vty(self._run_dir, name) as vty:
                    version = self._version(vty)
            except SystemLacks as lack:
                yield lack
            else:
                if not _is_new(version):
                    yield SystemLacks(f"FRR {version} is too old", hint=f"FRR {OLDEST} or newer", code="frr-version")

    def _version(self, vty: Vty) -> str:
        """One daemon stays of one version."""
        self._lives[vty.name] = vty.life
        if self._versions.get(vty.name, ("", ""))[0] != vty.life.instance or "?" in vty.life.instance:
            self._versions[vty.name] = vty.life.instance, vty.ask("show version").split()[1]
        return self._versions[vty.name][1]


def _way(vtys: dict[str, Vty], told: FrrConfig | None, config: FrrConfig) -> Way:
    """By as little as it takes."""
    if told is not None and (found := find_way(told, config)) is not None:
        return found
    if told is None:
        had, want = ours(_settled(vtys)), split(parse_tree(config.text))
    else:
        had, want = (split(parse_tree(text)) for text in narrowed(told.text, config.text))
    return Way(steps(had, want), policy_delay(want[BGPD]))


def _lines_in(config: FrrConfig) -> int:
    return config.written.lines if isinstance(config.written, Pieces) else config.text.count("\n")


class Vty:
    """One conversation with one daemon: a command and NUL; its answer ends in three NULs and a status byte. What gives
    us the right to write travels with the first command."""

    def __init__(self, name: str, sock: socket.socket, life: Life) -> None:
        self.name = name
        self.life = life
        """Of the process at the other end."""
        self.secrets: tuple[tuple[str, Secret], ...] = ()
        self._sock = sock
        self._rest = b""
        self._before: tuple[str, ...] = ("enable",)

    def ask(self, command: str) -> str:
        """The answer. Raises SystemFailure when the daemon does not take the command."""
        return self._expect(command, *self.tell([command])[0])

    def tell(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        """Status and text of each command, all sent before the first answer is read; with secrets for their tokens."""
        before, self._before = self._before, ()
        try:
            plain = (put_in(command, self.secrets) for command in (*before, *commands))
            self._sock.sendall(b"".join(command.encode() + b"\0" for command in plain))
            for command in before:
                self._expect(command, *self._answer())
            return [self._answer() for _ in commands]
        except TimeoutError as error:
            raise SystemFailure(f"{self.name} does not answer", hint="see FRR's log", retry=True) from error
        except OSError as error:
            raise SystemFailure(f"{self.name} went away: {error.strerror}", retry=True) from error

    def _expect(self, command: str, status: int, text: str) -> str:
        if status:
            raise SystemFailure(f"{self.name} refuses {command!r}: {tidy(text)}")
        return text

    def _answer(self) -> tuple[int, str]:
        while (end := self._rest.find(b"\0\0\0")) < 0 or len(self._rest) < end + 4:
            received = self._sock.recv(1 << 20)
            if not received:
                raise SystemFailure(f"{self.name} ended while we talked to it", retry=True)
            self._rest += received
        text, status = self._rest[:end], self._rest[end + 3]
        self._rest = self._rest[end + 4 :]
        return status, text.decode(errors="replace")


@contextmanager
def open_vty(run_dir: Path, name: str) -> Iterator[Vty]:
    """A conversation with a daemon. Raises SystemLacks where there is none to talk to."""
    path = run_dir / f"{name}.vty"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ANSWER_WITHIN)
        try:
            sock.connect(str(path))
        except PermissionError as error:
            raise SystemLacks(f"may not talk to FRR ({path})", hint="run it as root", code="privilege") from error
        except OSError as error:
            hint = f"install frr, set {name}=yes in /etc/frr/daemons, then: systemctl restart frr"
            raise SystemLacks(f"FRR's {name} does not run ({path})", hint=hint, code="frr-missing") from error
        yield Vty(name, sock, meet(sock, path))


def _is_new(version: str) -> bool:
    return int(version.split(".")[0]) >= OLDEST


def _settled(vtys: dict[str, Vty]) -> Parts:
    """What the daemons run, after the end of whatever a killed writer of ours began as from a file: for ten minutes
    from such a beginning bgpd starts no session. It takes the end of what was never begun without a word."""
    vtys[BGPD].tell(["configure terminal", "XFRR_end_configuration", "end"])
    return _running(vtys)


def _running(vtys: dict[str, Vty]) -> Parts:
    return {name: _running_in(vty) for name, vty in vtys.items()}


def _running_in(vty: Vty) -> Tree:
    """Keys of sessions are left out: FRR shows them to whoever asks."""
    return parse_tree(_KEY.sub(r"\1 ***", vty.ask(RUNNING)))
