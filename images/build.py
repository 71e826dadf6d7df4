#!/usr/bin/env python3
"""Build the lab guest: a Debian 13 root with the appliance's packages, as kernel + initrd + disk.

    images/build.py guest     build what is missing, print the folder that holds the result
    images/build.py tools     the same for the root that supplies QEMU 10 to older hosts
    images/build.py --where guest    only print the folder

Every command is echoed to stderr. A result is kept under build/images/ by the hash of all that goes into it
(this recipe, the package lists, the pinned wheels), so an unchanged recipe costs nothing. Debian packages are
kept in build/debs, and each image names those it holds, with version and SHA-256, in its manifest.json.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
HERE = REPO / "images"
BUILD = REPO / "build"
SUITE = "trixie"
PYTHON = "3.13"
ARCHIVE = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
# Linters and type checkers judge the source on the build host; a guest has no use for them.
BUILD_HOST_ONLY = {
    "ast-serialize",
    "colorama",
    "librt",
    "mypy",
    "mypy-extensions",
    "pathspec",
    "ruff",
    "setuptools",
    "types-jsonschema",
    "types-pyyaml",
    "win-inet-pton",
}
# What stands between the kernel and the disk that holds every other module.
INITRD_MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c-intel")
NOT_SHIPPED = ("doc/*", "man/*", "info/*", "locale/*", "lintian/*")


@dataclass(frozen=True, slots=True)
class Image:
    """One thing to build: the package lists its root holds, other files it is made of, and how it is finished."""

    name: str
    lists: tuple[str, ...]
    files: tuple[str, ...]
    steps: tuple[Callable[[Image], None], ...]

    @property
    def packages(self) -> list[str]:
        lines = [line.strip() for name in self.lists for line in (HERE / name).read_text().splitlines()]
        return sorted({line for line in lines if line and not line.startswith("#")})

    @property
    def folder(self) -> Path:
        digest = hashlib.sha256(self.name.encode())
        for name in ("images/build.py", *(f"images/{name}" for name in self.lists), *self.files):
            digest.update(name.encode() + b"\0" + (REPO / name).read_bytes() + b"\0")
        return BUILD / "images" / f"{self.name}-{digest.hexdigest()[:16]}"

    @property
    def root(self) -> Path:
        return self.folder / "root"


def build(image: Image) -> Path:
    """Run the image's steps unless their result stands already; one build at a time."""
    (BUILD / "images").mkdir(parents=True, exist_ok=True)
    with (BUILD / "images" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (image.folder / "manifest.json").exists():
            announce(image)
            for step in (install_programs, start_afresh, bootstrap_root, *image.steps, write_manifest, drop_older):
                step(image)
    return image.folder


def announce(image: Image) -> None:
    print(
        f"images/build.py: building {image.name}: Debian 13 packages are fetched once (about 200 MB for both "
        "images), a minute or two",
        file=sys.stderr,
    )


def install_programs(_image: Image) -> None:
    """Ask apt for the programs this recipe runs, and for the keys Debian signs its archive with."""
    wanted = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}
    lacking = {package for program, package in wanted.items() if not shutil.which(program, path=PATH)}
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        lacking.add("debian-archive-keyring")
    if lacking:
        run("apt-get", "update", "-q", as_root=True)
        run(
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
            *sorted(lacking),
            as_root=True,
        )


def start_afresh(image: Image) -> None:
    """What an interrupted build left is of unknown state."""
    if image.folder.exists():
        run("rm", "-rf", "--one-file-system", image.folder, as_root=True)
    image.folder.mkdir(parents=True)
    (BUILD / "debs").mkdir(exist_ok=True)


def bootstrap_root(image: Image) -> None:
    """A minimal root with the listed packages, from the archive the host's apt is set up for."""
    cache = BUILD / "debs"
    run(
        "mmdebstrap",
        "--variant=minbase",
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg",
        "--mode=root",
        f"--include={','.join(image.packages)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{what}" for what in NOT_SHIPPED),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        *apt_options(),
        '--aptopt=Acquire::Retries "3"',
        "--skip=download/empty",
        "--skip=essential/unlink",
        '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
        f"--setup-hook=sync-in {shlex.quote(str(cache))} /var/cache/apt/archives/",
        f"--customize-hook=sync-out /var/cache/apt/archives/ {shlex.quote(str(cache))}",
        '--customize-hook=rm -f "$1"/var/cache/apt/archives/*.deb "$1"/etc/apt/apt.conf.d/99mmdebstrap',
        SUITE,
        image.root,
        *archive_lines(),
        as_root=True,
    )


