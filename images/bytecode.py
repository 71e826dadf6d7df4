"""Python without its sources: compiled modules alone are half of it, and start as soon."""

from __future__ import annotations

import staging
from staging import Job

from build import PYTHON, run

STANDARD = f"usr/lib/python{PYTHON}"
OTHERS = ("opt/appliance", "usr/lib/python3")
COMPILE = ("python3", "-m", "compileall", "-q", "-f", "-b", "-j", "0", "--invalidation-mode", "unchecked-hash")

IMPORTS = """\
import sys
import appliance.cli.main, appliance.cli.running
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if file.endswith((".pyc", ".so")):  # the others are in the interpreter itself
        print(file.lstrip("/"))
"""


def leave_bytecode(job: Job) -> None:
    """Each module compiled in its source's place; Python's own library also without its descriptions, which nothing
    here shows. Ours and click's are what --help says."""
    run("mkdir", "-p", job.tree / "dev/shm", as_root=True)  # by which Python shares work out
    run("chroot", job.tree, *COMPILE, "-o", "2", f"/{STANDARD}", as_root=True)
    run("chroot", job.tree, *COMPILE, *(f"/{place}" for place in OTHERS), as_root=True)
    script = (
        'cd "$0" && find "$@" -name __pycache__ -prune -exec rm -rf {} + && '
        "find \"$@\" -name '*.pyc' | sed 's/c$//' | xargs rm -f"
    )
    run("sh", "-ec", script, job.tree, STANDARD, *OTHERS, as_root=True)


def write_order(job: Job) -> None:
    """For the file system: the daemon's modules side by side, as it imports them. Small files share blocks; the kernel
    unpacks those whole, and keeps few. All of ours are imported meanwhile: what they need has been left in."""
    staging.keep_methods(job)
    files = run("chroot", job.tree, "env", "PYTHONHASHSEED=0", "python3", "-B", "-c", IMPORTS, as_root=True).split()
    (job.work / "order").write_text("".join(f"{file} {len(files) - at}\n" for at, file in enumerate(files)))
