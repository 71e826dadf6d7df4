"""A machine's disk while the machine is off: its partitions, its boot folder, and damage."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from appliance.image.recipe import find_root
from tests.image.cloud import REPO

SECTOR = 512
CHUNK = 1 << 20
FOLDER = "::appliance"
"""Where GRUB finds all, on the boot partition."""
SLOT = ("vmlinuz", "initrd", "slot.cfg")


class Disk:
    """The file that a machine has for a disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def flip_bit(self, partition: str, offset: int) -> None:
        """The lowest one of a byte."""
        with self.path.open("r+b") as disk:
            disk.seek(self._find(partition)[0] + offset)
            byte = disk.read(1)[0]
            disk.seek(-1, 1)
            disk.write(bytes([byte ^ 1]))

    def put_on_trial(self, tries: int) -> None:
        """What is in slot a into slot b too, and b on trial, for so many starts."""
        for part in ("root", "hash"):
            self._copy(f"{part}-a", f"{part}-b")
        self._mtools("mmd", f"{FOLDER}/slots/b")
        for name in SLOT:
            data = self._mtools("mtype", f"{FOLDER}/slots/a/{name}")
            self._write(f"{FOLDER}/slots/b/{name}", data.replace(b"appliance.slot=a", b"appliance.slot=b"))
        text = f"# GRUB Environment Block\nslot=a\ntrial=b\ntries={tries}\n"
        self._write(f"{FOLDER}/grubenv", text.ljust(1024, "#").encode())

    def environment(self) -> dict[str, str]:
        """GRUB's variables (GRUB manual, "The GRUB environment block")."""
        lines = self._mtools("mtype", f"{FOLDER}/grubenv").decode().rstrip("#").splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    def is_empty(self, partition: str) -> bool:
        """Nothing but zeros."""
        return not any(True for _ in self._read(partition))

    def _copy(self, source: str, target: str) -> None:
        start, _ = self._find(target)
        with self.path.open("r+b") as disk:
            for at, data in self._read(source):
                disk.seek(start + at)
                disk.write(data)

    def _read(self, partition: str) -> Iterator[tuple[int, bytes]]:
        """What there is but zeros, and where."""
        start, length = self._find(partition)
        with self.path.open("rb") as disk:
            disk.seek(start)
            for at in range(0, length, CHUNK):
                if (data := disk.read(min(CHUNK, length - at))).strip(b"\0"):
                    yield at, data

    def _find(self, name: str) -> tuple[int, int]:
        """A partition's first byte and its length, from the GPT (UEFI specification 2.10, section 5.3)."""
        with self.path.open("rb") as disk:
            table = disk.read(34 * SECTOR)[2 * SECTOR :]
        for at in range(0, len(table), 128):
            entry = table[at : at + 128]
            if entry[56:].decode("utf-16-le").rstrip("\0") == name:
                first, last = (int.from_bytes(entry[place : place + 8], "little") for place in (32, 40))
                return first * SECTOR, (last + 1 - first) * SECTOR
        raise AssertionError(f"no partition {name}")

    def _write(self, path: str, data: bytes) -> None:
        self._mtools("mcopy", "-o", "-", path, given=data)

    def _mtools(self, program: str, *words: str, given: bytes = b"") -> bytes:
        """A program of the disk tools' root, run through its own loader: no privilege is needed."""
        root = find_root(REPO, "workbench")
        loader = (root / "lib64/ld-linux-x86-64.so.2", "--library-path", root / "usr/lib/x86_64-linux-gnu")
        disk = f"{self.path}@@{self._find('boot')[0]}"
        command = [str(word) for word in (*loader, root / "usr/bin" / program, "-i", disk, *words)]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        assert done.returncode == 0, f"{program} {' '.join(words)}: {done.stderr.decode(errors='replace')}"
        return done.stdout
