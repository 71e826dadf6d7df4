"""The few system calls behind a node that Python 3.11 does not offer. Part of the namespaces door."""

from __future__ import annotations

import ctypes
import os
import signal

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_PIDS, NEW_NET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
DETACH = 2
SET_PARENT_DEATH_SIGNAL = 1
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the caller's namespaces for fresh ones (unshare(2))."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    done = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(done, f"mount on {target}")


def enter_root(new_root: str) -> None:
    """Make ``new_root`` the root of this mount namespace; the old one stays, stacked over it, until it is let go
    (pivot_root(2), its "." trick)."""
    os.chdir(new_root)
    _check(_libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")


def let_go_of_old_root() -> None:
    """Unmount what ``enter_root`` left stacked over the new root."""
    _check(_libc.umount2(b".", DETACH), "umount")
    os.chdir("/")


def set_hostname(name: str) -> None:
    """The name of this UTS namespace."""
    word = name.encode()
    _check(_libc.sethostname(word, len(word)), "sethostname")


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends, however that ends."""
    _check(_libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
