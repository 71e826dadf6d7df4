#!/usr/bin/env python3
"""Build the appliance's disk image: Debian 13 with the appliance on it, read-only and checked block by block.

    images/disk.py OUT [--key FILE]    OUT gets the image as raw and qcow2, the containers of images/oci.py, a manifest,
                                       an SBOM, sums and a signature
    images/disk.py OUT --disk          without the containers
    images/disk.py OUT --lock FILE     the disk again from the packages, wheels and time that a manifest names
    images/disk.py --where workbench   the root with Debian 13's disk tools and OVMF, built when missing

The same packages, wheels and sources give the same bytes: every time stamp is SOURCE_DATE_EPOCH (by default the time
of the last commit), every UUID follows from what it names. The tools run in a root of their own (mksquashfs,
veritysetup, systemd-repart, grub-mkimage, grub-bios-setup of Debian 13), without loop devices.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import lzma
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oci
import papers
import staging
from bytecode import leave_bytecode, write_order
from linking import clear_libraries
from locking import read_lock
from mapping import become_root
from modules import clear_modules, read_needs
from pruning import clear_tree
from staging import WORKBENCH, Job, at_workbench, files_of, name_uuid

import build as recipe
from build import BUILD, HERE, Image, run

RECIPE = HERE / "disk"
SECTORS = 8
"""Sectors of 512 bytes in one block of 4096, in which dm-verity counts."""
CONSOLE = "console=tty0 console=ttyS0,115200"
# Without BPF among them: systemd would read what the kernel tells of all its types, before anything else.
GUARDS = "lsm=landlock,lockdown,yama"
# Many small programs: whole pages of 2 MiB for each would be half empty.
MEMORY = "transparent_hugepage=madvise"
WORDS = f"{CONSOLE} {GUARDS} {MEMORY} quiet panic=10 no_timer_check net.ifnames=1 systemd.show_status=false"
BIOS = "biosdisk part_gpt fat normal search search_fs_file loadenv configfile linux echo test sleep boot reboot"
EFI = "part_gpt fat normal search search_fs_file loadenv configfile linux echo test sleep boot reboot efi_gop all_video"
# What finds a disk and opens the root on it, on the machines that clouds and QEMU make.
INITRD_MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "nvme", "xen-blkfront", "hv_storvsc", "ahci"),
    *("dm-mod", "dm-verity", "squashfs", "overlay", "ext4", "crc32c-intel", "crc32c_generic", "sha256-ssse3"),
    *("sha256_generic", "libcrc32c"),
)
INITRD_PROGRAMS = ("usr/sbin/dmsetup",)
ROOT = Image("root", ("appliance.packages", "disk.packages"), (), ())
ENGINE = Image("engine", ("engine.packages",), (), (recipe.write_disk,))
SUPPLIED = {image.name: image for image in (WORKBENCH, ROOT, ENGINE, recipe.TOOLS)}
"""Roots that tests and benches take from here."""


def is_current(out: Path) -> bool:
    """Whether there is an image of what the sources say now."""
    try:
        sources = json.loads((out / "manifest.json").read_text())["sources"]
    except (OSError, ValueError, KeyError):
        return False
    return (out / papers.SIGNATURE).exists() and bool(sources == staging.digest_sources())


def build(job: Job) -> None:
    """Every step, in order."""
    for step in STEPS:
        step(job)


def start_afresh(job: Job) -> None:
    staging.start_afresh(job, ROOT)
    (job.work / "sources").write_text(staging.digest_sources())


def install_settings(job: Job) -> None:
    """Our units, and the settings of what runs beside them; what Debian set up goes first. What a unit may do only
    where an intent asks for that lies ready for `appliance configure`.
    """
    script = (
        "rm -rf etc/systemd/system/*.wants etc/systemd/system/*.service etc/resolv.conf etc/cloud/cloud.cfg.d/*; "
        "ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf; rm -f etc/netplan/*; "
        "mkdir -m 0750 etc/appliance; echo disk > etc/appliance/image; "
        # FRR starts empty, and without the file it does not start vtysh for every daemon either.
        "rm -f etc/frr/frr.conf; : > etc/frr/vtysh.conf; "
        # It shows what charon does; keys and connections never come from files, nor are plugins there that read them.
        "printf '\\nswanctl {\\n    load = random openssl\\n}\\n' >> etc/strongswan.conf; "
        # Nobody logs in on the console: there is no password, and who gets there first keeps the questions from it.
        "mkdir -p etc/systemd/system-generators; "
        "for one in ssh getty; do ln -s /dev/null etc/systemd/system-generators/systemd-$one-generator; done"
    )
    run("sh", "-ec", f"cd {shlex.quote(str(job.tree))} && {script}", as_root=True)
    spare = "usr/share/appliance/units/drop-ins"
    units = (
        *((unit, f"usr/lib/systemd/system/{unit.name}", "0644") for unit in sorted((HERE / "units").glob("*.service"))),
        *((unit, f"{spare}/{unit.name}", "0644") for unit in sorted((HERE / "units/drop-ins").glob("*.conf"))),
    )
    tree = RECIPE / "tree"
    staging.install(job, *units, *((file, str(file.relative_to(tree)), "0644") for file in files_of(tree)))


def enable_units(job: Job) -> None:
    run("chroot", job.tree, "systemctl", "preset-all", "--preset-mode=full", as_root=True)
    masked = (
        "getty@tty1.service",
        "systemd-pcrphase.service",
        "systemd-logind.service",
        "systemd-firstboot.service",
        "cloud-init-hotplugd.socket",
        # File systems and a store that nothing here uses: each would load a module, or ask the network daemon.
        "sys-fs-fuse-connections.mount",
        "sys-kernel-config.mount",
        "systemd-networkd-persistent-storage.service",
    )
    run("chroot", job.tree, "systemctl", "mask", "-q", *masked, as_root=True)


def keep_kernel(job: Job) -> None:
    (kernel,) = sorted((job.tree / "boot").glob("vmlinuz-*"))
    run("install", "-m", "0644", kernel, job.work / "vmlinuz", as_root=True)


def write_initrd(job: Job) -> None:
    """A shell, a program and the modules that find the disk: a full initramfs would cost seconds."""
    stage = job.work / "initrd.d"
    for name in ("bin", "dev", "proc", "sys", "root", "run", "usr/lib/modules", "usr/lib64", "usr/sbin"):
        (stage / name).mkdir(parents=True)
    (stage / "lib").symlink_to("usr/lib")
    (stage / "lib64").symlink_to("usr/lib64")
    shutil.copy(job.tree / "usr/bin/busybox", stage / "bin/busybox")
    shutil.copy(RECIPE / "initrd-init", stage / "init")
    (stage / "init").chmod(0o755)
    for program in INITRD_PROGRAMS:
        copy_program(job.tree, stage, program)
    copy_modules(job.tree, stage)
    at_workbench(job, "depmod -b /mnt/initrd.d $(ls /mnt/initrd.d/usr/lib/modules)")
    at_workbench(
        job,
        "cd /mnt/initrd.d && find . -exec touch -h -d @$SOURCE_DATE_EPOCH {} + && find . | LC_ALL=C sort | "
        "cpio -o -H newc --quiet --reproducible -R 0:0 --renumber-inodes --ignore-devno | "
        "zstd -q -19 -T1 -f -o /mnt/initrd",
    )


def copy_program(tree: Path, stage: Path, program: str) -> None:
    """A program of the root, found in the initrd's /bin, with the libraries it is linked to."""
    shutil.copy(tree / program, stage / "bin" / Path(program).name)
    listing = run("chroot", tree, "ldd", f"/{program}", as_root=True)
    for path in sorted({word for word in listing.split() if word.startswith("/")}):
        target = stage / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / path.lstrip("/"), target)


