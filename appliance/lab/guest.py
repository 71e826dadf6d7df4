"""Door to the lab guest: one virtual machine with the appliance's own kernel, booted once and used by every lab.

It has no way out: its network device reaches only the host's loopback (QEMU user networking, ``restrict=on``), and
carries nothing but the ssh sessions that commands pass through. It ends by itself when idle (images/guest/init).
State lies in ``build/guest`` of the checkout: the key made for this boot, the port, QEMU's pid and console.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.lab.machine import Machine, accelerators, free_port, qemu_command, qemu_major
from appliance.model.fault import SystemFailure, SystemLacks

BOOT_SECONDS = 90
SSH_SECONDS = 60
KVM_PROBE_SECONDS = 25
READY = "lab guest ready"
STATE_VARIABLE = "APPLIANCE_GUEST"
"""Names another state folder than the checkout's: a guest of one's own beside the shared one."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command in the guest left: exit code, stdout, stderr."""

    code: int
    out: bytes
    err: bytes


class Guest:
    """The one guest of a checkout (``repo``). Several programs may use it at once."""

    def __init__(self, repo: Path, progress: Progress = lambda _line: None) -> None:
        self.repo = repo
        self.progress = progress
        self.extra: tuple[str, ...] = ()
        self.state = Path(os.environ.get(STATE_VARIABLE) or repo / "build" / "guest")

    def start(self) -> None:
        """Boot it unless it runs; a second caller waits for the first."""
        with self._lock("boot.lock"):
            if not self.running():
                self._boot()
            if not self._channel_answers():
                self._open_channel()

    def is_stale(self) -> bool:
        """Whether it was booted from another image than the recipe would make now."""
        path = self.state / "image"
        return self.running() and path.exists() and path.read_text() != self._recipe("--where", "guest").name

    def running(self) -> bool:
        pid = self._pid()
        return pid is not None and self._is_ours(pid)

    def stop(self) -> None:
        """End it now, whatever it does; its disk is a throw-away copy."""
        self._close_channel()
        pid = self._pid()
        if pid is not None and self._is_ours(pid):
            os.kill(pid, signal.SIGKILL)
            _wait_until(lambda: not self._is_ours(pid), 10)
        (self.state / "pid").unlink(missing_ok=True)

    def spawn(
        self,
        script: str,
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        tty: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Run a shell text in the guest, streams passed through (255: the channel itself failed)."""
        command = [*self._ssh(), *(["-tt"] if tty else []), "root@127.0.0.1", script]
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr)

    def ask(self, script: str, given: bytes = b"") -> Answer:
        """Run a shell text in the guest and collect what it says."""
        process = self.spawn(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(given)
        return Answer(process.returncode, out, err)

    def do(self, script: str, given: bytes = b"") -> bytes:
        """Like ``ask`` for what must succeed; returns stdout."""
        answer = self.ask(script, given)
        if answer.code:
            said = answer.err.decode(errors="replace").strip()
            raise SystemFailure(
                f"the lab guest failed at {script[:80]!r}: {said}", hint=f"its console is {self.state / 'console'}"
            )
        return answer.out

    # The boot

    def _boot(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        for name in ("pid", "console", "pushed", "key", "key.pub"):
            (self.state / name).unlink(missing_ok=True)
        self._close_channel()
        for accelerator in accelerators(self._remembered()):
            machine = self._machine()
            self.progress(f"booting the lab guest ({accelerator})")
            if self._try_boot(machine, accelerator):
                (self.repo / "build" / "accelerator").write_text(accelerator)
                return
        raise SystemFailure("the lab guest did not come up", hint=f"its console is {self.state / 'console'}")

    def _remembered(self) -> str | None:
        path = self.repo / "build" / "accelerator"
        return path.read_text().strip() if path.exists() else None

    def _machine(self) -> Machine:
        """Build what is missing, make a key for this boot, find a free port."""
        images = self._build("guest")
        (self.state / "image").write_text(images.name)
        for name in ("key", "key.pub", "pid"):
            (self.state / name).unlink(missing_ok=True)
        tools = None if qemu_major() >= 9 else self._build("tools")
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self.state / "key")],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        port = free_port()
        (self.state / "port").write_text(str(port))
        return Machine(images, tools, self.state, port, (self.state / "key.pub").read_text().split()[1], self.extra)

    def _build(self, image: str) -> Path:
        with (self.state / f"build-{image}.log").open("wb") as log:
            return self._recipe(image, log=log)

    def _recipe(self, *words: str, log: IO[bytes] | None = None) -> Path:
        """Run the image recipe: the folder it names. ``log`` takes what it echoes."""
        recipe = self.repo / "images" / "build.py"
        if not recipe.exists():
            raise SystemLacks("no recipe for the lab guest here", hint="run from a checkout of the project")
        # Its input is not ours to read: what comes there is for the command in the guest.
        process = subprocess.Popen(
            [sys.executable, str(recipe), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
        )
        try:
            folder, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self.progress(f"building the image {words[-1]}: a minute or two, log in {log.name if log else 'none'}")
            folder, _ = process.communicate()
        if process.returncode:
            last = Path(log.name).read_text(errors="replace").strip().splitlines()[-1:] if log else []
            raise SystemFailure(
                f"building {words[-1]} failed: {' '.join(last)}", hint=f"the log is {log.name}" if log else None
            )
        return Path(folder.decode().strip().splitlines()[-1])

    def _try_boot(self, machine: Machine, accelerator: str) -> bool:
        """Whether the guest came up under this accelerator: /dev/kvm may exist and still not run a kernel."""
        command, environment = qemu_command(machine, accelerator)
        with (self.state / "qemu.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        seconds = KVM_PROBE_SECONDS if accelerator == "kvm" else BOOT_SECONDS
        _wait_until(lambda: process.poll() is not None or self._is_ready(), seconds)
        if process.poll() is None and self._is_ready():
            return True
        process.kill()
        process.wait()
        return False

    def _is_ready(self) -> bool:
        console = self.state / "console"
        return console.exists() and READY in console.read_text(errors="replace")

    def _pid(self) -> int | None:
        try:
            return int((self.state / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        try:
            return str(self.state).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False

    # The channel: one ssh connection, over which every command is a session of its own

    @property
    def _control(self) -> Path:
        """A short path of ours alone: a socket's name ends at 107 bytes."""
        folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"appliance-lab-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise SystemFailure(f"{folder} belongs to somebody else")
        return folder / hashlib.sha256(str(self.state).encode()).hexdigest()[:12]

    def _ssh(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "GlobalKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ControlPath": str(self._control),
            "IdentitiesOnly": "yes",
            "ConnectTimeout": "20",
            "ServerAliveInterval": "60",
        }
        return [
            "ssh",
            "-F",
            "/dev/null",
            "-i",
            str(self.state / "key"),
            "-p",
            (self.state / "port").read_text(),
            *(f"-o{key}={value}" for key, value in options.items()),
        ]

    def _open_channel(self) -> None:
        """On a busy machine the guest says that it is ready before its sshd takes calls."""
        if not _wait_until(self._try_channel, SSH_SECONDS):
            raise SystemFailure(
                f"no ssh to the lab guest: {(self.state / 'ssh.log').read_text().strip()}",
                hint="`appliance lab down --all` ends it; the next command boots a fresh one",
            )

    def _try_channel(self) -> bool:
        self._control.unlink(missing_ok=True)
        with (self.state / "ssh.log").open("wb") as log:
            done = subprocess.run(
                [*self._ssh(), "-fNM", "root@127.0.0.1"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            )
        return done.returncode == 0

    def _channel_answers(self) -> bool:
        """Whether the ssh that holds the channel lives: its socket alone may be what another checkout left here."""
        return self._ask_master("check")

    def _close_channel(self) -> None:
        self._ask_master("exit")
        self._control.unlink(missing_ok=True)

    def _ask_master(self, order: str) -> bool:
        """Speak to the ssh behind the socket, if there is one; it needs neither the key nor the port."""
        if not self._control.exists():
            return False
        command = ["ssh", "-F", "/dev/null", "-S", str(self._control), "-O", order, "root@127.0.0.1"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        return done.returncode == 0

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _wait_until(predicate: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
