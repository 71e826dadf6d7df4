"""What the disk image and the containers have in common: the roots they begin with, and the product in them."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from locking import Lock, build_locked, render_requirements

import build as recipe
from build import ARCHIVE, BUILD, HERE, REPO, SECURITY, SUITE, Image, run

RUNTIME = frozenset({"click", "exabgp", "jinja2", "markupsafe", "pyroute2", "pyyaml", "vici"})
"""The Python packages the product itself needs; the lock names more, for tests."""
PRODUCT = ("appliance", "frr-templates", "exabgp")
METHODS = """\
import pkgutil
from importlib import import_module
import appliance
from appliance.cli.compiled import keep_methods
methods = keep_methods()
for module in pkgutil.walk_packages(appliance.__path__, "appliance."):
    import_module(module.name)
methods.save()
"""
"""What a start would compile and keep, if it could write there."""
NAMES = uuid.UUID("8d7ff9c5-6b0f-5f0e-9d0a-6b3bb33c9f6e")
"""The namespace of the UUIDs of partitions and file systems."""

WORKBENCH = Image("workbench", ("workbench.packages",), (), ())


@dataclass(frozen=True, slots=True)
class Job:
    """One build: where its result goes, with which key it is signed, and the time that stands for now. ``lock``: which
    packages and wheels to take; None for the archive's and those of requirements.lock."""

    out: Path
    key: Path | None
    epoch: int
    lock: Lock | None = None

    @property
    def work(self) -> Path:
        """Folder for everything on the way; the tools see it as /mnt."""
        return self.out / "work"

    @property
    def tree(self) -> Path:
        """The root of the image, as folders."""
        return self.work / "tree"


def start_afresh(job: Job, root: Image) -> None:
    """A copy of the root to change."""
    if job.work.exists():
        run("rm", "-rf", "--one-file-system", job.work, as_root=True)
    job.work.mkdir(parents=True)
    run("cp", "-a", "--reflink=auto", base_of(job, root) / "root", job.tree, as_root=True)


def base_of(job: Job, root: Image) -> Path:
    """The folder of the root that a build begins with, and of its manifest."""
    return recipe.build(root) if job.lock is None else build_locked(root, job.lock)


def install_wheels(job: Job, wanted: frozenset[str] = RUNTIME) -> None:
    """The pinned wheels that are wanted, and no other."""
    wheels = BUILD / "wheels"
    wheels.mkdir(exist_ok=True)
    pinned = job.work / "wheels.lock"
    pinned.write_text(render_requirements(job.lock) if job.lock else pin(wanted))
    kinds = ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64", "any")
    target = (
        *("--python-version", recipe.PYTHON, "--implementation", "cp", "--only-binary=:all:", "--no-deps"),
        *(word for kind in kinds for word in ("--platform", kind)),
        *("--require-hashes", "-r", str(pinned)),
    )
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    run(*pip, "download", "--dest", wheels, *target)
    staged = job.work / "wheels"
    run(*pip, "install", "--no-index", "--find-links", wheels, "--target", staged, "--no-compile", *target)
    forget_host(staged)
    run("mkdir", "-p", job.tree / "opt/appliance/current", as_root=True)
    run("cp", "-r", staged, job.tree / "opt/appliance/wheels", as_root=True)


def forget_host(wheels: Path) -> None:
    """pip writes programs that begin with this host's Python, and lists them: another host's bytes would be others."""
    shutil.rmtree(wheels / "bin", ignore_errors=True)
    for record in wheels.glob("*.dist-info/RECORD"):
        record.unlink()


def pin(wanted: frozenset[str]) -> str:
    """The part of requirements.lock that is wanted."""
    lock = (REPO / "requirements.lock").read_text()
    names = {line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))}
    return recipe.lock_without(names - wanted, lock)


