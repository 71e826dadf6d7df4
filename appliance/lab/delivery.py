"""What goes into the guest: the product's current files, and a lab's folder, each as a tar. Part of the guest door."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from appliance.lab.topology import Topology
from appliance.model.fault import WrongUsage

PRODUCT = ("appliance", "frr-templates", "exabgp", "images", "labs", "tests", "pyproject.toml")
LEFT_OUT = {"__pycache__", ".git", ".venv", "build", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
FOLDER_BYTES = 20_000_000
TOTAL_BYTES = 500_000_000
OF_THE_MACHINE = ("/dev", "/proc", "/sys", "/run", "/lib", "/usr", "/boot")
"""A bind from here means the machine the nodes run on, never the one that asks for them."""


def product_files(repo: Path) -> list[Path]:
    """The files of the checkout that a guest runs."""
    return sorted(path for name in PRODUCT for path in _walk(repo / name))


def fingerprint(files: Iterable[Path], repo: Path) -> str:
    """A name for exactly these contents."""
    digest = hashlib.sha256()
    for path in files:
        mode = path.lstat().st_mode
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        digest.update(f"{path.relative_to(repo)}\0{mode:o}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def pack(files: Iterable[Path], base: Path) -> bytes:
    """A tar of the files under names relative to ``base``; times are kept, so that compiled Python stays valid."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in files:
            archive.add(path, path.relative_to(base), recursive=False)
    return buffer.getvalue()


def unpack_product_script(name: str) -> str:
    """Shell text that makes the tar on its stdin the current product, in one step: it keeps what was compiled before,
    and knows its version as an installed package does."""
    return f"""set -e
cd /opt/appliance
new=tree.{name}.$$
mkdir "$new"
tar -x -C "$new" 2>/dev/null
version=$(sed -n 's/^version = "\\(.*\\)"/\\1/p' "$new/pyproject.toml" 2>/dev/null || true)
if [ -n "$version" ]; then
    info="$new/bgp_ipsec_appliance-$version.dist-info"
    mkdir "$info"
    printf 'Metadata-Version: 2.1\\nName: bgp-ipsec-appliance\\nVersion: %s\\n' "$version" > "$info/METADATA"
fi
if [ -d current ]; then
    (cd -P current && find . -name __pycache__ -print0 | tar --null -c -T - 2>/dev/null) | tar -x -C "$new" || true
fi
rm -rf "tree.{name}"
mv "$new" "tree.{name}"
ln -sfn "tree.{name}" "current.$$"
mv -T "current.$$" current
find . -maxdepth 1 -name 'tree.*' -mmin +60 ! -name "tree.{name}" -exec rm -rf {{}} +
"""


def lab_files(topology: Topology, file: Path) -> list[Path]:
    """The lab's folder and what its binds name elsewhere. A folder too big to be a lab's own sends only the binds."""
    found = set(_walk(file.parent)) if _is_small(file.parent) else {file}
    for bind in (bind for node in topology.nodes for bind in node.binds):
        source = Path(os.path.normpath(file.parent / Path(bind.source).expanduser()))
        if source.exists() and not str(source).startswith(OF_THE_MACHINE):
            found.update(_walk(source) if source.is_dir() else [source])
            found.add(source)
    if sum(path.lstat().st_size for path in found if path.is_file()) > TOTAL_BYTES:
        raise WrongUsage(f"the binds of {file} hold more than {TOTAL_BYTES // 10**6} MB")
    return sorted(found)


def _is_small(folder: Path) -> bool:
    total = 0
    for count, path in enumerate(_walk(folder)):
        total += path.lstat().st_size
        if total > FOLDER_BYTES or count > 2000:
            return False
    return True


def _walk(path: Path) -> Iterator[Path]:
    """Files and symbolic links below a path, or the path itself; nothing that tools leave behind."""
    if path.is_symlink() or path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(set(names) - LEFT_OUT)
        yield from (
            Path(folder) / name
            for name in files
            if (Path(folder) / name).is_symlink() or (Path(folder) / name).is_file()
        )
