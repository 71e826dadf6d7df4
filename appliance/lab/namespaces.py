"""Door to this machine's kernel for labs: nodes as namespaces of our own, links as veth pairs between them.

Every node has its own network, mount, pid, UTS and IPC namespaces; nothing of a lab lives outside them but a folder of
small files under /run, so ending the nodes' first processes ends the lab, also when its deployer was killed half way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from appliance.lab.state import ROOT, LabState, node_folder, parse_state, tear_down_script
from appliance.lab.topology import Topology
from appliance.model.fault import ApplianceError, SystemFailure, SystemLacks, WrongUsage

NEEDED = {
    "appliance": ("/usr/sbin/charon-systemd", "/usr/lib/frr/bgpd", "/usr/lib/appliance-entrypoint"),
    "appliance-lab": ("/usr/bin/tcpdump", "/usr/bin/iperf3", "/usr/lib/frr/bgpd"),
}
"""What an image's nodes count on, since they see this machine's own files."""

NO_SUCH_LAB = 3
"""Exit code of the text that tears a lab down."""


def preflight(topology: Topology) -> None:
    """What this machine lacks for such nodes, named with the remedy."""
    remedy = "use `--backend vm`: a guest with all of it"
    if os.geteuid() != 0:
        raise SystemLacks("namespaces need root here", hint=f"run as root, or {remedy}")
    for program in ("ip", "nsenter"):
        if not shutil.which(program):
            raise SystemLacks(f"the program {program} is missing", hint=f"apt install iproute2 util-linux, or {remedy}")
    if "overlay" not in Path("/proc/filesystems").read_text() and not Path("/sys/module/overlay").exists():
        raise SystemLacks("this kernel has no overlay file system loaded", hint=f"modprobe overlay, or {remedy}")
    for image in {node.image.partition(":")[0] for node in topology.nodes if node.kind == "linux"}:
        absent = [path for path in NEEDED[image] if not Path(path).exists()]
        if absent:
            raise SystemLacks(f"image {image} on this machine needs {', '.join(absent)}", hint=remedy)


def tear_down(lab: str) -> bool:
    """End everything of a lab, whatever state it is in. Whether there was one."""
    done = subprocess.run(["sh", "-c", tear_down_script(lab)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, NO_SUCH_LAB):
        raise SystemFailure(f"lab {lab} does not end: {done.stderr.strip()}")
    return done.returncode == 0


def running_labs() -> list[LabState]:
    """The labs deployed on this machine."""
    return [state for path in sorted(ROOT.glob("*/lab.json")) if (state := _load(path))]


def node_status(lab: str, node: str) -> str:
    """``up``, ``exited CODE`` (its command ended, its namespaces stay) or ``gone``."""
    folder = node_folder(lab, node)
    pid = _read_pid(folder / "pid")
    if not pid or not _is_first(pid):
        return "gone"
    events = (folder / "events").read_text().splitlines() if (folder / "events").exists() else []
    return next((line for line in reversed(events) if line.startswith("exited")), "up")


def find_lab(name: str | None, running: Sequence[LabState]) -> LabState:
    """The lab meant: the named one, or the only one that is up."""
    if name is None and len(running) == 1:
        return running[0]
    found = [state for state in running if state.name == name]
    if found:
        return found[0]
    names = ", ".join(state.name for state in running) or "none"
    if name is None and running:
        raise WrongUsage(f"several labs are up: {names}", hint="say which with --lab NAME")
    raise ApplianceError(f"no lab {name or ''} is up".replace("  ", " "), code="no-lab", hint=f"up: {names}")


def enter_program(state: LabState, node: str) -> Path:
    """The program that runs its arguments in the node."""
    if node not in state.nodes:
        raise WrongUsage(f"lab {state.name} has no node {node}", hint=f"nodes: {', '.join(state.nodes)}")
    path = node_folder(state.name, node) / "enter"
    if not path.exists():
        raise ApplianceError(f"node {node} of lab {state.name} is not up yet", code="no-node")
    return path


def _load(path: Path) -> LabState | None:
    try:
        return parse_state(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_first(pid: int) -> bool:
    """Whether this is the first process of a nested pid namespace: a number used again by another is not."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    spaces = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(spaces) > 1 and spaces[-1] == "1"