def apt_options() -> Iterator[str]:
    """The host's way to its archive (proxies, clock checks): mmdebstrap starts from an empty configuration."""
    dump = run("apt-config", "dump")
    for key, value in re.findall(r'^(Acquire::[\w:.-]+) "([^"]+)";$', dump, re.MULTILINE):
        if "Proxy" in key or key in ("Acquire::Check-Valid-Until", "Acquire::Check-Date"):
            yield f'--aptopt={key} "{value}"'


def archive_lines() -> tuple[str, str]:
    """apt sources for Debian 13: at the addresses the host uses for its own Debian, else at Debian's."""
    listing = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(CODENAME)", "Created-By: Packages")
    debian = [line.split()[::2] for line in listing.splitlines() if " Debian " in line]
    main = next((uri for uri, suite in debian if "security" not in suite), ARCHIVE)
    security = next((uri for uri, suite in debian if suite.endswith("-security")), SECURITY)
    return f"deb {main} {SUITE} main", f"deb {security} {SUITE}-security main"


def install_wheels(image: Image) -> None:
    """Fetch the pinned wheels for the guest's Python on this host, then install them without a network."""
    wheels = BUILD / "wheels"
    wheels.mkdir(exist_ok=True)
    pinned = image.folder / "wheels.lock"
    pinned.write_text(lock_without(BUILD_HOST_ONLY, (REPO / "requirements.lock").read_text()))
    target = (
        "--python-version",
        PYTHON,
        "--implementation",
        "cp",
        "--platform",
        "manylinux_2_28_x86_64",
        "--platform",
        "manylinux2014_x86_64",
        "--platform",
        "manylinux_2_17_x86_64",
        "--platform",
        "any",
        "--only-binary=:all:",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(pinned),
    )
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    run(*pip, "download", "--dest", wheels, *target)
    staged = image.folder / "wheels"
    run(*pip, "install", "--no-index", "--find-links", wheels, "--target", staged, "--no-compile", *target)
    run("mkdir", "-p", image.root / "opt/appliance", as_root=True)
    run("cp", "-r", staged, image.root / "opt/appliance/wheels", as_root=True)
    run("chroot", image.root, "python3", "-m", "compileall", "-q", "-j", "0", "/opt/appliance/wheels", as_root=True)


def lock_without(names: Iterable[str], lock: str) -> str:
    """The lock file less some projects: a stanza is a `name==version` line and the indented lines after it."""
    stanzas = re.split(r"\n(?=[A-Za-z0-9])", "\n" + lock)
    dropped = tuple(f"{name}==" for name in names)
    return "\n".join(stanza.strip("\n") for stanza in stanzas if not stanza.strip().startswith(dropped)) + "\n"


def install_guest_files(image: Image) -> None:
    """Our own init, the way into a node, and Python's path to the product (pushed at each use) and its wheels."""
    for source, target, mode in (
        ("guest/init", "sbin/lab-init", "0755"),
        ("guest/command", "usr/local/sbin/lab-command", "0755"),
        ("guest/sshd_config", "etc/ssh/sshd_config", "0644"),
        ("guest/appliance.pth", "usr/lib/python3/dist-packages/appliance.pth", "0644"),
        ("guest/appliance", "usr/bin/appliance", "0755"),
        ("guest/exabgp", "usr/bin/exabgp", "0755"),
    ):
        run("install", "-D", "-m", mode, HERE / source, image.root / target, as_root=True)
    run(
        "ln",
        "-sfn",
        "/opt/appliance/current/images/entrypoint",
        image.root / "usr/lib/appliance-entrypoint",
        as_root=True,
    )


def copy_kernel(image: Image) -> None:
    (kernel,) = sorted((image.root / "boot").glob("vmlinuz-*"))
    run("install", "-m", "0644", kernel, image.folder / "vmlinuz", as_root=True)


