"""Door to what cloud-init left: the files of user-data, the instance's id, and the note of what was made of them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.model.fault import SystemFailure

SECRETS = "secrets"
INSTANCE_ID = Path("/var/lib/cloud/data/instance-id")
"""Written by cloud-init (its documentation, "Instance metadata")."""
MACHINE_ID = Path("/sys/class/dmi/id/product_uuid")
"""What clouds and hypervisors give each machine of its own; zeros where nobody gave one."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the first boot of ``instance`` came to. ``seed`` is the digest of its files; ``error`` the sentence that it
    ended with, None when everything came up."""

    instance: str
    seed: str
    done: bool
    error: str | None = None


class Seed:
    """The files that user-data brings into ``config_dir``; the note of the first boot lies in ``state_dir``."""

    def __init__(
        self,
        config_dir: Path = Path("/etc/appliance"),
        state_dir: Path = Path("/var/lib/appliance"),
        instance_file: Path = INSTANCE_ID,
        machine_file: Path = MACHINE_ID,
    ) -> None:
        self.config_dir = config_dir
        self.state_dir = state_dir
        self._instance_file = instance_file
        self._machine_file = machine_file

    @property
    def settings_file(self) -> Path:
        """The flags of ``configure``."""
        return self.config_dir / "configure.yaml"

    def settings(self) -> str | None:
        """The text of ``configure.yaml``, None without one."""
        try:
            return self.settings_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SystemFailure(f"{self.settings_file} cannot be read: {error}") from error

    def instance(self) -> str:
        """The id that the cloud gives this machine; empty where there is no cloud and no seed."""
        try:
            return self._instance_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def digest(self) -> str:
        """Changes when user-data's files do. The intent does not count where flags make it."""
        digest = hashlib.sha256()
        for path in sorted(self._files()):
            if path.parent.name == SECRETS or (path.name == "intent.yaml" and self.settings_file.exists()):
                continue
            digest.update(str(path.relative_to(self.config_dir)).encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    @property
    def pasted_file(self) -> Path:
        """The document that came over the console."""
        return self.config_dir / "documents" / "console.txt"

    def bring(self, document: str, settings: str, key: str | None) -> None:
        """Write what user-data would have brought; ``key`` may log in as root. SystemFailure names the file."""
        files = {self.pasted_file: document, self.settings_file: settings}
        if key is not None:
            files[self.config_dir / "ssh" / "authorized_keys"] = f"{key}\n"
        for path, text in files.items():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                path.chmod(0o600)
            except OSError as error:
                raise SystemFailure(f"{path}: {error.strerror}") from error

    def tighten(self) -> tuple[str, ...]:
        """Take from everybody but root what they may read of documents and secrets; the paths that were open."""
        opened = []
        for path in self._files():
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.parent != self.config_dir and mode & 0o077:
                os.chmod(path, 0o600, follow_symlinks=False) if not path.is_symlink() else None
                opened.append(str(path))
        for folder in ("documents", SECRETS):
            if (self.config_dir / folder).is_dir():
                (self.config_dir / folder).chmod(0o700)
        return tuple(opened)

    def note(self) -> Note | None:
        """What the last first boot came to; None when there was none, or its note cannot be read."""
        try:
            return Note(**json.loads(self._note_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, note: Note) -> None:
        """Write the note, whole or not at all."""
        _write_whole(self._note_file, json.dumps(asdict(note)))

    def settle(self) -> None:
        """Note which machine this is, now that it is configured: its next starts need not ask cloud-init first. Those
        of a copy of its disk in another machine do."""
        try:
            machine = self._machine_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return
        if machine.strip("0-\n"):
            _write_whole(self.state_dir / "machine", machine)

    @property
    def _note_file(self) -> Path:
        return self.state_dir / "first-boot.json"

    def _files(self) -> Iterator[Path]:
        """Hidden ones are on their way to a name, and may be gone by the time one looks."""
        for folder in (self.config_dir, self.config_dir / "documents", self.config_dir / SECRETS):
            if folder.is_dir():
                named = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
                yield from (path for path in named if path.is_file() or path.is_symlink())


def _write_whole(path: Path, text: str) -> None:
    """The file with the text, or as it was."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise SystemFailure(f"{path}: {error.strerror}") from error
