"""The first process of a node: it makes the node's own view of files, starts the command and reaps what dies.

It is forked from the program that deploys the lab, not executed: a node costs milliseconds. Part of the namespaces
door. What it tells the deploying program is one line per event on a pipe: ``ready``, ``exited CODE``, ``failed WHY``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from appliance.lab.state import SEARCH_PATH
from appliance.lab.syscalls import (
    BIND,
    NEW_IPC,
    NEW_MOUNTS,
    NEW_NET,
    NEW_PIDS,
    NEW_UTS,
    PRIVATE,
    READ_ONLY,
    RECURSIVE,
    REMOUNT,
    enter_root,
    let_go_of_old_root,
    mount,
    set_hostname,
    unshare,
)

PRODUCT = Path("/opt/appliance")
FRESH = {"run": "mode=0755,size=256m", "tmp": "mode=1777,size=1g"}


@dataclass(frozen=True, slots=True)
class Room:
    """What a node's first process needs to know. ``binds``: source on the machine, target in the node, read-only."""

    name: str
    folder: Path
    binds: Sequence[tuple[Path, str, bool]]
    env: Mapping[str, str]
    sysctls: Mapping[str, str]
    command: Sequence[str]


def open_room(room: Room) -> tuple[int, int, int]:
    """Fork the node's first process; it waits, with its files in place, until told to start.

    Returns a pipe that tells its events (they also go to the folder's file ``events``), a pipe on which one byte starts
    the command (closed without one, the node ends), and the process to reap. The node's pid, as the machine sees it,
    lies in the folder's file ``pid``.
    """
    events, tell = os.pipe()
    hear, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _become_first(room, tell, hear)
        except BaseException as error:  # noqa: BLE001 - a forked child must never return into its parent's code
            _tell((tell,), f"failed {error}")
        finally:
            os._exit(1)
    os.close(tell)
    os.close(hear)
    return events, go, child


def _become_first(room: Room, tell: int, hear: int) -> NoReturn:
    os.setsid()
    _redirect(room.folder / "log")
    _close_others(tell, hear)
    listeners = (tell, os.open(room.folder / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    unshare(NEW_MOUNTS | NEW_NET | NEW_UTS | NEW_IPC | NEW_PIDS)
    # Opened before there is a first process: that one soon changes the root of both.
    number = os.open(room.folder / "pid", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    first = os.fork()
    if first:
        os.write(number, str(first).encode())
        os._exit(0)
    os.close(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    set_hostname(room.name)
    make_view(room)
    _tell(listeners, "ready")
    if not os.read(hear, 16):
        os._exit(1)
    os.close(hear)
    for key, value in room.sysctls.items():
        _write_sysctl(key, value, listeners)
    run_first(room, listeners)


def make_view(room: Room) -> None:
    """An overlay over the machine's root, with its own /run, /tmp, /proc and /sys, and the binds on top."""
    mount("none", "/", flags=RECURSIVE | PRIVATE)
    stage = room.folder / "files"
    stage.mkdir()
    mount("tmpfs", str(stage), "tmpfs", options="mode=0755")
    for name in ("upper", "work", "root"):
        (stage / name).mkdir()
    root = stage / "root"
    mount("overlay", str(root), "overlay", options=f"lowerdir=/,upperdir={stage}/upper,workdir={stage}/work")
    mount("proc", str(root / "proc"), "proc")
    mount("sysfs", str(root / "sys"), "sysfs")
    mount("/dev", str(root / "dev"), flags=BIND | RECURSIVE)
    for name, options in FRESH.items():
        mount("tmpfs", str(root / name), "tmpfs", options=options)
    if PRODUCT.is_dir():
        mount(str(PRODUCT), str(root / "opt/appliance"), flags=BIND)
    _write_identity(room.name, root)
    sources = [os.open(source, os.O_PATH) for source, _target, _read_only in room.binds]
    enter_root(str(root))
    for source, (_path, target, read_only) in zip(sources, room.binds, strict=True):
        _bind(source, Path(target), read_only)
    let_go_of_old_root()


def _write_identity(name: str, root: Path) -> None:
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n")
    (root / "run/lock").mkdir()
    if (root / "etc/frr").is_dir():
        (root / "run/frr").mkdir()
        shutil.chown(root / "run/frr", "frr", "frr")


def _bind(descriptor: int, target: Path, read_only: bool) -> None:
    """The source was opened on the machine; the target is looked up in the node, whose symbolic links are its own."""
    source = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(source):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, str(target), flags=BIND | RECURSIVE)
    if read_only:
        mount("none", str(target), flags=BIND | REMOUNT | READ_ONLY)
    os.close(descriptor)


def _write_sysctl(key: str, value: str, tell: Sequence[int]) -> None:
    """A dot separates, and a slash stands for a dot within an interface's name, as sysctl(8) has it."""
    path = "/proc/sys/" + key.translate({ord("."): "/", ord("/"): "."})
    try:
        Path(path).write_text(value)
    except OSError as error:
        _tell(tell, f"failed sysctl {key}={value}: {error.strerror}")
        os._exit(1)


def run_first(room: Room, tell: Sequence[int]) -> NoReturn:
    """Start the command and reap every orphan; the node outlives its command."""
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    main = _start(room, tell) if room.command else 0
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            signal.pause()
            continue
        if pid == main:
            _tell(tell, f"exited {os.waitstatus_to_exitcode(status)}")


def _start(room: Room, tell: Sequence[int]) -> int:
    """The command's pid, or 0 when there is no such program."""
    env = {"PATH": SEARCH_PATH, "HOME": "/root", "HOSTNAME": room.name, **room.env}
    try:
        main = subprocess.Popen(room.command, env=env, cwd="/", stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{room.command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        _tell(tell, "exited 127")
        return 0
    main.returncode = 0  # reaped here, with every other child of the node, and not by Popen
    return main.pid


def _redirect(log: Path) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)


def _close_others(*keep: int) -> None:
    """What the deploying program had open is not the node's business; a copy of another node's pipe would keep that
    node from noticing that the program is gone."""
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in keep:
            try:
                os.close(number)
            except OSError:
                continue


def _tell(listeners: Sequence[int], line: str) -> None:
    for listener in listeners:
        try:
            os.write(listener, line.replace("\n", " ").encode()[:500] + b"\n")
        except OSError:
            continue  # the deploying program has ended; the file still listens
