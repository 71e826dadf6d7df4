"""A machine booted from the built image: its console, a way in by SSH, and its end."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from appliance.image.machine import FIRMWARE, Trial, render_words
from appliance.image.recipe import find_root
from appliance.lab.machine import free_port, processor_words, qemu_major, qemu_program
from tests.image import metadata
from tests.image.cloud import REPO
from tests.image.metadata import Platform, lay_out

FIRST_CARD, WAN_CARD, LAN_CARD = (f"52:54:00:12:34:0{number}" for number in (1, 2, 3))
NETWORK = f"""\
version: 2
ethernets:
  management:
    match: {{macaddress: "{FIRST_CARD}"}}
    dhcp4: true
    dhcp4-overrides: {{use-routes: false}}
  wan:
    match: {{macaddress: "{WAN_CARD}"}}
    addresses: [203.0.113.10/28]
    routes: [{{to: 0.0.0.0/0, via: 203.0.113.1}}]
  lan:
    match: {{macaddress: "{LAN_CARD}"}}
    addresses: [172.16.20.1/24]
"""
"""As NoCloud is told it (cloud-init's documentation, "Networking config Version 2")."""
CARDS = {"first": FIRST_CARD, "wan": WAN_CARD, "lan": LAN_CARD}
DRIVEN = {
    "links": [{"id": name, "type": "phy", "ethernet_mac_address": mac} for name, mac in CARDS.items()],
    "networks": [
        {"id": "0", "link": "first", "type": "ipv4_dhcp"},
        {"id": "1", "link": "wan", "type": "ipv4", "ip_address": "203.0.113.10", "netmask": "255.255.255.240",
         "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "203.0.113.1"}]},
        {"id": "2", "link": "lan", "type": "ipv4", "ip_address": "172.16.20.1", "netmask": "255.255.255.0"},
    ],
    "services": [],
}  # fmt: skip
"""The same as OpenStack's config drive says it (Nova's documentation, "Metadata service", network_data.json)."""
GROWTH = 256 << 20
"""Bytes by which a machine's disk is larger than the raw image."""
UPLINK = "isp1=enp0s17,gateway=203.0.113.1"


class Box:
    """One machine with a disk of its own in ``folder``, which outlives its starts."""

    def __init__(self, folder: Path, image: Path, wires: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.disk = folder / f"disk{image.suffix}"
        self.console = folder / "console"
        self._wires = wires
        self._platform: Platform | None = None
        self._label = "CIDATA"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        folder.mkdir(parents=True)
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        if image.suffix == ".raw":
            os.truncate(self.disk, self.disk.stat().st_size + GROWTH)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)

    def seed(self, user_data: bytes, instance: str = "box-1") -> None:
        """cloud-init's seed for the next start."""
        folder = self.folder / "seed"
        folder.mkdir(exist_ok=True)
        (folder / "user-data").write_bytes(user_data)
        (folder / "meta-data").write_text(f"instance-id: {instance}\nlocal-hostname: box\n")
        (folder / "network-config").write_text(NETWORK)

    def drive(self, user_data: str, instance: str = "box-1") -> None:
        """A config drive for the next start, in the seed's place."""
        self._label = "config-2"
        told = {"meta_data.json": json.dumps({"uuid": instance, "hostname": "box"}), "user_data": user_data}
        lay_out(self.folder / "seed/openstack/latest", {**told, "network_data.json": json.dumps(DRIVEN)})

    def unplug_seed(self) -> None:
        """Nothing more to be told at the next start."""
        shutil.rmtree(self.folder / "seed")

    def move_to(self, platform: Platform, told: dict[str, Any]) -> None:
        """From its next start on it is a machine of that cloud, whose metadata service tells it this."""
        shutil.rmtree(self.folder / "told", ignore_errors=True)
        lay_out(self.folder / "told", told)
        self._platform = platform

    @property
    def key_line(self) -> str:
        """For ``ssh_authorized_keys``."""
        return (self.folder / "key.pub").read_text().strip()

    @property
    def _typing(self) -> Path:
        """The socket that leads to the serial console."""
        return self.folder / "tty"

    @property
    def _uuid(self) -> str:
        """A machine's own, of the form its cloud gives."""
        first = self._platform.first if self._platform else ""
        return first + str(uuid5(NAMESPACE_URL, f"{self.folder} {self._platform}"))[len(first) :]

    def _first_card(self) -> str:
        """The way in by SSH, and to the metadata service of a cloud."""
        card = f"user,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"
        if self._platform is None:
            return card
        service = shlex.join((sys.executable, metadata.__file__, str(self.folder / "told")))
        return f"{card},net={self._platform.network},guestfwd=tcp:{self._platform.service}:80-cmd:{service}"

    def start(self, *, uefi: bool = False) -> None:
        """Power on."""
        self._port = free_port()
        tools = None if qemu_major() >= 9 else find_root(REPO, "tools").parent
        program, environment = qemu_program(tools)
        trial = Trial(
            self.disk,
            firmware=find_root(REPO, "workbench") / FIRMWARE if uefi else None,
            seed=self.folder / "seed" if (self.folder / "seed").exists() else None,
            label=self._label,
            cards=(self._first_card(), *self._wires),
            uuid=self._uuid,
            console=f"unix:{self._typing},server=on,wait=off,logfile={self.console}",
            maker=f"{self._platform.maker},serial={self._uuid}" if self._platform else None,
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

    def told(self) -> str:
        """The end of what the console shows, and what QEMU itself has to say."""
        return f"{self.said()[-2000:]}; QEMU: {(self.folder / 'qemu.log').read_text(errors='replace')[-500:]}"

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
        assert word in self.said(), f"ended without {word!r}: {self.told()}"
        return next(line for line in self.said().splitlines() if word in line)

    def wait_until(self, predicate: Callable[[], bool], seconds: float, what: str) -> None:
        """Look until it holds."""
        end = time.monotonic() + seconds
        while not predicate():
            assert time.monotonic() < end, f"no {what} within {seconds:.0f} s; the console: {self.told()}"
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
