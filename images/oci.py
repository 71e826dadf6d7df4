#!/usr/bin/env python3
"""Build the container images `appliance` and `appliance-lab`, as archives that docker, podman and skopeo load.

    images/oci.py OUT [NAME...]    OUT/appliance.oci.tar, OUT/appliance-lab.oci.tar

One layer each, from the same packages, wheels and sources as the disk image, without kernel and systemd's start: the
entry point starts charon, FRR and the daemon. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import staging
from mapping import become_root
from staging import RUNTIME, Job, at_workbench

from build import BUILD, HERE, Image, run

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HEALTH = {
    "Test": ["CMD", "appliance", "status", "--check"],
    "Interval": 10_000_000_000,
    "Timeout": 10_000_000_000,
    "StartPeriod": 30_000_000_000,
}
NOT_NEEDED = (
    *("boot", "usr/lib/modules", "var/lib/apt/lists", "var/cache/apt", "var/cache/ldconfig", "var/cache/debconf"),
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/i18n"),
    *("initrd.img", "vmlinuz", "initrd.img.old", "vmlinuz.old", "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin"),
    "usr/share/python3",
    *("var/log", "run", "tmp", "proc", "sys", "dev", "var/lib/dpkg/info", "root"),
)
FOLDERS = ("var/log", "run", "tmp", "proc", "sys", "dev", "boot", "root", "etc/appliance", "var/lib/appliance")


@dataclass(frozen=True, slots=True)
class Container:
    """One image: the root it begins with, the Python packages in it, and what an engine runs."""

    name: str
    root: Image
    wheels: frozenset[str]
    config: dict[str, Any]


CONTAINERS = (
    Container(
        "appliance",
        Image("oci", ("appliance.packages",), (), ()),
        RUNTIME,
        {"Env": [PATH], "Entrypoint": ["/usr/lib/appliance-entrypoint"], "Healthcheck": HEALTH},
    ),
    Container(
        "appliance-lab",
        Image("ocilab", ("appliance.packages", "lab.packages"), (), ()),
        RUNTIME | {"scapy"},
        {"Env": [PATH], "Cmd": ["sleep", "infinity"]},
    ),
)


def build(container: Container, out: Path, epoch: int) -> Path:
    """The archive's path."""
    job = Job(out / container.name, None, epoch)
    staging.start_afresh(job, container.root)
    staging.install_wheels(job, container.wheels)
    staging.install_product(job)
    staging.install(
        job,
        (HERE / "entrypoint", "usr/lib/appliance-entrypoint", "0755"),
        (HERE / "strongswan.conf", "opt/appliance/current/images/strongswan.conf", "0644"),
    )
    staging.write_sources(job)
    staging.compile_python(job)
    clear_tree(job)
    target = out / f"{container.name}.oci.tar"
    write_archive(target, container, pack_layer(job), epoch)
    run("rm", "-rf", "--one-file-system", job.out, as_root=True)
    return target


def clear_tree(job: Job) -> None:
    """Nothing of the build host, of this hour, and no identity."""
    run(
        "sh",
        "-ec",
        f"cd {shlex.quote(str(job.tree))}; rm -rf --one-file-system {' '.join(NOT_NEEDED)}; "
        f"mkdir -p {' '.join(FOLDERS)}; chmod 1777 tmp; chmod 0700 root; : > etc/machine-id; "
        "rm -f etc/ssh/ssh_host_* etc/*- var/lib/dpkg/*-old etc/apt/apt.conf.d/99mmdebstrap; "
        "sed -i 's/^\\([^:]*:[^:]*\\):[0-9]*:/\\1:20000:/' etc/shadow",
        as_root=True,
    )


def pack_layer(job: Job) -> tuple[Path, str]:
    """The tree as a gzip'd layer, and the digest of what is in it (OCI image specification 1.1, "DiffID")."""
    said = at_workbench(
        job,
        "tar --sort=name --numeric-owner --mtime=@$SOURCE_DATE_EPOCH --clamp-mtime "
        "-C /mnt/tree -cf /mnt/layer.tar . && "
        "sha256sum /mnt/layer.tar && gzip -n -6 -f /mnt/layer.tar",
    )
    return job.work / "layer.tar.gz", f"sha256:{said.split()[0]}"


def write_archive(target: Path, container: Container, layer: tuple[Path, str], epoch: int) -> None:
    """An OCI layout in a tar, with the ``manifest.json`` that engines older than it read."""
    path, inside = layer
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = _encode({
        "created": created, "architecture": "amd64", "os": "linux", "config": container.config,
        "rootfs": {"type": "layers", "diff_ids": [inside]}, "history": [{"created": created}],
    })  # fmt: skip
    with path.open("rb") as file:
        packed = hashlib.file_digest(file, "sha256").hexdigest()
    kind = "application/vnd.oci.image"
    manifest = _encode({
        "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
        "config": _descriptor(f"{kind}.config.v1+json", config),
        "layers": [
            {"mediaType": f"{kind}.layer.v1.tar+gzip", "digest": f"sha256:{packed}", "size": path.stat().st_size}
        ],
    })  # fmt: skip
    # podman takes the first for the whole name, containerd the second.
    name = f"{container.name}:latest"
    named = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
    index = {
        "schemaVersion": 2, "mediaType": f"{kind}.index.v1+json",
        "manifests": [{**_descriptor(f"{kind}.manifest.v1+json", manifest), "annotations": named}],
    }  # fmt: skip
    old = [{
        "Config": _blob(config), "RepoTags": [name], "Layers": [f"blobs/sha256/{packed}"],
    }]  # fmt: skip
    texts = {"oci-layout": _encode({"imageLayoutVersion": "1.0.0"}), "index.json": _encode(index),
             "manifest.json": _encode(old), _blob(config): config, _blob(manifest): manifest}  # fmt: skip
    with tarfile.open(target, "w") as archive:
        for name, data in texts.items():
            archive.addfile(_entry(name, len(data), epoch), BytesIO(data))
        with path.open("rb") as file:
            archive.addfile(_entry(f"blobs/sha256/{packed}", path.stat().st_size, epoch), file)


def _encode(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _blob(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _entry(name: str, size: int, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, epoch, 0o644
    return entry


def main() -> None:
    names = [container.name for container in CONTAINERS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", nargs="?", type=Path, default=BUILD / "image")
    parser.add_argument("names", nargs="*", choices=names, default=names)
    given = parser.parse_args()
    become_root(BUILD / "images")
    given.out.mkdir(parents=True, exist_ok=True)
    for container in CONTAINERS:
        if container.name in given.names:
            print(build(container, given.out.resolve(), staging.source_epoch()))


if __name__ == "__main__":
    main()
