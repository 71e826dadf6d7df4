"""The door to FRR: its daemons' own sockets, and the record of what they were told."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from appliance.frr.applying import Refused, carry_out, policy_delay, refusal, tidy
from appliance.frr.asking import read_established, read_filtered, read_paths, read_sessions
from appliance.frr.diff import BGPD, MGMTD, Parts, split, steps
from appliance.frr.foreseeing import Ahead, find_differing, look_ahead
from appliance.frr.narrowing import narrowed
from appliance.frr.record import (
    Instances,
    missing_and_foreign,
    ours,
    parse_record,
    render_head,
    routers,
    strangers,
    together,
)
from appliance.frr.tree import Tree, parse_tree, render_tree
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
        self._record_file = record_file
        self._read: tuple[_Mark, Instances, str | None] | None = None
        self._told: FrrConfig | None = None
        self._ahead: asyncio.Future[_Prepared | None] | None = None
        self._versions: dict[str, tuple[str, str]] = {}
        self.met: tuple[str, ...] | None = None
        """Whom :meth:`foreign` would name, by the last look; None where it did not tell."""
        self._lock = asyncio.Lock()

    @property
    def places(self) -> tuple[Path, ...]:
        """Files that are others when one of the daemons is another."""
        return tuple(self._run_dir / f"{name}.vty" for name in ("zebra", *DAEMONS))

    async def observe(self) -> frozenset[Resource]:
        """What we told these daemons; where the record is lost, what carries our mark. Nothing after a restart."""
        text = await self._run(self._text)
        if self._told is not None and self._told.text == text:
            return frozenset({self._told})
        return frozenset({FrrConfig(text)} if text else ())

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Send the difference to what stands. Lines that FRR refuses do not keep the others from it."""
        ahead, self._ahead = self._ahead, None
        found = await ahead if ahead is not None else None
        try:
            return await self._run(lambda vtys: [self._outcome(vtys, change, found) for change in changes])
        finally:
            if found is not None:
                found[1].unlink(missing_ok=True)

    def foresee(self, changes: Sequence[Change]) -> None:
        """These are to come, after what others are told: what FRR will be told is found out meanwhile."""
        told, config = self._told, changes[-1].new if changes else None
        if self._ahead is None and told is not None and self._read is not None and isinstance(config, FrrConfig):
            look = asyncio.to_thread(self._look_ahead, told, config, self._read[1])
            self._ahead = asyncio.ensure_future(look)

    def know(self, config: FrrConfig) -> None:
        """This is what was found to be told already; of what it is made shows sooner what differs from another."""
        if self._told is None and self._read is not None and self._read[2] == config.text:
            self._told = config

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
        return await asyncio.to_thread(lambda: tuple(self._lacking()))

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
            return Standing(vty.instance, read_established(vty))

    def _converse(self, work: Callable[[dict[str, Vty]], T]) -> T:
        with ExitStack() as stack:
            return work({name: stack.enter_context(open_vty(self._run_dir, name)) for name in DAEMONS})

    def _recalled(self, vtys: dict[str, Vty]) -> str | None:
        """What these daemons were told. A file that is the one we know is not read again."""
        instances = _instances(vtys)
        try:
            mark = _mark_of(self._record_file)
            if self._read is None or self._read[:2] != (mark, instances):
                record = parse_record(self._record_file.read_text(encoding="utf-8"), instances)
                self._read = mark, instances, record.text if record else None
            return self._read[2]
        except (OSError, UnicodeDecodeError):
            return None

    def _text(self, vtys: dict[str, Vty]) -> str:
        recalled = self._recalled(vtys)
        self.met = None if recalled is None else ()
        return render_tree(together(ours(_settled(vtys)))) if recalled is None else recalled

    def _compared(self, vtys: dict[str, Vty], config: FrrConfig) -> tuple[Parts, Parts]:
        """What stands, and what is wanted; of both only as much as they can differ in, where that is known."""
        recalled = self._recalled(vtys)
        if recalled is None:
            return ours(_settled(vtys)), split(parse_tree(config.text))
        found = find_differing(self._told, config) if self._told and self._told.text == recalled else None
        if found is not None:
            return found
        had, want = narrowed(recalled, config.text)
        return split(parse_tree(had)), split(parse_tree(want))

    def _look_ahead(self, told: FrrConfig, config: FrrConfig, instances: Instances) -> _Prepared | None:
        """Nothing is asked, and nothing counts before the daemons took it."""
        ahead = look_ahead(told, config)
        if ahead is None:
            return None
        draft = self._record_file.with_name(f"{self._record_file.name}.{secrets.token_hex(4)}")
        try:
            _write_record(draft, instances, config.text)
        except OSError:
            return None
        return ahead, draft, instances

    def _outcome(self, vtys: dict[str, Vty], change: Change, ahead: _Prepared | None) -> Outcome:
        config = change.new
        assert config is None or isinstance(config, FrrConfig)
        try:
            vtys[BGPD].secrets = config.secrets if config else ()
            refused = self._bring_to(vtys, config or FrrConfig(""), ahead)
        except ApplianceError as error:
            return Outcome(change, error.message, getattr(error, "retry", False))
        except OSError as error:
            return Outcome(change, f"{error.strerror}: {error.filename}")
        return Outcome(change, refusal(refused))

    def _bring_to(self, vtys: dict[str, Vty], config: FrrConfig, ahead: _Prepared | None) -> Sequence[Refused]:
        """There is no record while we write. What did not work together is tried once more line by line."""
        recalled, instances, text = self._recalled(vtys), _instances(vtys), config.text
        draft = None
        if ahead is not None and _fits(ahead, self._told, config, instances) and ahead[0].told.text == recalled:
            found, draft, _ = ahead
            script, delay = found.script, found.delay
        else:
            standing, wanted = self._compared(vtys, config)
            script, delay = steps(standing, wanted), policy_delay(wanted[BGPD])
        self._told = None
        self._record_file.unlink(missing_ok=True)
        refused = carry_out(vtys, script, delay=delay, text=text)
        if refused:
            refused = carry_out(vtys, steps(ours(_running(vtys)), split(parse_tree(text))), singly=True)
        if not refused:
            self._remember(instances, text, draft)
            self._told = config if text else None
        return refused

    def _remember(self, instances: Instances, text: str, draft: Path | None = None) -> None:
        """``draft``: where that is written already."""
        if draft is None:
            draft = self._record_file.with_suffix(".new")
            _write_record(draft, instances, text)
        draft.replace(self._record_file)
        self._read = _mark_of(self._record_file), instances, text

    def _adopt(self, vtys: dict[str, Vty], backup: Path) -> tuple[str, ...]:
        running = _running(vtys)
        names = strangers(running[BGPD])
        if names:
            whole = (parse_tree(vtys[daemon].ask(RUNNING)) for daemon in DAEMONS)
            backup.parent.mkdir(parents=True, exist_ok=True)
            backup.touch(mode=0o600)
            backup.write_text("".join(map(render_tree, whole)), encoding="utf-8")
            self._remember(_instances(vtys), render_tree(routers(running[BGPD])))
        return names

    def _drift(self, vtys: dict[str, Vty]) -> tuple[str, ...]:
        applied, running = self._recalled(vtys), _running(vtys)
        parts = split(parse_tree(_KEY.sub(r"\1 ***", applied))) if applied else {}
        return tuple(line for daemon, tree in parts.items() for line in missing_and_foreign(tree, running[daemon]))

    def _lacking(self) -> Iterator[SystemLacks]:
        for name in ("zebra", *DAEMONS):
            try:
                with open_vty(self._run_dir, name) as vty:
                    version = self._version(vty)
            except SystemLacks as lack:
                yield lack
            else:
                if int(version.split(".")[0]) < OLDEST:
                    yield SystemLacks(f"FRR {version} is too old", hint=f"FRR {OLDEST} or newer", code="frr-version")

    def _version(self, vty: Vty) -> str:
        """One daemon stays of one version."""
        if self._versions.get(vty.name, ("", ""))[0] != vty.instance or "?" in vty.instance:
            self._versions[vty.name] = vty.instance, vty.ask("show version").split()[1]
        return self._versions[vty.name][1]


