"""The door to systemd: what it has of us, and the steps that change that."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.boot.unit import DROP_IN, OWN, PACKAGED, SPEAKER, UNIT, Boot, BootStep, Program, boot_steps
from appliance.model.fault import SystemFailure

PRODUCT = Path(__file__).resolve().parents[2]
UNITS = (PRODUCT / "images" / "units", Path("/usr/share/appliance/units"))
"""The units as they are shipped: in the source tree this runs from, else where the image installs them."""
WITHIN = 120.0
"""Seconds for one command: a start waits for the daemon's first pass."""


class Systemd:
    """The machine's systemd, below ``root``. Without one there is nothing to do."""

    def __init__(self, root: Path = Path("/"), command: str = "systemctl") -> None:
        self._root = root
        self._command = command

    @property
    def runs(self) -> bool:
        """Whether the machine was booted with it (sd_booted(3))."""
        return (self._root / "run/systemd/system").is_dir()

    async def steps(self, program: Program, *, daemon: bool, embedded: bool) -> tuple[BootStep, ...]:
        """What is left to do; ``daemon``: one of ours runs, whoever started it; ``embedded``: it is to start a speaker
        of its own."""
        return await asyncio.to_thread(self._steps, program, daemon, embedded)

    async def carry_out(self, steps: Sequence[BootStep]) -> None:
        """Do it. SystemFailure names the step that did not work."""
        await asyncio.to_thread(self._carry_out, steps)

    def _steps(self, program: Program, daemon: bool, embedded: bool) -> tuple[BootStep, ...]:
        unit, speaker = _shipped(UNIT), _shipped(f"drop-ins/{Path(SPEAKER).name}") if embedded else None
        packaged = self._at(PACKAGED).is_file()
        if not self.runs or (unit is None and not packaged):
            return ()
        active = self._ask("is-active") in ("active", "activating", "reloading")
        files = {path: self._at(path).read_text() for path in (OWN, DROP_IN, SPEAKER) if self._at(path).is_file()}
        boot = Boot(files, packaged, self._ask("is-enabled") == "enabled", active, stranger=daemon and not active)
        return boot_steps(unit or "", speaker, program, boot)

    def _carry_out(self, steps: Sequence[BootStep]) -> None:
        for step in steps:
            if step.verb in ("write", "remove"):
                self._write(step)
        if any(step.verb in ("write", "remove") for step in steps):
            self._do("daemon-reload")
        for step in steps:
            if step.verb in ("enable", "start", "restart"):
                self._do(step.verb, UNIT)

    def _write(self, step: BootStep) -> None:
        path = self._at(step.path)
        try:
            if step.verb == "remove":
                path.unlink(missing_ok=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.new")
            fresh.write_text(step.content)
            fresh.chmod(0o644)
            fresh.replace(path)
        except OSError as error:
            hint = "run it as root; where /etc cannot be written the unit comes with the image"
            raise SystemFailure(f"{path}: {error.strerror}", hint=hint, code="unit") from None

    def _ask(self, verb: str) -> str:
        """One word, whatever the exit code says."""
        return self._run(verb, UNIT).stdout.strip()

    def _do(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            hint = f"journalctl -u {UNIT} tells more; without the daemon nothing fails over by itself"
            raise SystemFailure(f"systemctl {' '.join(words)}: {said}", hint=hint, code="unit")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self._command, *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN,
                                  stdin=subprocess.DEVNULL)  # fmt: skip
        except OSError as error:
            raise SystemFailure(f"systemctl: {error.strerror}", code="unit") from None
        except subprocess.TimeoutExpired:
            raise SystemFailure(f"systemctl {' '.join(words)} took more than {WITHIN:.0f} s", code="unit") from None

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _shipped(name: str) -> str | None:
    return next((path.read_text() for folder in UNITS if (path := folder / name).is_file()), None)


def this_program(called: str, more: Iterable[str] = ()) -> Program:
    """What runs now, called by this name (``sys.argv[0]``), as systemd can call it; ``more`` files are read too."""
    found = shutil.which(called) if "/" not in called else called
    path = Path(found).absolute() if found else None
    is_script = path is not None and path.suffix != ".py" and os.access(path, os.X_OK) and path.is_file()
    command = (str(path),) if is_script else (sys.executable, "-m", "appliance.cli.main")
    ends = (command[0], os.path.realpath(command[0]), os.path.realpath(sys.executable))
    folders = (sys.prefix, sys.base_prefix, str(PRODUCT))
    return Program(command, tuple(dict.fromkeys((*folders, *ends, *more))))


def others_may_write(program: Program) -> tuple[str, ...]:
    """Of what the daemon is started from, what does not belong to root: who owns it becomes root by changing it."""
    return tuple(one for one in program.at_home if os.path.exists(one) and os.stat(one).st_uid != 0)