def copy_modules(tree: Path, stage: Path) -> None:
    """The initrd's kernel modules and those they need, unpacked: the whole is packed once."""
    (source,) = (tree / "usr/lib/modules").iterdir()
    needs = read_needs(source)
    for module in INITRD_MODULES:
        for path in needs.get(module.replace("-", "_"), []):
            target = stage / "usr/lib/modules" / source.name / str(path).removesuffix(".xz")
            data = (source / path).read_bytes()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / name, stage / "usr/lib/modules" / source.name / name)


def write_root(job: Job) -> None:
    """The root as squashfs, and the tree of hashes by which the kernel checks it."""
    times = f"-all-time {job.epoch} -mkfs-time {job.epoch}"
    at_workbench(
        job,
        "env -u SOURCE_DATE_EPOCH mksquashfs /mnt/tree /mnt/root.squashfs -noappend -quiet -no-progress "
        f"-comp zstd -Xcompression-level 19 -b 256K {times} -sort /mnt/order",
    )
    said = at_workbench(
        job,
        f"veritysetup format --salt={name_uuid('salt').hex} --uuid={name_uuid('hash')} "
        "/mnt/root.squashfs /mnt/root.hash",
    )
    roothash = next(line.split()[-1] for line in said.splitlines() if line.startswith("Root hash"))
    (job.work / "roothash").write_text(roothash)


def write_boot_folder(job: Job) -> None:
    """What GRUB reads: itself for UEFI, its menu, and kernel and initrd of slot a."""
    slot = job.work / "esp/appliance/slots/a"
    slot.mkdir(parents=True)
    (job.work / "esp/EFI/BOOT").mkdir(parents=True)
    shutil.copy(RECIPE / "boot/grub.cfg", job.work / "esp/appliance/grub.cfg")
    shutil.copy(RECIPE / "boot/early.cfg", job.work / "early.cfg")
    for name in ("vmlinuz", "initrd"):
        shutil.copy(job.work / name, slot / name)
    (slot / "slot.cfg").write_text(f'set words="{kernel_words(job)}"\n')
    at_workbench(job, "grub-editenv /mnt/esp/appliance/grubenv create")
    at_workbench(job, "grub-editenv /mnt/esp/appliance/grubenv set slot=a")
    for kind, target, modules in (
        ("x86_64-efi", "esp/EFI/BOOT/BOOTX64.EFI", EFI),
        ("i386-pc", "grub/core.img", BIOS),
    ):
        (job.work / target).parent.mkdir(exist_ok=True)
        at_workbench(job, f"grub-mkimage -O {kind} -p /appliance -c /mnt/early.cfg -o /mnt/{target} {modules}")
    at_workbench(job, "cp /usr/lib/grub/i386-pc/boot.img /mnt/grub/")