def write_initrd(image: Image) -> None:
    """A shell and the modules that find the disk: a full initramfs would cost seconds under emulation."""
    stage = image.folder / "initrd.d"
    for name in ("bin", "dev", "proc", "sys", "root", "modules"):
        (stage / name).mkdir(parents=True)
    shutil.copy(image.root / "usr/bin/busybox", stage / "bin/busybox")
    order = []
    for module in module_order(image):
        plain = module.name.removesuffix(".xz")
        data = module.read_bytes()
        (stage / "modules" / plain).write_bytes(lzma.decompress(data) if module.suffix == ".xz" else data)
        order.append(plain)
    (stage / "modules/order").write_text("".join(f"{name}\n" for name in order))
    shutil.copy(HERE / "guest/initrd-init", stage / "init")
    (stage / "init").chmod(0o755)
    archive = run(
        "sh",
        "-c",
        f"cd {shlex.quote(str(stage))} && find . | {shlex.quote(str(stage))}/bin/busybox cpio"
        f" -o -H newc > {shlex.quote(str(image.folder))}/initrd",
    )
    del archive


def module_order(image: Image) -> list[Path]:
    """Files of the initrd's modules, each after those it needs, by the kernel's own dependency list."""
    (tree,) = (image.root / "usr/lib/modules").iterdir()
    needs = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[Path(name).name.split(".")[0].replace("-", "_")] = [tree / name, *(tree / dep for dep in rest.split())]
    wanted: list[Path] = []
    for module in INITRD_MODULES:
        for path in reversed(needs.get(module.replace("-", "_"), [])):
            if path not in wanted:
                wanted.append(path)
    return wanted


def write_disk(image: Image) -> None:
    """An ext4 file system made straight from the folder: no mount, no loop device."""
    disk = image.folder / "disk.ext4"
    run(
        shutil.which("mke2fs", path=PATH) or "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-O",
        "^has_journal",
        "-m",
        "0",
        "-L",
        "lab",
        "-d",
        image.root,
        disk,
        "3G",
        as_root=True,
    )
    run("chown", f"{os.getuid()}:{os.getgid()}", disk, as_root=True)


def write_manifest(image: Image) -> None:
    """Name every Debian package of the image with its version and the hash of the file it came from."""
    listing = run(
        "chroot", image.root, "dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n", as_root=True
    )
    packages = []
    for name, version, architecture in (line.split() for line in listing.splitlines()):
        deb = BUILD / "debs" / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
        packages.append(
            {
                "package": name,
                "version": version,
                "architecture": architecture,
                "sha256": hashlib.sha256(deb.read_bytes()).hexdigest() if deb.exists() else None,
            }
        )
    text = json.dumps({"schema": 1, "image": image.name, "suite": SUITE, "packages": packages}, indent=1)
    if image.name == "guest":
        run(
            "rm",
            "-rf",
            "--one-file-system",
            image.root,
            image.folder / "initrd.d",
            image.folder / "wheels",
            as_root=True,
        )
    (image.folder / "manifest.json").write_text(text + "\n")


def drop_older(image: Image) -> None:
    """Keep the two newest results of an image; a guest that still runs keeps its open files."""
    results = sorted((BUILD / "images").glob(f"{image.name}-*"), key=lambda path: path.stat().st_mtime)
    for old in results[:-2]:
        run("rm", "-rf", "--one-file-system", old, as_root=True)


def run(*command: str | Path, as_root: bool = False) -> str:
    """Echo and run; returns stdout. A failure ends the build and says which command it was."""
    words = [*(["sudo"] if as_root and os.geteuid() != 0 else []), *map(str, command)]
    print("+", shlex.join(words), file=sys.stderr, flush=True)
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"images/build.py: {shlex.join(words[:4])} ... failed with exit code {done.returncode}")
    return done.stdout


GUEST_FILES = tuple(
    f"images/guest/{name}"
    for name in ("init", "command", "sshd_config", "appliance.pth", "appliance", "exabgp", "initrd-init")
)
GUEST = Image(
    "guest",
    ("appliance.packages", "lab.packages"),
    ("requirements.lock", *GUEST_FILES),
    (install_wheels, install_guest_files, copy_kernel, write_initrd, write_disk),
)
TOOLS = Image("tools", ("tools.packages",), (), ())
IMAGES: dict[str, Image] = {image.name: image for image in (GUEST, TOOLS)}


def main(arguments: Sequence[str]) -> None:
    names = [word for word in arguments if word != "--where"]
    if not names or not set(names) <= set(IMAGES):
        sys.exit(f"usage: images/build.py [--where] {'|'.join(IMAGES)}")
    for name in names:
        print(IMAGES[name].folder if "--where" in arguments else build(IMAGES[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
