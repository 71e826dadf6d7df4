"""QEMU's words for a machine that boots from an image: disk, firmware, user-data, network cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY = "1G"
FIRMWARE = "usr/share/OVMF/OVMF_CODE_4M.fd"
"""UEFI for QEMU, in the root of disk tools."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A machine to try an image on. ``firmware``: a file with UEFI, None for BIOS. ``seed``: a folder with what
    cloud-init reads there, plugged in as a disk with ``label``, by which it knows what kind of seed that is. ``cards``:
    QEMU's words for each network, without the id. ``console``: where the serial console goes. ``keep``: whether the
    disk keeps what is written. ``uuid``: what the machine is known by. ``maker``: what its firmware says of it, as QEMU
    takes it (``manufacturer=...,product=...``), by which cloud-init knows where it is.
    """

    disk: Path
    firmware: Path | None = None
    seed: Path | None = None
    cards: tuple[str, ...] = ("user,restrict=on",)
    console: str = "stdio"
    keep: bool = True
    memory: str = MEMORY
    uuid: str | None = None
    maker: str | None = None
    label: str = "CIDATA"


def render_words(trial: Trial) -> list[str]:
    """The words after the program and the accelerator's own."""
    kind = "qcow2" if trial.disk.suffix == ".qcow2" else "raw"
    words = [
        *("-name", "appliance", "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-smp", "2", "-m", trial.memory, "-device", "virtio-rng-pci", "-serial", trial.console),
        *("-drive", f"file={trial.disk},if=none,id=disk,format={kind},snapshot={'off' if trial.keep else 'on'}"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        *_cards(trial.cards),
    ]
    if trial.uuid:
        words += ["-uuid", trial.uuid]
    if trial.maker:
        words += ["-smbios", f"type=1,{trial.maker}"]
    if trial.firmware:
        words += ["-drive", f"if=pflash,format=raw,readonly=on,file={trial.firmware}"]
    if trial.seed:
        words += ["-blockdev", f"driver=vvfat,node-name=seed,dir={trial.seed},label={trial.label},read-only=on"]
        words += ["-device", "virtio-blk-pci,drive=seed"]
    return words


def _cards(cards: Sequence[str]) -> list[str]:
    """Each on a slot of its own, so that names inside follow from the order here: enp0s16, enp0s17, ..."""
    words = []
    for number, card in enumerate(cards):
        kind, _, rest = card.partition(",")
        words += ["-netdev", f"{kind},id=net{number}" + (f",{rest}" if rest else "")]
        mac = f"52:54:00:12:34:{number + 1:02x}"
        words += ["-device", f"virtio-net-pci,netdev=net{number},mac={mac},addr={16 + number:#x},romfile="]
    return words
