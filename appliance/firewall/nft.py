"""The door to nftables: our one table, loaded whole in one transaction and looked at through ``nft``."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.firewall.amending import Amendment, find_difference
from appliance.firewall.elements import NETFILTER, parse_answers, render_batch
from appliance.firewall.listing import amend_digest, digest_listing, first_error, parse_counters
from appliance.firewall.ruleset import REMOVAL
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError, SystemFailure, SystemLacks
from appliance.model.resources import TABLE_MARK, FirewallTable, Resource

_PATIENCE = 30.0  # seconds for one call of nft
_ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not in an ordinary user's PATH
_TABLE = ("table", "inet", TABLE_MARK)
_ROOM = 1 << 16  # bytes
_PASSING = ("Device or resource busy", "Interrupted system call", "Resource temporarily unavailable")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    out: str
    err: str


class Nft:
    """Our table ``inet appliance``. No other table is read or written.

    The kernel hands back another spelling than it was given, so what was loaded is remembered in ``record_file`` with a
    digest of the listing right after it: as long as that fits, the table is the one we loaded.
    """

    owns = (FirewallTable,)

    def __init__(self, record_file: Path = Path("/run/appliance/firewall.json")) -> None:
        self._record_file = record_file
        self._seen: tuple[str, str] | None = None
        """The table as we loaded it, and the digest of its listing."""

    async def lacks(self) -> tuple[SystemLacks, ...]:
        """What is missing before anything here can work: the program, the privilege or the kernel's nf_tables."""
        try:
            await self._listing()
        except SystemLacks as missing:
            return (missing,)
        return ()

    async def observe(self) -> frozenset[Resource]:
        """Our table: as loaded while nobody has touched it, otherwise as nft lists it now (which differs)."""
        listing, self._seen = await self._listing(), None
        if listing is None:
            return frozenset()
        text, digest = self._recall()
        if digest != digest_listing(listing):
            return frozenset({FirewallTable(listing)})
        self._seen = text, digest
        return frozenset({FirewallTable(text)})

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Load the new table or remove ours: the new rules or the old ones, at no moment none. Where only elements of
        sets differ, only those are changed."""
        return [await self._outcome(change) for change in changes]

    async def counters(self) -> Mapping[str, int]:
        """Packets refused, by the counter's name; empty without a table. Raises SystemFailure or SystemLacks."""
        answer = await self._nft("-j", "list", "counters", *_TABLE)
        if _absent(answer):
            return {}
        try:
            return parse_counters(_accepted(answer).out)
        except (ValueError, KeyError, TypeError) as error:
            raise SystemFailure(f"nft's list of counters cannot be read: {error}") from error

    async def _outcome(self, change: Change) -> Outcome:
        try:
            if not await self._amend(change):
                await self._load(change.new)
        except SystemFailure as failure:
            return Outcome(change, failure.message, failure.retry)
        except ApplianceError as error:
            return Outcome(change, error.message)
        return Outcome(change)

    async def _amend(self, change: Change) -> bool:
        """Whether that was enough. If somebody else touched the table meanwhile, the digest tells the next look."""
        old, new, seen = change.old, change.new, self._seen
        if not isinstance(old, FirewallTable) or not isinstance(new, FirewallTable) or not seen or seen[0] != old.text:
            return False
        amendment = find_difference(old, new)
        if amendment is None or not _told(amendment):
            return False
        digest = amend_digest(seen[1], amendment.gone, amendment.come)
        self._remember(new.text, digest)
        self._seen = new.text, digest
        return True

    async def _load(self, table: Resource | None) -> None:
        self._seen = None
        if table is None:
            _accepted(await self._nft("-f", "-", script=REMOVAL))
            self._record_file.unlink(missing_ok=True)
            return
        assert isinstance(table, FirewallTable)
        known, before = self._recall()
        digest = await self._loaded(table.text)
        if known == table.text and digest != before:
            # Somebody came between load and look: what he left would count as ours. Or nft spells it another way now.
            digest = await self._loaded(table.text)
        self._remember(table.text, digest)

    async def _loaded(self, text: str) -> str:
        """Load it; the digest of its listing."""
        _accepted(await self._nft("-f", "-", script=text))
        return digest_listing(await self._listing() or "")

    async def _listing(self) -> str | None:
        """The table without counts and handles, or None when there is none."""
        answer = await self._nft("-s", "list", *_TABLE)
        return None if _absent(answer) else _accepted(answer).out

    def _recall(self) -> tuple[str, str]:
        """What we loaded last and the digest that went with it; empty when there is no such record."""
        try:
            head, _, text = self._record_file.read_text(encoding="utf-8").partition("\n")
            return text, str(json.loads(head)["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return "", ""

    def _remember(self, text: str, digest: str) -> None:
        """Keep what was loaded, whole or not at all. Without the record the table stands, and looks like drift."""
        fresh = self._record_file.with_suffix(".new")
        try:
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(f"{json.dumps({'digest': digest})}\n{text}", encoding="utf-8")
            fresh.replace(self._record_file)
        except OSError as error:
            raise SystemFailure(f"the table is loaded, but {fresh} cannot be written: {error.strerror}") from error

    async def _nft(self, *arguments: str, script: str = "") -> _Answer:
        """One run of nft. It may fail: the answer says so."""
        program = shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_ADMIN_FOLDERS}")
        if program is None:
            raise SystemLacks("the program nft is not installed", hint="apt install nftables", code="nft-missing")
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"LC_ALL": "C"},
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(script.encode()), _PATIENCE)
        except TimeoutError as late:
            process.kill()
            await process.wait()
            raise SystemFailure(f"nft gave no answer within {_PATIENCE:.0f} s", retry=True) from late
        return _Answer(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


def _told(amendment: Amendment) -> bool:
    """Whether the kernel took all of it. It does so while the batch is sent, in a fraction of the time that another
    thread takes to begin. Nobody waits until the socket is closed: Linux does so once nobody looks at the old elements
    any more, which is some milliseconds."""
    try:
        batch, count = render_batch(amendment.changes)
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        try:
            return _is_taken(sock, batch, count)
        finally:
            asyncio.get_running_loop().run_in_executor(None, sock.close)
    except (OSError, ValueError):
        return False


def _is_taken(sock: socket.socket, batch: bytes, count: int) -> bool:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(batch) + _ROOM)
    sock.settimeout(_PATIENCE)
    sock.bind((0, 0))
    sock.send(batch)
    answers: dict[int, int] = {}
    while len(answers) < count and not any(answers.values()):
        answers |= dict(parse_answers(sock.recv(_ROOM)))
    return not any(answers.values())


def _absent(answer: _Answer) -> bool:
    return answer.status != 0 and "No such file or directory" in answer.err


def _accepted(answer: _Answer) -> _Answer:
    """The answer, if nft did what it was asked. Only here is its stderr read."""
    if answer.status == 0:
        return answer
    reason = first_error(answer.err)
    if "Operation not permitted" in answer.err:
        raise SystemLacks("nftables may only be read and changed by root", hint="run it with sudo", code="privilege")
    if "Protocol not supported" in answer.err or "Unable to initialize Netlink socket" in answer.err:
        raise SystemLacks("this kernel has no nf_tables", hint="modprobe nf_tables", code="kernel-nf-tables")
    raise SystemFailure(f"nft: {reason}", retry=any(word in answer.err for word in _PASSING))
