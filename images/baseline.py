#!/usr/bin/env python3
"""Build what `make bench` measures beside our image: Debian 13 as it installs itself, with its own kernel, strongSwan
and FRR, set up for two tunnels by scripts like those of the clouds' guides (images/baseline/).

    images/baseline.py    the folder with disk.raw, disk.qcow2, vmlinuz and initrd, built when missing

It boots by its kernel directly: a loader would only make it larger and later.
"""

from __future__ import annotations

import fcntl
import shlex
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import staging
from mapping import become_root
from staging import Job, at_workbench

import build as recipe
from build import BUILD, HERE, SUITE, Image, run

GUIDE = HERE / "baseline"
PACKAGES = ("linux-image-amd64", "strongswan", "frr", "iptables")
PLACES = {
    "interfaces": ("etc/network/interfaces", "0644"),
    "swanctl.conf": ("etc/swanctl/conf.d/guide.conf", "0600"),
    "charon.conf": ("etc/strongswan.d/guide.conf", "0644"),
    "vpn-updown.sh": ("usr/local/sbin/vpn-updown.sh", "0755"),
    "vpn-failover.sh": ("usr/local/sbin/vpn-failover.sh", "0755"),
    "vpn-failover.service": ("etc/systemd/system/vpn-failover.service", "0644"),
    "told.service": ("etc/systemd/system/told.service", "0644"),
    "frr.conf": ("etc/frr/frr.conf", "0644"),
}
SIZE = "3G"
FILES = ("images/baseline.py", *(f"images/baseline/{name}" for name in PLACES))
BASELINE = Image("baseline", (), FILES, ())


def bootstrap(image: Image) -> None:
    """What Debian's installer has at least: every package of priority "important", with its documentation."""
    cache = shlex.quote(str(BUILD / "debs"))
    run(
        *("mmdebstrap", "--variant=important", "--mode=root", f"--include={','.join(PACKAGES)}"),
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg",
        *recipe.apt_options(),
        *('--aptopt=Acquire::Retries "3"', "--skip=download/empty", "--skip=essential/unlink"),
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        f"--setup-hook=sync-in {cache} /var/cache/apt/archives/",
        f"--customize-hook=sync-out /var/cache/apt/archives/ {cache}",
        '--customize-hook=rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*',
        *(SUITE, image.root, *recipe.archive_lines()),
        as_root=True,
    )


def set_up(image: Image) -> None:
    """What the guides have one do."""
    for name, (place, mode) in PLACES.items():
        run("install", "-D", "-m", mode, GUIDE / name, image.root / place, as_root=True)
    run("chroot", image.root, "systemctl", "enable", "-q", "vpn-failover", "told", as_root=True)
    run("sed", "-i", "s/^bgpd=no/bgpd=yes/", image.root / "etc/frr/daemons", as_root=True)
    for name, found in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (path,) = sorted((image.root / "boot").glob(found))
        run("install", "-m", "0644", path, image.folder / name, as_root=True)


def write_disk(image: Image) -> None:
    """An ext4 file system, and the same compressed as our image is."""
    job = Job(image.folder, None, staging.source_epoch())
    job.work.mkdir()
    disk = job.work / "disk.raw"
    run(
        shutil.which("mke2fs", path=recipe.PATH) or "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-d",
        image.root,
        disk,
        SIZE,
        as_root=True,
    )
    at_workbench(job, "qemu-img convert -m 1 -O qcow2 -c -o compression_type=zstd /mnt/disk.raw /mnt/disk.qcow2")
    run("sh", "-c", f"mv {shlex.quote(str(job.work))}/disk.* {shlex.quote(str(image.folder))}", as_root=True)


def build(image: Image) -> Path:
    """The folder that holds it."""
    (BUILD / "images").mkdir(parents=True, exist_ok=True)
    with (BUILD / "images" / "baseline.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (image.folder / "manifest.json").exists():
            recipe.install_programs(image)
            recipe.start_afresh(image)
            for step in (bootstrap, set_up, write_disk, recipe.write_manifest, recipe.drop_older):
                step(image)
    return image.folder


if __name__ == "__main__":
    become_root(BUILD / "images")
    print(build(BASELINE))
