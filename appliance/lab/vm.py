"""Labs in the guest: the same verbs, carried out by the same program inside it. Part of the guest door."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.lab.checks import LabReport, Manner, parse_report
from appliance.lab.delivery import fingerprint, lab_files, pack, product_files, unpack_product_script
from appliance.lab.guest import Guest, Progress
from appliance.lab.namespaces import NO_SUCH_LAB, find_lab
from appliance.lab.state import GUEST_FILES, LabState, end_deployers_script, node_folder, tear_down_script
from appliance.lab.topology import Topology
from appliance.model.fault import ApplianceError, SystemFailure, WrongUsage

LABS = str(GUEST_FILES)
OTHERS = "pgrep -fc '^/bin/bash /usr/local/sbin/lab-command'"


class InGuest:
    """The backend ``vm``."""

    name = "vm"

    def __init__(self, repo: Path, progress: Progress, failures: Path) -> None:
        self.repo = repo
        self.guest = Guest(repo, progress)
        self.failures = failures

    def up(self, topology: Topology, file: Path) -> Mapping[str, Any]:
        self._prepare(topology, file)
        found = self._appliance("up", *self._file_options(topology, file))
        return {**found, "lab": {**found["lab"], "file": str(file), "backend": self.name}}

    def run(self, topology: Topology, file: Path, manner: Manner) -> LabReport:
        self._prepare(topology, file)
        options = ["--failures", f"{LABS}/{topology.name}/failures", *manner.options]
        report = parse_report(self._appliance("run", *self._file_options(topology, file), *options)["labs"][0])
        kept = self._fetch(report) if report.kept else None
        return LabReport(report.name, report.seconds, report.checks, kept)

    def execute(self, lab: str | None, node: str, command: Sequence[str]) -> int:
        if not self.guest.running():
            raise ApplianceError("no lab is up: the guest does not run", code="no-lab", hint="appliance lab up NAME")
        self.guest.start()
        state = find_lab(lab, self._states())
        if node not in state.nodes:
            raise WrongUsage(f"lab {state.name} has no node {node}", hint=f"nodes: {', '.join(state.nodes)}")
        script = f"exec {shlex.join([str(node_folder(state.name, node) / 'enter'), *command])}"
        code = self.guest.spawn(script, tty=sys.stdin.isatty() and sys.stdout.isatty()).wait()
        if code == 255 and not self.guest.running():
            raise SystemFailure("the lab guest ended meanwhile", hint=f"its console is {self.guest.state / 'console'}")
        return code

    def labs(self) -> list[Mapping[str, Any]]:
        if not self.guest.running():
            return []
        self.guest.start()
        self.push_product()
        prefix = len(LABS)
        labs = self._appliance("list")["running"]
        return [{**lab, "file": _host_name(lab["file"], prefix), "backend": self.name} for lab in labs]

    def names(self) -> list[str]:
        if not self.guest.running():
            return []
        self.guest.start()
        return [state.name for state in self._states()]

    def down(self, lab: str) -> bool:
        if not self.guest.running():
            return False
        self.guest.start()
        answer = self.guest.ask(end_deployers_script(lab) + tear_down_script(lab))
        if answer.code not in (0, NO_SUCH_LAB):
            raise SystemFailure(
                f"lab {lab} does not end: {answer.err.decode(errors='replace').strip()}",
                hint="`appliance lab down --all` ends it with the guest",
            )
        return answer.code == 0

    def is_busy(self) -> bool:
        """Whether other commands from this host are under way in the guest."""
        return int(self.guest.ask(OTHERS).out or b"0") > 1

    def push_product(self) -> None:
        """Make the checkout's current files the guest's, when they differ."""
        files = product_files(self.repo)
        name = fingerprint(files, self.repo)
        current = self.guest.ask("readlink /opt/appliance/current").out.decode().strip()
        if current != f"tree.{name}":
            self.guest.do(unpack_product_script(name), pack(files, self.repo))

    def _prepare(self, topology: Topology, file: Path) -> None:
        if self.guest.is_stale() and not self.names() and not self.is_busy():
            self.guest.stop()
        self.guest.start()
        self.push_product()
        folder = shlex.quote(f"{LABS}/{topology.name}")
        script = (
            f"set -e; [ ! -d /run/appliance-lab/{shlex.quote(topology.name)} ] || exit 0\n"
            f"rm -rf {folder}; mkdir -p {folder}/files; tar -x -C {folder}/files 2>/dev/null"
        )
        self.guest.do(script, pack(lab_files(topology, file), Path("/")))

    def _file_options(self, topology: Topology, file: Path) -> list[str]:
        root = f"{LABS}/{topology.name}/files"
        return [f"{root}{file}", "--files-root", root]

    def _appliance(self, *words: str) -> Any:
        """A verb of ``appliance lab`` in the guest: its JSON comes back, its progress goes to our stderr."""
        script = shlex.join(["appliance", "lab", words[0], "--backend", "here", "--json", *words[1:]])
        process = self.guest.spawn(script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        out, _ = process.communicate()
        try:
            found = json.loads(out)
        except ValueError:
            raise SystemFailure(
                f"`lab {words[0]}` in the guest ended with {process.returncode} and no answer",
                hint=f"its console is {self.guest.state / 'console'}",
            ) from None
        if "error" in found:
            error = ApplianceError(found["error"]["message"], hint=found["error"]["hint"], code=found["error"]["code"])
            error.exit = found["error"]["exit"]
            raise error
        return found

    def _states(self) -> list[LabState]:
        """The guest's labs, without the cost of starting Python there."""
        texts = self.guest.do("cat /run/appliance-lab/*/lab.json 2>/dev/null | tr -d '\\n'; true").decode()
        decoder, states, at = json.JSONDecoder(), [], 0
        while at < len(texts):
            found, at = decoder.raw_decode(texts, at)
            nodes = {node["name"]: node for node in found["nodes"]}
            states.append(LabState(found["name"], found["file"], nodes, ()))
        return states

    def _fetch(self, report: LabReport) -> str:
        """Copy what a failed lab left in the guest to the host."""
        target = self.failures / report.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        data = self.guest.do(f"tar -c -C {shlex.quote(str(report.kept))} .")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(target, filter="data")
        return str(target)


def _host_name(file: str, prefix: int) -> str:
    """The topology's path on the host, from where its copy lies in the guest."""
    _lab, _, rest = file[prefix + 1 :].partition("/files")
    return rest or file