def kernel_words(job: Job) -> str:
    """The kernel's command line: the slot, and what the initrd opens its root by."""
    blocks = (job.work / "root.squashfs").stat().st_size // 4096
    facts = {
        "slot": "a",
        "blocks": blocks,
        "salt": name_uuid("salt").hex,
        "roothash": (job.work / "roothash").read_text(),
    }
    return " ".join([WORDS, *(f"appliance.{name}={value}" for name, value in facts.items())])


def assemble_disk(job: Job) -> None:
    """The partitions of images/disk/repart.d in one file; GRUB for BIOS in front of them."""
    shutil.copytree(RECIPE / "repart.d", job.work / "repart.d", dirs_exist_ok=True)
    at_workbench(job, "find /mnt/esp -exec touch -d @$SOURCE_DATE_EPOCH {} +")
    at_workbench(
        job,
        # mke2fs would draw by lot how names are hashed.
        f"SYSTEMD_REPART_MKFS_OPTIONS_EXT4='-E nodiscard,lazy_itable_init=1,hash_seed={name_uuid('state')}' "
        f"systemd-repart --offline=yes --sector-size=512 --empty=create --size=auto "
        f"--dry-run=no --seed={name_uuid('disk')} --root=/mnt "
        "--definitions=/mnt/repart.d --json=off --no-pager /mnt/appliance.raw",
    )
    # grub-bios-setup wants the device its folder lies on: it is told that this is the image.
    at_workbench(
        job,
        'echo "1 0 1:1 / / - fat /mnt/appliance.raw" > /tmp/mounts && mount --bind /tmp/mounts /proc/$$/mountinfo && '
        "exec /usr/lib/grub/i386-pc/grub-bios-setup --directory=/mnt/grub /mnt/appliance.raw",
    )


def convert(job: Job) -> None:
    at_workbench(
        job, "qemu-img convert -m 1 -O qcow2 -c -o compression_type=zstd /mnt/appliance.raw /mnt/appliance.qcow2"
    )
    for name in ("appliance.raw", "appliance.qcow2"):
        run("mv", "-f", job.work / name, job.out / name, as_root=True)
        run("chown", f"{os.getuid()}:{os.getgid()}", job.out / name, as_root=True)


def write_papers(job: Job) -> None:
    """What is in it, where that comes from, and a signature over the sums of all."""
    facts = {
        "roothash": (job.work / "roothash").read_text(),
        "epoch": job.epoch,
        "arch": "x86_64",
        "sources": (job.work / "sources").read_text(),
        "key": "given" if job.key else "development",
    }
    papers.write_manifest(job.out, staging.base_of(job, ROOT) / "manifest.json", job.work / "wheels.lock", facts)
    papers.write_sbom(job.out, job.epoch)
    papers.write_sums(job.out)
    papers.sign(job.out, job.key)


def clear_work(job: Job) -> None:
    run("rm", "-rf", "--one-file-system", job.work, as_root=True)


STEPS: tuple[Callable[[Job], None], ...] = (
    start_afresh, staging.install_wheels, staging.install_product, install_settings, enable_units,
    staging.write_sources, leave_bytecode, keep_kernel, write_initrd, clear_tree, clear_modules, clear_libraries,
    write_order, write_root, write_boot_folder, assemble_disk, convert, write_papers, clear_work,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", nargs="?", type=Path, default=BUILD / "image")
    parser.add_argument("--key", type=Path, help="an OpenSSH private key that signs the image")
    parser.add_argument("--disk", action="store_true", help="no containers")
    parser.add_argument("--if-changed", action="store_true", help="nothing where OUT has it from the same sources")
    parser.add_argument("--lock", type=Path, help="the manifest of an image: from its packages and wheels again")
    parser.add_argument("--where", choices=sorted(SUPPLIED), help="build that root when missing, name its folder")
    given = parser.parse_args()
    become_root(BUILD / "images")
    if given.where:
        print(recipe.build(SUPPLIED[given.where]))
        return
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (given.if_changed and is_current(given.out)):
            lock = read_lock(given.lock) if given.lock else None
            job = Job(given.out.resolve(), given.key, lock.epoch if lock else staging.source_epoch(), lock)
            for container in () if given.disk or lock else oci.CONTAINERS:
                oci.build(container, job.out, job.epoch)
            build(job)
    print(given.out.resolve())


if __name__ == "__main__":
    main()
