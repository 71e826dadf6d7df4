"""Real engines for the container images: Debian's podman and Docker on a disk of their own in a lab guest, whose kernel
has what containers of the appliance need. The archives are plugged in as disks, as they were built."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from appliance.image.recipe import find_root
from appliance.lab.topology import parse_topology
from appliance.lab.vm import InGuest
from tests.image.cloud import REPO, TOPOLOGY

FOLDER = "/run/engine"
ROOT = f"{FOLDER}/root"
PROGRAMS = f"{FOLDER}/bin"
"""First in the PATH of whoever is to find the engines' programs."""
ARCHIVES = ("appliance", "appliance-lab")
SHARED = ("/opt/appliance", "/var/lib/appliance-lab")
"""Folders of the guest that containers see files of: an engine looks for them in its own root."""
LAST = 0x10
"""A slot behind that of the guest's own disk, which has to be the first."""
HOLD = f"cd {ROOT} && pivot_root . mnt && umount -l mnt && echo $$ > run/pid && exec sleep infinity"
"""Makes their root the root of a namespace: what only goes to another root by chroot finds no way into containers."""
DOCKER_WORDS = "--bridge=none --iptables=false --ip6tables=false --exec-opt native.cgroupdriver=cgroupfs"
"""Containers have the links that they are given, and nobody else's filter comes between."""


class Engines:
    """A guest with both, and a cloud in it when it is asked for; ``folder`` holds its sockets and its state."""

    def __init__(self, folder: Path, archives: Path) -> None:
        self._place = InGuest(REPO, print, folder / "failures")
        self.guest = self._place.guest
        self.guest.state = folder / "guest"
        disks = {"engine": find_root(REPO, "engine").parent / "disk.ext4"}
        disks |= {name: archives / f"{name}.oci.tar" for name in ARCHIVES}
        self.guest.extra = tuple(
            word for slot, (name, path) in enumerate(disks.items(), LAST) for word in _disk_words(slot, name, path)
        )
        self._asked: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Boot it, and make the engines' root a place to live in: its disk forgets what is written."""
        self.guest.start()
        self._asked = self.guest.spawn("exec cat", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._place.push_product()
        own = " ".join(f"mount --rbind /{name} {ROOT}/{name};" for name in ("proc", "sys", "dev"))
        seen = " ".join(f"mkdir -p {one} {ROOT}{one}; mount --bind {one} {ROOT}{one};" for one in SHARED)
        fresh = " ".join(f"mount -t tmpfs tmpfs {ROOT}/{name};" for name in ("run", "tmp"))
        self.guest.do(
            f"set -e; mkdir -p {ROOT} {PROGRAMS}; mount {self.disk('engine')} {ROOT}; {own} {seen} {fresh} "
            f"hostname > {ROOT}/etc/hostname; cp /etc/hosts {ROOT}/etc/hosts; "
            f"setsid unshare --mount --propagation private sh -c {shlex.quote(HOLD)} </dev/null >/dev/null 2>&1 & "
            f"for _ in $(seq 100); do [ -e {ROOT}/run/pid ] && exit 0; sleep 0.1; done; exit 1"
        )
        for name in ("podman", "docker", "dockerd"):
            self._give(name, f"nsenter --target $(cat {ROOT}/run/pid) --mount {name}")

    def _give(self, name: str, command: str) -> None:
        """A program of that name in the guest."""
        program = f'#!/bin/sh\nexec {command} "$@"\n'
        self.guest.do(f"cat > {PROGRAMS}/{name}; chmod 755 {PROGRAMS}/{name}", program.encode())

    def start_docker(self) -> None:
        """Docker's daemon, until it answers."""
        self.guest.do(
            f"setsid {PROGRAMS}/dockerd {DOCKER_WORDS} </dev/null >{FOLDER}/dockerd.log 2>&1 & "
            f"for _ in $(seq 120); do {PROGRAMS}/docker info >/dev/null 2>&1 && exit 0; sleep 0.5; done; "
            f"tail -n 5 {FOLDER}/dockerd.log >&2; exit 1"
        )

    def deploy_cloud(self) -> None:
        """The far side, in namespaces of the guest: what the machine image is tested against too."""
        self._place.up(parse_topology(TOPOLOGY.read_text(), str(TOPOLOGY)), TOPOLOGY)

    def stop(self) -> None:
        self.guest.stop()
        if self._asked is not None:
            self._asked.kill()
            self._asked.wait()

    def do(self, script: str) -> str:
        """Run a shell text in the guest, which finds the engines; what it printed."""
        return self.guest.do(f"PATH={PROGRAMS}:$PATH; {script}").decode()

    def disk(self, name: str) -> str:
        """The path of one of the disks plugged in; the same in the engines' root."""
        return f"/dev/$(basename $(dirname $(grep -lx {name} /sys/block/vd*/serial)))"


def build_archives() -> Path:
    """The folder with both archives, of these sources. ARCHIVES names another."""
    if given := os.environ.get("ARCHIVES"):
        return Path(given)
    out = REPO / "build" / "engine"
    subprocess.run([sys.executable, "images/oci.py", out, *ARCHIVES], cwd=REPO, check=True)
    return out


def _disk_words(slot: int, name: str, path: Path) -> tuple[str, ...]:
    """One more disk, known by its serial number; what is written to it is forgotten."""
    return ("-drive", f"file={path},if=none,id={name},format=raw,snapshot=on,cache=unsafe",
            "-device", f"virtio-blk-pci,drive={name},serial={name},addr={slot:#x}")  # fmt: skip
