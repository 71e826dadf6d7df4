"""The door to our files: the intent, secrets, what was learned, applied and interrupted, and the one lock.

Every file is replaced whole (written beside, synced, renamed), so that a full disk or a power cut leaves the old one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from appliance.history import learned, phrase
from appliance.history.files import (
    Mark,
    appending,
    drop,
    make_folder,
    mark_of,
    naming,
    sync_folder,
    write,
    write_beside,
)
from appliance.history.journal import Journal, parse_journal, render_beginning, render_done
from appliance.history.operations import parse_operations, render_operations
from appliance.history.revision import (
    Down,
    Revision,
    next_number,
    parse_down,
    parse_revision,
    render_down,
    render_revision,
)
from appliance.model.address import IPNetwork
from appliance.model.fault import ApplianceError, Fault, FaultyInput, SystemFailure, WrongUsage
from appliance.model.intent import SecretRef
from appliance.model.machine import Learned
from appliance.model.operation import Operations
from appliance.model.secret import Secret

PUBLIC, PRIVATE = 0o644, 0o600
_KEY_LENGTH = 32  # bytes, the digest's own length (RFC 2104, section 3)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Draft:
    """A revision that does not count yet, in a file of its own."""

    number: int
    file: Path

    def drop(self) -> None:
        """It never will; one that was kept stays."""
        self.file.unlink(missing_ok=True)


class Store:
    """Configuration, state and run-time files. Raises SystemFailure (or SystemLacks without the privilege) that names
    the path; FaultyInput where a secret is to blame."""

    def __init__(
        self,
        config_dir: Path = Path("/etc/appliance"),
        state_dir: Path = Path("/var/lib/appliance"),
        run_dir: Path = Path("/run/appliance"),
    ) -> None:
        self.config_dir = config_dir
        self.state_dir = state_dir
        self.run_dir = run_dir
        self._key = secrets.token_bytes(_KEY_LENGTH)
        self._intent: tuple[Mark, str | None] | None = None

    @property
    def intent_file(self) -> Path:
        """The intent in force."""
        return self.config_dir / "intent.yaml"

    def read_intent(self) -> str | None:
        """The intent's text, None when there is none. A file that is the one that was read last is not read again."""
        mark = mark_of(self.intent_file)
        if mark is None or self._intent is None or self._intent[0] != mark:
            text = self._read(self.intent_file)
            self._intent = None if mark is None else (mark, text)
            return text
        return self._intent[1]

    def write_intent(self, text: str) -> None:
        """Replace the intent."""
        write(self.intent_file, text, PUBLIC)

    def resolve(self, ref: SecretRef, base: Path | None = None) -> Secret:
        """The secret that ``ref`` points at; a relative file is looked for beside the intent, in ``base``."""
        return self.resolve_all({"": ref}, base)[""]

    def resolve_all(self, refs: Mapping[str, SecretRef], base: Path | None = None) -> dict[str, Secret]:
        """The secrets by the names given. FaultyInput lists every one that cannot be used, never its content."""
        found = {name: self._look_up(ref, base or self.config_dir) for name, ref in refs.items()}
        if faults := tuple(value for value in found.values() if isinstance(value, Fault)):
            raise FaultyInput(
                "a secret cannot be used" if len(faults) == 1 else "secrets cannot be used", faults=faults
            )
        return {name: value for name, value in found.items() if isinstance(value, Secret)}

    def write_secret(self, name: str, secret: Secret) -> SecretRef:
        """Keep a secret in a file of its own, readable by root alone; the reference is what the intent holds."""
        path = self._secret_file(name)
        write(path, secret.reveal() + "\n", PRIVATE, folder_mode=0o700)
        return SecretRef("file", str(path.relative_to(self.config_dir)))

    def remove_secret(self, name: str) -> None:
        """Forget a secret; one that is not there is forgotten already."""
        drop(self._secret_file(name))

    def fingerprint(self, secret: Secret) -> str:
        """16 hexadecimal digits that change when the secret does and tell nothing about it off this machine."""
        return phrase.fingerprint(self.fingerprint_key(), secret)

    def fingerprint_key(self) -> bytes:
        """32 random bytes. Until they are kept they live in this process only, so that looking writes nothing."""
        with naming(self.state_dir / "fingerprint.key") as path, suppress(FileNotFoundError):
            if len(key := path.read_bytes()) == _KEY_LENGTH:
                return key
        return self._key

    def keep_fingerprint_key(self) -> None:
        """Keep the key, before the first fingerprint is. One that was cut short is made anew: the secrets then only
        look changed."""
        if (key := self.fingerprint_key()) is self._key:
            write(self.state_dir / "fingerprint.key", key, PRIVATE)

    def load_learned(self) -> Learned:
        """Per connection, every prefix ever accepted."""
        return self._parsed(self.state_dir / "learned.json", learned.parse_learned, {})

    def add_learned(self, connection: str, networks: Iterable[IPNetwork]) -> Learned:
        """Add to what a connection taught us; writes only what is new. What is known now comes back."""
        return self._keep_learned(learned.add_learned(known := self.load_learned(), connection, networks), known)

    def forget_learned(self, connection: str) -> Learned:
        """Forget what a removed connection taught us. What is known now comes back."""
        return self._keep_learned(learned.forget_learned(known := self.load_learned(), connection), known)

    def load_down(self) -> Down:
        """What the operator took down."""
        return self._parsed(self.state_dir / "down.json", parse_down, Down())

    def save_down(self, down: Down) -> None:
        """Keep what is down; a reboot does not bring it back."""
        if down != self.load_down():
            write(self.state_dir / "down.json", render_down(down), PUBLIC)

    @property
    def operations_file(self) -> Path:
        """What was asked of single tunnels."""
        return self.state_dir / "operations.json"

    def load_operations(self) -> Operations:
        """What the operator asked of single tunnels."""
        return self._parsed(self.operations_file, parse_operations, Operations())

    def save_operations(self, operations: Operations) -> None:
        """Keep what was asked of single tunnels; a reboot does not undo it."""
        if operations != self.load_operations():
            write(self.operations_file, render_operations(operations), PUBLIC)

    def load_daemon(self) -> dict[str, object]:
        """Whether the daemon runs, and since when: it holds the lock on its file as long as it lives."""
        since = self._read(self.run_dir / "daemon")
        running = since is not None and _is_held(self.run_dir / "daemon")
        return {"running": running, "since": since.strip() if running and since else None}

    @contextmanager
    def daemon(self, since: datetime) -> Iterator[None]:
        """Be the daemon of this machine. ApplianceError when there is one."""
        path = self.run_dir / "daemon"
        if _is_held(path):
            raise ApplianceError("the daemon runs already", hint="`appliance status` says since when", code="running")
        write(path, since.isoformat(timespec="seconds") + "\n", PUBLIC)
        with naming(path), path.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def save_revision(self, intent: str, summary: str, at: datetime) -> int:
        """Keep an applied intent under the next number."""
        return self.keep_revision(self.draft_revision(intent, summary, at))

    def draft_revision(self, intent: str, summary: str, at: datetime) -> Draft:
        """Write it down, complete and on the disk, so that keeping it takes no time. It counts for nothing until then;
        whoever does not keep it drops it."""
        number = next_number(self._revision_numbers())
        path = self._revision_file(number)
        with naming(path):
            make_folder(path.parent, 0o755)
            content = render_revision(Revision(number, at, summary, intent)).encode()
            return Draft(number, write_beside(path, content, PUBLIC))

    def keep_revision(self, draft: Draft) -> int:
        """Nobody may have kept another one since it was written down."""
        path = self._revision_file(draft.number)
        with naming(path):
            draft.file.replace(path)
            sync_folder(path.parent)
        return draft.number

    def revisions(self) -> tuple[Revision, ...]:
        """Every applied intent, oldest first."""
        return tuple(self.load_revision(number) for number in self._revision_numbers())

    def last_revision(self) -> Revision | None:
        """What was applied last."""
        numbers = self._revision_numbers()
        return self.load_revision(numbers[-1]) if numbers else None

    def load_revision(self, number: int) -> Revision:
        """One applied intent. WrongUsage when there is no such number."""
        revision = self._parsed(self._revision_file(number), parse_revision, None)
        if revision is None:
            known = ", ".join(map(str, self._revision_numbers())) or "none"
            raise WrongUsage(f"there is no revision {number}", hint=f"revisions: {known}")
        return revision

    @contextmanager
    def journal(self, summary: str, planned: Sequence[str], at: datetime) -> Iterator[Callable[[str], None]]:
        """Note an apply while it goes on: call what this yields with each key that is done. The notes go when the block
        ends, and stay when it does not, or ends in an error."""
        write(self._journal_file, render_beginning(at, os.getpid(), summary, planned), PUBLIC)
        with appending(self._journal_file) as append:
            yield lambda key: append(render_done(key))
        drop(self._journal_file)

    def unfinished(self) -> Journal | None:
        """The apply that was cut short, if the last one was; the next one to end well removes the notes."""
        return self._parsed(self._journal_file, parse_journal, None)

    @contextmanager
    def lock(self, patience: float = 0.0) -> Iterator[None]:
        """Be the only writer on this machine; wait ``patience`` seconds for another to end. The kernel frees the lock
        with the process, however that ends."""
        with naming(self.run_dir / "lock") as path:
            make_folder(path.parent, 0o755)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PUBLIC)
        try:
            _take(descriptor, patience)
            yield
        finally:
            os.close(descriptor)

    @property
    def _journal_file(self) -> Path:
        return self.state_dir / "journal.jsonl"

    def _revision_file(self, number: int) -> Path:
        return self.state_dir / "revisions" / f"{number:06}.yaml"

    def _revision_numbers(self) -> list[int]:
        with naming(self.state_dir / "revisions") as folder:
            names = os.listdir(folder) if folder.is_dir() else []
        stems = (name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def _secret_file(self, name: str) -> Path:
        if not phrase.is_plain_name(name):
            raise WrongUsage(f"not a name for a secret: {name!r}", hint="letters, digits, . _ -")
        return self.config_dir / "secrets" / f"{name}.psk"

    def _look_up(self, ref: SecretRef, base: Path) -> Secret | Fault:
        if ref.kind == "env":
            value = os.environ.get(ref.name)
            if value is None:
                return phrase.fault(ref, "is not set", f"export {ref.name}")
            return phrase.parse_phrase(os.fsencode(value), ref)
        if ref.kind == "credential":
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if folder is None or not phrase.is_plain_name(ref.name):
                return phrase.fault(ref, "is not there", "LoadCredential= in the unit gives it")
            return _secret_in(Path(folder) / ref.name, ref)
        return _secret_in(base / ref.name, ref)

    def _keep_learned(self, now: Learned, before: Learned) -> Learned:
        if now != before:
            write(self.state_dir / "learned.json", learned.render_learned(now), PUBLIC)
        return now

    def _read(self, path: Path) -> str | None:
        with naming(path):
            try:
                return path.read_bytes().decode()  # with the ends of lines as they were written
            except FileNotFoundError:
                return None
            except UnicodeDecodeError as error:
                raise SystemFailure(f"{path} is not text (UTF-8): byte {error.start}") from error

    def _parsed(self, path: Path, parse: Callable[[str], Value], absent: Value) -> Value:
        if (text := self._read(path)) is None:
            return absent
        try:
            return parse(text)
        except ValueError as error:
            hint = "restore it from a backup, or move it away to go on without it"
            raise SystemFailure(f"{path} is damaged: {error}", hint=hint, code="damaged-state") from error


def _secret_in(path: Path, ref: SecretRef) -> Secret | Fault:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return phrase.fault(ref, f"cannot be read: {error.strerror}", f"put the key into {path}")
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return phrase.fault(ref, "is not an ordinary file", f"put the key into {path}")
        if status.st_mode & 0o077 and ref.kind == "file":
            return phrase.fault(ref, f"is open to others ({stat.filemode(status.st_mode)})", f"chmod 600 {path}")
        return phrase.parse_phrase(file.read(phrase.LONGEST + 1), ref)


def _is_held(path: Path) -> bool:
    """Whether a living process holds the lock on the file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _take(descriptor: int, patience: float) -> None:
    """Lock the open file and leave our process id in it, for the next one to name."""
    end = time.monotonic() + patience
    while not _locked(descriptor):
        if time.monotonic() >= end:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            hint = "wait until it is through, or see what it does: ps -fp " + holder
            raise ApplianceError(f"process {holder} is changing this machine", hint=hint, code="locked")
        time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _locked(descriptor: int) -> bool:
    """Whether the lock is ours now. flock(2) knows no time limit, and a signal's would be the whole process's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