_Prepared = tuple[Ahead, Path, Instances]
"""What FRR is to be told, the record of it, already written, and the daemons that is of."""


def _fits(ahead: _Prepared, told: FrrConfig | None, config: FrrConfig, instances: Instances) -> bool:
    """Whether it is about these very ones."""
    return ahead[0].told is told and ahead[0].config is config and ahead[2] == instances


def _write_record(path: Path, instances: Instances, text: str) -> None:
    """Readable by us alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(render_head(instances).encode())
        file.write(text.encode())


class Vty:
    """One conversation with one daemon: a command and NUL; its answer ends in three NULs and a status byte. What gives
    us the right to write travels with the first command."""

    def __init__(self, name: str, sock: socket.socket) -> None:
        self.name = name
        self.secrets: tuple[tuple[str, Secret], ...] = ()
        self._sock = sock
        self._rest = b""
        self._before: tuple[str, ...] = ("enable",)

    @property
    def instance(self) -> str:
        """The process at the other end and when it started."""
        pid, _, _ = struct.unpack("3i", self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        try:
            started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        except OSError:
            started = "?"
        return f"{pid} {started}"

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
        yield Vty(name, sock)


_Mark = tuple[int, int, int]
"""Inode, time and size of a file: another one has others."""


def _mark_of(path: Path) -> _Mark:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _instances(vtys: dict[str, Vty]) -> Instances:
    return {name: vty.instance for name, vty in vtys.items()}


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
