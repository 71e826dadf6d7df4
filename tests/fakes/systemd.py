"""A systemd in memory: none by default; it keeps files and states, and refuses to start what it does not know."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.boot.unit import OWN, Boot, BootStep, Program, boot_steps
from appliance.model.fault import SystemFailure


class FakeSystemd:
    """``runs`` is whether the machine was booted with it; ``done`` what it was told."""

    def __init__(self) -> None:
        self.runs = False
        self.packaged = False
        self.broken = ""
        self.files: dict[str, str] = {}
        self.enabled = False
        self.active = False
        self.done: list[str] = []

    async def steps(self, program: Program, *, daemon: bool, embedded: bool) -> tuple[BootStep, ...]:
        boot = Boot(self.files, self.packaged, self.enabled, self.active, daemon and not self.active)
        return boot_steps("[Unit]\n", "[Service]\n" if embedded else None, program, boot)

    async def carry_out(self, steps: Sequence[BootStep]) -> None:
        if self.broken:
            raise SystemFailure(self.broken, code="unit")
        for step in steps:
            self.done.append(step.verb)
            if step.verb == "write":
                self.files[step.path] = step.content
            elif step.verb == "remove":
                del self.files[step.path]
            else:
                assert self.packaged or OWN in self.files, "no such unit"
                self.enabled |= step.verb == "enable"
                self.active |= step.verb in ("start", "restart")
