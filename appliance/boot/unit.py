"""The daemon's unit on this machine: which files it needs, and the steps to them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

UNIT = "appliance.service"
PACKAGED = f"/usr/lib/systemd/system/{UNIT}"
OWN = f"/etc/systemd/system/{UNIT}"
DROP_IN = f"{OWN}.d/program.conf"
SPEAKER = f"{OWN}.d/speaker.conf"
"""What an embedded speaker takes besides."""
PROGRAM = "/usr/bin/appliance"
"""What the unit starts unless a drop-in says otherwise."""
HOMES = ("/home", "/root", "/run/user")
"""What ProtectHome= hides (systemd.exec(5))."""


@dataclass(frozen=True, slots=True)
class Program:
    """The command that starts what runs now, and the folders and files it needs."""

    command: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def at_home(self) -> tuple[str, ...]:
        """What it needs of people's homes, the outermost folders alone."""
        found = sorted({one for one in self.needs if any(_lies_in(one, home) for home in HOMES)})
        return tuple(one for one in found if not any(_lies_in(one, other) for other in found if other != one))


@dataclass(frozen=True, slots=True)
class Boot:
    """What systemd has of us. ``files`` holds those of ours that are there, by path; ``packaged``: the unit comes with
    the machine's own software. ``stranger``: a daemon runs that systemd did not start."""

    files: Mapping[str, str] = field(default_factory=dict)
    packaged: bool = False
    enabled: bool = False
    active: bool = False
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class BootStep:
    """``verb``: ``write`` or ``remove`` (of ``path``), ``enable``, ``start``, ``restart``. ``text`` is for the plan."""

    verb: str
    text: str
    path: str = UNIT
    content: str = ""


def boot_steps(unit: str, speaker: str | None, program: Program, boot: Boot) -> tuple[BootStep, ...]:
    """What is to be done so that the daemon runs now and at every boot; nothing when it is so. ``speaker`` is the
    drop-in for an embedded speaker, None where none is asked for."""
    own = None if boot.packaged else unit
    files = tuple(_file_steps(boot, {OWN: own, DROP_IN: render_drop_in(program), SPEAKER: speaker}))
    found = list(files)
    if not boot.enabled:
        found.append(BootStep("enable", f"{UNIT}: the daemon starts with the machine"))
    if boot.active and files:
        found.append(BootStep("restart", f"{UNIT}: routes, links and SAs stay"))
    elif not boot.active and not boot.stranger:
        found.append(BootStep("start", f"{UNIT}: the daemon probes, fails over and repairs"))
    return tuple(found)


def _file_steps(boot: Boot, wanted: Mapping[str, str | None]) -> Iterable[BootStep]:
    for path, content in wanted.items():
        there = boot.files.get(path)
        if content is None and there is not None:
            yield BootStep("remove", f"{path}: no longer needed", path)
        elif content is not None and content != there:
            yield BootStep("write", f"{path}{_about(content) if path == DROP_IN else ''}", path, content)


def _about(drop_in: str) -> str:
    lines = [line for line in drop_in.splitlines() if line.startswith(("ExecStart=/", "BindReadOnlyPaths="))]
    return f": {', '.join(lines)}"


def render_drop_in(program: Program) -> str | None:
    """What differs from the unit; None when it is as it should be. Homes stay hidden but for what the program needs of
    them, and that cannot be written to."""
    lines: list[str] = []
    if program.command != (PROGRAM,):
        lines += ["ExecStart=", f"ExecStart={' '.join(map(_quoted, (*program.command, 'run')))}"]
    if program.at_home:
        lines += ["ProtectHome=tmpfs", f"BindReadOnlyPaths={' '.join(map(_quoted, program.at_home))}"]
    if not lines:
        return None
    return "\n".join(("# Written by `appliance configure`: the program that was called then.", "[Service]", *lines, ""))


def _quoted(word: str) -> str:
    """As systemd takes words: its specifiers and variables are none of ours (systemd.syntax(7))."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if text != word or any(letter.isspace() for letter in word) else word


def _lies_in(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)
