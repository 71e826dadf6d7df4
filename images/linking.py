"""Shared libraries that no program, module or plugin of the image needs any more."""

from __future__ import annotations

import re
import shlex
import sys

from staging import Job, at_workbench

from build import run

FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/frr", "usr/lib/ipsec")
LOADED = (
    *("libblkid.so.1", "libcrypt.so.1", "libcrypto.so.3", "libgcc_s.so.1", "libkmod.so.2", "liblz4.so.1"),
    *("liblzma.so.5", "libmount.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libpam.so.0", "libpcre2-8.so.0"),
    *("libseccomp.so.2", "libzstd.so.1"),
)
"""What systemd, kmod and libc open by name when they run, for what they do here."""


def clear_libraries(job: Job) -> None:
    """Remove what is neither linked to, however indirectly, nor among those."""
    said = _look(job)
    lacking = {
        name for name in re.findall(r"(\S+) => not found", said) if not any(job.tree.glob(f"usr/lib/*/*/{name}"))
    }
    if lacking:
        sys.exit(f"images/linking.py: removed, but needed: {', '.join(sorted(lacking))}")
    needed = {name.rpartition("/")[2] for name in re.findall(r"/\S+\.so\S*", said)} | set(LOADED)
    others = []
    for folder in FOLDERS:
        paths = [path for path in sorted((job.tree / folder).glob("*.so*")) if not path.is_dir()]
        meant = {path.resolve() for path in paths if path.name in needed}
        others += [f"{folder}/{path.name}" for path in paths if path.resolve() not in meant]
    at_workbench(job, f"cd /mnt/tree && rm {shlex.join(others)}")


def _look(job: Job) -> str:
    """What ldd(1) says of all that is no library of those folders, and of what is opened by name."""
    users = " ".join(f"! -regex '{folder}/[^/]*'" for folder in FOLDERS)
    loaded = " ".join(f"{FOLDERS[0]}/{name}" for name in LOADED)
    script = f"cd /; find usr opt -type f '(' -name '*.so*' -o -perm /111 ')' {users} -exec ldd {{}} + 2>/dev/null; "
    return run("chroot", job.tree, "sh", "-c", f"{script} ldd {loaded}", as_root=True)
