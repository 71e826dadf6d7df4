"""LOCK=manifest: the same image again, from the very packages and wheels that its manifest names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build as recipe
from build import BUILD, NOT_SHIPPED, SUITE, Image, run


@dataclass(frozen=True, slots=True)
class Lock:
    """What a manifest says of an image: Debian packages and wheels with version and hash, and its time."""

    packages: tuple[dict[str, Any], ...]
    wheels: tuple[dict[str, Any], ...]
    epoch: int


def read_lock(path: Path) -> Lock:
    """Ends the build when it is no manifest of ours."""
    try:
        manifest = json.loads(path.read_text())
        return Lock(tuple(manifest["packages"]), tuple(manifest["wheels"]), int(manifest["epoch"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"images/disk.py: {path} is no manifest of an image: {error}")


def render_requirements(lock: Lock) -> str:
    """The wheels as pip takes them."""
    stanzas = (
        [f"{one['package']}=={one['version']}", *(f"--hash=sha256:{value}" for value in one["hashes"])]
        for one in lock.wheels
    )
    return "".join(" \\\n    ".join(stanza) + "\n" for stanza in stanzas)


def build_locked(image: Image, lock: Lock) -> Path:
    """The folder with the root and its manifest, built when missing. Ends the build when a package is not at hand, or
    when other packages came of it."""
    names = sorted(f"{one['package']} {one['version']} {one['sha256']}" for one in lock.packages)
    digest = hashlib.sha256("\n".join([*image.packages, *names]).encode()).hexdigest()[:16]
    folder = BUILD / "images" / f"locked-{image.name}-{digest}"
    if (folder / "manifest.json").exists():
        return folder
    recipe.install_programs(image)
    run("rm", "-rf", "--one-file-system", folder, as_root=True)
    archive = folder / "archive"
    archive.mkdir(parents=True)
    _write_index(archive, "\n".join(_stanza(archive, one) for one in lock.packages).encode())
    _bootstrap(image, folder / "root", archive)
    text = _manifest_of(folder / "root", image, lock)
    shutil.rmtree(archive)
    (folder / "manifest.json").write_text(text)
    return folder


def _stanza(archive: Path, one: dict[str, Any]) -> str:
    """A package's paragraph in the list of the archive; its file is put there."""
    name = f"{one['package']}_{one['version'].replace(':', '%3a')}_{one['architecture']}.deb"
    kept = BUILD / "debs" / name
    if not kept.exists() or hashlib.sha256(kept.read_bytes()).hexdigest() != one["sha256"]:
        sys.exit(
            f"images/disk.py: {kept} is not there, or is another: the manifest names it with SHA-256 {one['sha256']}; "
            "https://snapshot.debian.org has what Debian's archive no longer holds"
        )
    plain = name.replace("%3a", "_")
    os.link(kept, archive / plain)
    control = run("dpkg-deb", "--field", kept).rstrip("\n")
    return f"{control}\nFilename: ./{plain}\nSize: {kept.stat().st_size}\nSHA256: {one['sha256']}\n"


def _write_index(archive: Path, packages: bytes) -> None:
    """The archive's list, and the file by which apt knows that this is the suite asked for."""
    (archive / "Packages").write_bytes(packages)
    listed = f"SHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n"
    (archive / "Release").write_text(f"Origin: Debian\nSuite: {SUITE}\nCodename: {SUITE}\n{listed}")


def _bootstrap(image: Image, root: Path, archive: Path) -> None:
    """As the recipe does it from Debian's archive."""
    run(
        *("mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join(image.packages)}"),
        *(f"--dpkgopt=path-exclude=/usr/share/{what}" for what in NOT_SHIPPED),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        '--customize-hook=rm -f "$1"/var/cache/apt/archives/*.deb "$1"/etc/apt/apt.conf.d/99mmdebstrap',
        *(SUITE, root, f"deb [trusted=yes] copy://{archive} ./"),
        as_root=True,
    )


def _manifest_of(root: Path, image: Image, lock: Lock) -> str:
    """The manifest, when what is installed is what the lock names."""
    found = run("chroot", root, "dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n", as_root=True)
    named = {f"{one['package']} {one['version']} {one['architecture']}" for one in lock.packages}
    if other := set(found.splitlines()) ^ named:
        sys.exit(f"images/disk.py: not what the manifest names: {', '.join(sorted(other))}")
    text = {"schema": 1, "image": image.name, "suite": SUITE, "packages": list(lock.packages)}
    return json.dumps(text, indent=1) + "\n"
