"""How the guest is started: QEMU's arguments, from the host's own QEMU or the one a Debian 13 root supplies."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CPUS = 2
MEMORY = "3G"
QEMU = "qemu-system-x86_64"
BARE = ("-name", "appliance-lab", "-machine", "q35", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")
DEVICES = ("-device", "virtio-net-pci,netdev=host,romfile=", "-device", "virtio-rng-pci")


@dataclass(frozen=True, slots=True)
class Machine:
    """Folders of the built images (``tools``: None when the host's own QEMU is good), ssh port and public key;
    ``extra``: more words for QEMU."""

    images: Path
    tools: Path | None
    state: Path
    port: int
    key: str
    extra: tuple[str, ...] = ()


def qemu_major() -> int:
    """Major version of the host's QEMU, 0 without one. Below 9, software emulation crashes Linux 6.12 (Debian 12's
    7.2: a double fault in 4 of 10 boots)."""
    if not shutil.which(QEMU):
        return 0
    said = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.", said)
    return int(found[1]) if found else 0


def accelerators(remembered: str | None) -> list[str]:
    """What to try, in order: what worked here before, else KVM when it may be opened, then emulation; that twice, since
    another guest may have found the same port free."""
    first = [remembered] if remembered else ["kvm"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else []
    return [*first, "tcg", "tcg"]


PORTS = range(20000, 32000)
"""Below those that Linux gives to whoever asks for any (net.ipv4.ip_local_port_range)."""


def free_port() -> int:
    """A TCP port of this machine that is still free when QEMU asks for it: nobody else is given one by chance."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def qemu_command(machine: Machine, accelerator: str) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment that start the guest. Its disk takes writes into a throw-away copy."""
    program, environment = qemu_program(machine.tools)
    boot = f"console=ttyS0 quiet panic=1 mitigations=off nokaslr tsc=reliable lab.key={machine.key}"
    options = {
        "kernel": machine.images / "vmlinuz",
        "initrd": machine.images / "initrd",
        "append": boot,
        "smp": CPUS,
        "m": MEMORY,
        "drive": f"file={machine.images / 'disk.ext4'},if=virtio,format=raw,snapshot=on,cache=unsafe",
        "netdev": f"user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:{machine.port}-:22",
        "serial": f"file:{machine.state / 'console'}",
        "pidfile": machine.state / "pid",
    }
    words = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    return [*program, *BARE, *DEVICES, *processor_words(accelerator), *words, *machine.extra], environment


def processor_words(accelerator: str) -> list[str]:
    """How QEMU runs the guest's processors."""
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max,la57=off"]


def qemu_program(tools: Path | None) -> tuple[list[str], dict[str, str]]:
    """QEMU of another root runs through that root's own loader: neither chroot nor privilege is needed."""
    if tools is None:
        return [QEMU], {}
    root = tools / "root"
    libraries = root / "usr/lib/x86_64-linux-gnu"
    loader = [str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", f"{libraries}:{libraries}/pulseaudio"]
    firmware = ["-L", str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios")]
    return [*loader, str(root / "usr/bin" / QEMU), *firmware], {"QEMU_MODULE_DIR": str(libraries / "qemu")}
