"""Door to containerlab and Docker, for those who have them: the same topologies as containers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.lab.checks import CheckResult, LabReport, Manner, describe_result
from appliance.lab.state import enter_script, lab_folder, node_folder
from appliance.lab.topology import Topology
from appliance.lab.trial import run_program
from appliance.model.fault import ApplianceError, SystemFailure, SystemLacks, WrongUsage

PREFIX = "clab"


class Containers:
    """The backend ``containerlab``: needs both programs, Docker's daemon, and our images in it."""

    name = "containerlab"

    def __init__(self, progress: Callable[[str], None]) -> None:
        self.progress = progress
        for program in ("containerlab", "docker"):
            if not shutil.which(program):
                raise SystemLacks(
                    f"{program} is not installed", hint="see https://containerlab.dev/install/, or use `--backend vm`"
                )
        _said("docker", "info", hint="start Docker, or use `--backend vm`")

    def up(self, topology: Topology, file: Path) -> Mapping[str, Any]:
        for image in sorted({node.image for node in topology.nodes if node.kind == "linux"}):
            _said("docker", "image", "inspect", image, hint=f"Docker has no image {image}: load it with `docker load`")
        _make_bridges(topology)
        self.progress(f"containerlab deploys {file.name}")
        _said("containerlab", "deploy", "--topo", str(file), hint="`containerlab inspect --all` shows what is there")
        lab = next(lab for lab in self.labs() if lab["name"] == topology.name)
        return {"lab": lab, "exec": []}

    def run(self, topology: Topology, file: Path, manner: Manner) -> LabReport:
        """Deploy the lab, run its checks on this machine as for a lab of namespaces, take it down."""
        begun, results = time.monotonic(), []
        self.up(topology, file)
        try:
            _lay_out(topology)
            message = f"{len(topology.nodes)} containers and {len(topology.links)} links are up"
            results.append(CheckResult("deploy", True, round(time.monotonic() - begun, 2), message))
            self.progress(describe_result(results[0]))
            results += run_program(file, topology, self.progress, manner)
        finally:
            if not manner.keep or (results and all(result.passed for result in results)):
                self.down(topology.name)
        return LabReport(topology.name, time.monotonic() - begun, tuple(results), None)

    def execute(self, lab: str | None, node: str, command: Sequence[str]) -> int:
        labs = self.labs()
        chosen = [found for found in labs if lab is None or found["name"] == lab]
        if len(chosen) != 1:
            names = ", ".join(found["name"] for found in labs) or "none"
            raise WrongUsage("say which lab with --lab" if chosen else "no such lab is up", hint=f"up: {names}")
        terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        container = f"{PREFIX}-{chosen[0]['name']}-{node}"
        return subprocess.run(["docker", "exec", "-i", *terminal, container, *command], check=False).returncode

    def labs(self) -> list[Mapping[str, Any]]:
        found = json.loads(_said("containerlab", "inspect", "--all", "--format", "json") or "{}")
        labs: list[Mapping[str, Any]] = []
        for name, containers in found.items():
            nodes = [
                {
                    "name": one["name"].removeprefix(f"{PREFIX}-{name}-"),
                    "kind": one["kind"],
                    "image": one["image"],
                    "status": one["state"],
                }
                for one in containers
            ]
            file = containers[0].get("absLabPath", containers[0].get("labPath", "")) if containers else ""
            labs.append({"name": name, "file": file, "nodes": nodes, "backend": self.name})
        return labs

    def names(self) -> list[str]:
        return [str(found["name"]) for found in self.labs()]

    def down(self, lab: str) -> bool:
        if lab not in self.names():
            return False
        _said("containerlab", "destroy", "--name", lab, "--cleanup")
        for name in _bridges_made(lab):
            subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
        shutil.rmtree(lab_folder(lab), ignore_errors=True)
        return True


def _make_bridges(topology: Topology) -> None:
    """containerlab makes none: it wants those of this machine that a topology names
    (https://containerlab.dev/manual/kinds/bridge/). Those that were there before stay when the lab goes."""
    made = set(_bridges_made(topology.name))
    for name in [node.name for node in topology.nodes if node.kind == "bridge"]:
        if not Path("/sys/class/net", name).exists():
            _said("ip", "link", "add", name, "type", "bridge", hint="a bridge takes root, as containerlab does")
            made.add(name)
        _said("ip", "link", "set", name, "up")
    if made:
        _bridge_list(topology.name).parent.mkdir(parents=True, exist_ok=True)
        _bridge_list(topology.name).write_text("".join(f"{name}\n" for name in sorted(made)))


def _bridges_made(lab: str) -> list[str]:
    path = _bridge_list(lab)
    return path.read_text().split() if path.exists() else []


def _bridge_list(lab: str) -> Path:
    return lab_folder(lab) / "bridges"


def _lay_out(topology: Topology) -> None:
    """What checks look for of each node (appliance/lab/state.py): its first process, and the program that enters it."""
    for node in topology.nodes:
        if node.kind != "linux":
            continue
        container = f"{PREFIX}-{topology.name}-{node.name}"
        pid = int(_said("docker", "inspect", "--format", "{{.State.Pid}}", container))
        folder = node_folder(topology.name, node.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pid").write_text(f"{pid}\n")
        (folder / "enter").write_text(enter_script(pid, node.env))
        (folder / "enter").chmod(0o755)
        (folder / "log").write_text(_said("docker", "logs", container))


def _said(*command: str, hint: str | None = None) -> str:
    """Stdout of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    why = (done.stderr or done.stdout).strip().splitlines()[-1:]
    message = f"`{' '.join(command[:3])}` failed: {' '.join(why)}"
    raise _error(command, message, hint)


def _error(command: Sequence[str], message: str, hint: str | None) -> ApplianceError:
    lacking = command[:2] == ("docker", "info") or command[:3] == ("docker", "image", "inspect")
    return SystemLacks(message, hint=hint) if lacking else SystemFailure(message, hint=hint)
