"""A machine booted from the built image: its console, a way in by SSH, and its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from appliance.image.machine import FIRMWARE, Trial, render_words
from appliance.image.recipe import find_root
from appliance.lab.machine import processor_words, qemu_major, qemu_program
from tests.image.cloud import REPO

NETWORK = """\
version: 2
ethernets:
  management:
    match: {macaddress: "52:54:00:12:34:01"}
    dhcp4: true
    dhcp4-overrides: {use-routes: false}
  wan:
    match: {macaddress: "52:54:00:12:34:02"}
    addresses: [203.0.113.10/28]
    routes: [{to: 0.0.0.0/0, via: 203.0.113.1}]
  lan:
    match: {macaddress: "52:54:00:12:34:03"}
    addresses: [172.16.20.1/24]
"""
GROWTH = 256 << 20
"""Bytes by which a machine's disk is larger than the image."""
UPLINK = "isp1=enp0s17,gateway=203.0.113.1"


class Box:
    """One machine with a disk of its own in ``folder``, which outlives its starts."""

    def __init__(self, folder: Path, image: Path, wires: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.disk = folder / "disk.raw"
        self.console = folder / "console"
        self._wires = wires
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        folder.mkdir(parents=True)
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        os.truncate(self.disk, self.disk.stat().st_size + GROWTH)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)

    def seed(self, user_data: bytes, instance: str = "box-1") -> None:
        """cloud-init's seed for the next start."""
        folder = self.folder / "seed"
        folder.mkdir(exist_ok=True)
        (folder / "user-data").write_bytes(user_data)
        (folder / "meta-data").write_text(f"instance-id: {instance}\nlocal-hostname: box\n")
        (folder / "network-config").write_text(NETWORK)

    def unplug_seed(self) -> None:
        """Nothing more to be told at the next start."""
        shutil.rmtree(self.folder / "seed")

    @property
    def key_line(self) -> str:
        """For ``ssh_authorized_keys``."""
        return (self.folder / "key.pub").read_text().strip()

    @property
    def _typing(self) -> Path:
        """The socket that leads to the serial console."""
        return self.folder / "tty"

    def start(self, *, uefi: bool = False) -> None:
        """Power on."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        tools = None if qemu_major() >= 9 else find_root(REPO, "tools").parent
        program, environment = qemu_program(tools)
        trial = Trial(
            self.disk,
            firmware=find_root(REPO, "workbench") / FIRMWARE if uefi else None,
            seed=self.folder / "seed" if (self.folder / "seed").exists() else None,
            cards=(f"user,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22", *self._wires),
            uuid=str(uuid5(NAMESPACE_URL, str(self.folder))),
            console=f"unix:{self._typing},server=on,wait=off,logfile={self.console}",
        )
        self.console.unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*program, *processor_words("tcg"), *render_words(trial)],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """What the console has shown since power-on."""
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def type(self, text: str) -> None:
        """On the serial console, until it has taken all of it: what is under way when one hangs up is lost, and a
        console that nobody reads says nothing more. Not all of it comes back: a terminal echoes as it finds time."""
        with socket.socket(socket.AF_UNIX) as tty:
            tty.connect(str(self._typing))
            tty.sendall(text.encode())
            tty.setblocking(False)
            self.wait_until(lambda: _read_all(tty) and _under_way(tty) == 0, 300, "reader of what was typed")

    def wait_for(self, word: str, seconds: float) -> str:
        """The console's line with ``word``; an error with what it shows instead when there is none in time."""
        self.wait_until(lambda: word in self.said() or not self.runs(), seconds, word)
        assert word in self.said(), f"ended without {word!r}: {self.said()[-2000:]}"
        return next(line for line in self.said().splitlines() if word in line)

    def wait_until(self, predicate: Callable[[], bool], seconds: float, what: str) -> None:
        """Look until it holds."""
        end = time.monotonic() + seconds
        while not predicate():
            assert time.monotonic() < end, f"no {what} within {seconds:.0f} s; the console: {self.said()[-2000:]}"
            time.sleep(0.2)

    def ssh(self, script: str, *, key: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a shell text as root, with the key or with none."""
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "ConnectTimeout=120", "IdentitiesOnly=yes", "IdentityAgent=none")  # fmt: skip
        identity = ("-i", str(self.folder / "key")) if key else ("-i", "/dev/null")
        command = ["ssh", "-F", "/dev/null", *identity, "-p", str(self._port), *(f"-o{one}" for one in options)]
        return subprocess.run(
            [*command, "root@127.0.0.1", script],
            capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def do(self, script: str) -> str:
        """Run a shell text as root that must succeed; its stdout."""
        done = self.ssh(script)
        assert done.returncode == 0, f"{script!r} ended with {done.returncode}: {done.stdout} {done.stderr}"
        return done.stdout

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pause(self, seconds: float) -> None:
        """Let it run for so long, or to its end."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """A power cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


def _read_all(tty: socket.socket) -> bool:
    """What has come so far; whether the other end is still there."""
    with suppress(BlockingIOError):
        while tty.recv(1 << 16):
            pass
        return False
    return True


def _under_way(tty: socket.socket) -> int:
    """Bytes that the other end has not taken yet (unix(7), SIOCOUTQ)."""
    return int(struct.unpack("i", fcntl.ioctl(tty, termios.TIOCOUTQ, bytes(4)))[0])