def install_product(job: Job) -> None:
    """The appliance's own files, where its programs look for them, and the user that an embedded speaker runs as."""
    for name in PRODUCT:
        run("cp", "-r", REPO / name, job.tree / "opt/appliance/current" / name, as_root=True)
    tidy = "cd $0/opt && find . -name __pycache__ -prune -exec rm -rf {} + && chmod -R go=rX . && chown -R 0:0 ."
    run("sh", "-ec", tidy, job.tree, as_root=True)
    install(
        job,
        (HERE / "guest/appliance", "usr/bin/appliance", "0755"),
        (HERE / "guest/exabgp", "usr/bin/exabgp", "0755"),
        (HERE / "guest/appliance.pth", "usr/lib/python3/dist-packages/appliance.pth", "0644"),
        (HERE / "strongswan.conf", "etc/strongswan.conf", "0644"),
    )
    user = ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "appliance-bgp")
    run("chroot", job.tree, *user, as_root=True)


def install(job: Job, *files: tuple[Path, str, str]) -> None:
    """Put each source at its place in the root, with its mode."""
    for source, target, mode in files:
        run("install", "-D", "-m", mode, source, job.tree / target, as_root=True)


def write_sources(job: Job) -> None:
    """Debian's own archive, whichever mirror the build host takes."""
    text = f"deb {ARCHIVE} {SUITE} main\ndeb {SECURITY} {SUITE}-security main\n"
    sources = job.work / "sources.list"
    sources.write_text(text)
    install(job, (sources, "etc/apt/sources.list", "0644"))


def compile_python(job: Job) -> None:
    """Byte code that needs no time stamp, Debian's too: in the image every file has the same one. Python shares work
    out by /dev/shm, which a root made by an ordinary user lacks."""
    run("mkdir", "-p", job.tree / "dev/shm", as_root=True)
    run(
        *("chroot", job.tree, "python3", "-m", "compileall", "-q", "-f", "-j", "0"),
        *("--invalidation-mode", "unchecked-hash"),
        *("/opt/appliance", "/usr/lib/python3", "/usr/lib/python3.13"),
        as_root=True,
    )
    keep_methods(job)


def keep_methods(job: Job) -> None:
    """What Python does not keep compiled by itself."""
    plain = ("env", "-u", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED=0")
    run("chroot", job.tree, *plain, "python3", "-c", METHODS, as_root=True)


def at_workbench(job: Job, script: str) -> str:
    """Run a shell text in the root of disk tools, with the work folder at /mnt; returns stdout."""
    bench = shlex.quote(str(recipe.build(WORKBENCH) / "root"))
    inner = f"mount -t tmpfs tmpfs /tmp; set -e; {script}"
    outer = (
        f"mount --bind {shlex.quote(str(job.work))} {bench}/mnt && mount --rbind /dev {bench}/dev && "
        f"mount --rbind /proc {bench}/proc && "
        f"exec chroot {bench} /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH={job.epoch} "
        f"E2FSPROGS_FAKE_TIME={job.epoch} sh -ec {shlex.quote(inner)}"
    )
    return run("unshare", "-m", "sh", "-ec", outer, as_root=True)


def name_uuid(name: str) -> uuid.UUID:
    """The UUID of a part of the image, the same at every build."""
    return uuid.uuid5(NAMES, name)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digest_sources() -> str:
    """Changes when anything does that goes into an image, packages and wheels of the day aside."""
    places = [REPO / "requirements.lock", *(REPO / name for name in (*PRODUCT, "images"))]
    files = [file for place in places for file in (files_of(place) if place.is_dir() else [place])]
    digest = hashlib.sha256()
    for path in files:
        if "__pycache__" not in path.parts and path.suffix != ".md":
            digest.update(f"{path.relative_to(REPO)} {path.stat().st_mode:o}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def source_epoch() -> int:
    """Seconds since 1970 that stand for the time of the build."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    said = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return int(said.stdout) if said.returncode == 0 and said.stdout.strip() else 1767225600
