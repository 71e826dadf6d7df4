"""Building without being root: in a user namespace where the builder stands for root, and his subordinate ids
(subuid(5)) for everybody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDED = ("newuidmap", "newgidmap", "unshare", "mmdebstrap", "mke2fs")
"""Programs; what is lacking could only be installed by root."""
SEARCHED = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
MAPPED = ("unshare", "--user", "--map-root-user", "--map-auto")
PRIVATE = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def permits_mapping() -> bool:
    """Whether this system lets its user be root of a namespace of his own, with ids for others in it."""
    if not all(shutil.which(program, path=SEARCHED) for program in NEEDED):
        return False
    trial = (*MAPPED, *PRIVATE, "chown", "--help")
    return subprocess.run(trial, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def become_root(built: Path) -> None:
    """Begin this program anew as root of such a namespace; nothing where one is root already, or cannot be, or where
    ``built`` holds roots that the system's root made: to the namespace's they would belong to nobody.
    """
    theirs = any(root.stat().st_uid == 0 for root in built.glob("*/root"))
    if os.geteuid() != 0 and not theirs and permits_mapping():
        os.execvp(MAPPED[0], (*MAPPED, *PRIVATE, sys.executable, *sys.argv))
