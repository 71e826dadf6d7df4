"""Where a lab's nodes live: namespaces of this machine, the guest, or containerlab's containers."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from appliance.lab.checks import LabReport, Manner
from appliance.lab.deployment import Deployment, results_as_json
from appliance.lab.namespaces import enter_program, find_lab, node_status, running_labs, tear_down
from appliance.lab.state import LabState
from appliance.lab.topology import Topology
from appliance.lab.trial import run_lab

Progress = Callable[[str], None]


class Backend(Protocol):
    """What can be done with labs, wherever they live. Mappings are JSON-ready."""

    name: str

    def up(self, topology: Topology, file: Path) -> Mapping[str, Any]:
        """Deploy; the lab and what the topology's commands did."""

    def run(self, topology: Topology, file: Path, manner: Manner) -> LabReport:
        """Deploy, check, take down."""

    def execute(self, lab: str | None, node: str, command: Sequence[str]) -> int:
        """Run a command in a node with this program's own streams; its exit code."""

    def labs(self) -> list[Mapping[str, Any]]:
        """The labs that are up, with their nodes' status."""

    def names(self) -> list[str]:
        """The names of the labs that are up: quicker than ``labs``."""

    def down(self, lab: str) -> bool:
        """Take a lab down; whether there was one."""


class Here:
    """Namespaces of this machine's kernel."""

    name = "here"

    def __init__(self, progress: Progress, failures: Path, files_root: Path | None = None) -> None:
        self.progress = progress
        self.failures = failures
        self.files_root = files_root

    def up(self, topology: Topology, file: Path) -> Mapping[str, Any]:
        results = asyncio.run(self._deployment(topology, file).run())
        return {"lab": describe(find_lab(topology.name, running_labs()), self.name), "exec": results_as_json(results)}

    def run(self, topology: Topology, file: Path, manner: Manner) -> LabReport:
        return run_lab(self._deployment(topology, file), self.failures / topology.name, manner)

    def execute(self, lab: str | None, node: str, command: Sequence[str]) -> int:
        program = enter_program(find_lab(lab, running_labs()), node)
        return subprocess.run([program, *command], check=False).returncode

    def labs(self) -> list[Mapping[str, Any]]:
        return [describe(state, self.name) for state in running_labs()]

    def names(self) -> list[str]:
        return [state.name for state in running_labs()]

    def down(self, lab: str) -> bool:
        return tear_down(lab)

    def _deployment(self, topology: Topology, file: Path) -> Deployment:
        return Deployment(topology, file, self.files_root, self.progress)


def describe(state: LabState, backend: str) -> dict[str, Any]:
    """A running lab for ``lab list`` and ``lab up``."""
    nodes = [{**node, "status": node_status(state.name, name)} for name, node in state.nodes.items()]
    return {**state.as_json(), "nodes": nodes, "backend": backend}


def default_backend() -> str:
    """This machine when it can carry real tunnels and we may use it, else the guest."""
    return "here" if os.geteuid() == 0 and has_xfrm_interfaces() and Path("/usr/lib/frr/bgpd").exists() else "vm"


def has_xfrm_interfaces() -> bool:
    """Whether this kernel can make XFRM interfaces, by its own list of modules."""
    if Path("/sys/module/xfrm_interface").exists():
        return True
    modules = Path("/lib/modules") / platform.release()
    lists = (modules / name for name in ("modules.dep", "modules.builtin"))
    return any("/xfrm_interface.ko" in path.read_text() for path in lists if path.exists())
