"""ExaBGP as a child process: found, started without privilege, told to read its configuration again, and ended."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from pathlib import Path

from appliance.model.fault import SystemFailure

USERS = ("appliance-bgp", "nobody")
"""Who runs it where we are root: the first that this machine knows."""

ENDS_WITHIN = 3.0
"""Seconds from the request to end until it is ended."""

SETTINGS = {
    "exabgp_log_level": "ERROR",
    "exabgp_log_destination": "stderr",
    "exabgp_api_ack": "true",
    "exabgp_api_cli": "false",
    "exabgp_api_compact": "true",
    "exabgp_api_respawn": "false",
    "exabgp_tcp_bind": "",
}
"""ExaBGP's own, by its names. Nothing listens: it calls, and its one way in and out is the bridge."""


AS_MODULE = (sys.executable, "-P", "-m", "exabgp")
LAUNCHER = "exabgp"
"""Beside the configuration: our way of starting it, where it belongs to the Python that we run on."""


def speaker_command() -> tuple[str, ...] | None:
    """The words that start it, None where it is not installed. A folder of its name is not it."""
    spec = importlib.util.find_spec("exabgp")
    if spec is not None and spec.origin is not None:
        return AS_MODULE
    found = shutil.which("exabgp")
    return (found,) if found else None


def unprivileged_user() -> str | None:
    """Who is to run it; None: we are not root, so it is as unprivileged as we are."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise SystemFailure(f"no user to run ExaBGP as: {' and '.join(USERS)} are unknown here")


def speaker_group() -> int:
    """Whose files it can read that others cannot."""
    user = unprivileged_user()
    return os.getegid() if user is None else pwd.getpwnam(user).pw_gid


class Speaker:
    """One run of ExaBGP."""

    def __init__(self, process: Process, mark: Path) -> None:
        self._process = process
        self._mark = mark

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def wait(self) -> int:
        """Until it ended; how."""
        return await self._process.wait()

    async def end(self, *, silently: bool = False) -> None:
        """End it: with a word to every neighbour, or ``silently``, so that those that can keep what we told them
        (RFC 4724)."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL if silently else signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), ENDS_WITHIN)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._mark.unlink(missing_ok=True)


async def start_speaker(config: Path, address: str, mark: Path) -> Speaker:
    """Start ExaBGP with a configuration; its bridge calls ``address``, an abstract socket. ``mark`` is where its number
    is kept, for a daemon that comes after one that was killed. Raises SystemFailure."""
    command, user = speaker_command(), unprivileged_user()
    if command is None:
        raise SystemFailure("ExaBGP 5 is not installed")
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "APPLIANCE_SPEAKER": address, **SETTINGS}
    ids = _ids(user)
    environment["exabgp_daemon_user"] = user or pwd.getpwuid(os.geteuid()).pw_name
    if command == AS_MODULE:
        command = (*command[:2], str(config.parent / LAUNCHER))
    try:
        process = await asyncio.create_subprocess_exec(
            *command, "server", str(config), stdin=DEVNULL, stdout=DEVNULL, cwd="/", env=environment,
            start_new_session=True, user=ids[0], group=ids[1], extra_groups=None if user is None else [],
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise SystemFailure(f"ExaBGP cannot be started: {error}", retry=True) from error
    mark.write_text(f"{process.pid} {begun(process.pid)}", encoding="utf-8")
    return Speaker(process, mark)


def end_leftover(mark: Path) -> bool:
    """End the ExaBGP of a daemon that was killed, and did not get to. Whether there was one."""
    try:
        pid = _standing(mark)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    finally:
        mark.unlink(missing_ok=True)
    return pid is not None


async def wait_for_end(mark: Path) -> None:
    """Until the ExaBGP of this mark has ended, for a while at most: its own daemon ends it."""
    pid = _standing(mark)
    if pid is None:
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * ENDS_WITHIN):
                await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _standing(mark: Path) -> int | None:
    """The process of this mark, as long as it runs."""
    try:
        pid, since = mark.read_text(encoding="utf-8").split()
        return int(pid) if since == begun(int(pid)) != "?" else None
    except (OSError, ValueError):
        return None


def begun(pid: int) -> str:
    """When a process began, in the kernel's ticks: with its number it is who it is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return "?"


def _ids(user: str | None) -> tuple[int | None, int | None]:
    """User and group to become; None: to stay."""
    if user is None:
        return None, None
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
