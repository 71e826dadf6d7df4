"""A lab's whole run on this machine: up, checks, down; what a failure leaves behind for people to look at.

Part of the namespaces door.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import appliance
from appliance.lab.checks import (
    PATIENCE_SECONDS,
    CheckResult,
    LabReport,
    Manner,
    describe_result,
    judge_missing,
    parse_plan,
    parse_result,
)
from appliance.lab.deployment import LAB_UP, Deployment
from appliance.lab.namespaces import tear_down
from appliance.lab.state import lab_folder, node_folder
from appliance.lab.syscalls import die_with_parent
from appliance.lab.topology import Node, Topology
from appliance.model.fault import ApplianceError, FaultyInput, SystemLacks

REPO = Path(appliance.__file__).resolve().parent.parent
PROGRAM = "checks.py"
TCPDUMP = ("tcpdump", "-n", "-U", "-Z", "root", "-s", "192", "-C", "8", "-W", "2")
"""The head of every packet, at most twice 8 MB a link."""
LOOK = (
    "ip -d address",
    "ip rule",
    "ip route show table all",
    "ip -6 route show table all",
    "ip nexthop",
    "ip -s xfrm state list nokeys",
    "ip xfrm policy",
    "ip -s link",
    "nft list ruleset",
    "ss -tulpn",
    "ps axf",
    "swanctl --list-sas",
    "swanctl --list-conns",
    "vtysh -c 'show running-config'",
    "vtysh -c 'show bgp summary'",
    "vtysh -c 'show bgp ipv4 unicast'",
    "vtysh -c 'show ip route'",
)
"""What is asked of every node when a check failed; keys and pre-shared secrets are in none of the answers."""


def run_lab(deployment: Deployment, failures: Path, manner: Manner) -> LabReport:
    """Bring the lab up, run its checks, take it down."""
    topology, begun = deployment.topology, time.monotonic()
    results = [_deploy(deployment)]
    deployment.progress(describe_result(results[0]))
    kept = None
    captures: list[subprocess.Popen[bytes]] = []
    try:
        if results[0].passed:
            captures = list(_start_captures(topology))
            results += run_program(deployment.file, topology, deployment.progress, manner)
        passed = all(result.passed for result in results)
        _stop(captures)
        if not passed and lab_folder(topology.name).is_dir():
            kept = str(keep_evidence(topology, failures))
    finally:
        _stop(captures)
        if not manner.keep or all(result.passed for result in results):
            tear_down(topology.name)
    return LabReport(topology.name, time.monotonic() - begun, tuple(results), kept)


def _deploy(deployment: Deployment) -> CheckResult:
    """Deploying is the first check: a node that does not start, or a command of the topology that fails, fails it."""
    begun = time.monotonic()
    try:
        results = asyncio.run(deployment.run())
    except (FaultyInput, SystemLacks):
        raise
    except ApplianceError as error:
        if error.code == LAB_UP:
            raise
        return CheckResult("deploy", False, round(time.monotonic() - begun, 2), error.message)
    failed = [
        f"{result.node}: {' '.join(result.command)!r} ended with {result.code}: {result.err.strip()[:200]}"
        for result in results
        if result.code
    ]
    topology = deployment.topology
    message = "; ".join(failed) or f"{len(topology.nodes)} nodes and {len(topology.links)} links are up"
    return CheckResult("deploy", not failed, round(time.monotonic() - begun, 2), message)


def run_program(file: Path, topology: Topology, progress: Callable[[str], None], manner: Manner) -> list[CheckResult]:
    """The checks beside a topology whose nodes are up and laid out as in :mod:`appliance.lab.state`."""
    program = file.parent / PROGRAM
    if not program.exists():
        return []
    hear, tell = os.pipe()
    words = [sys.executable, program.name]
    env = _environment(file, topology, tell) | manner.environment
    process = subprocess.Popen(words, cwd=program.parent, env=env, pass_fds=(tell,), preexec_fn=die_with_parent,
                               stdin=subprocess.DEVNULL, stdout=sys.stderr)  # fmt: skip
    os.close(tell)
    try:
        return _listen(hear, process, progress)
    finally:
        os.close(hear)
        process.kill()
        process.wait()


def _environment(file: Path, topology: Topology, tell: int) -> dict[str, str]:
    """How a program of checks finds its lab, its library and whom to tell (labs/checking.py)."""
    return {
        **os.environ,
        "LAB": topology.name,
        "LAB_STATE": str(lab_folder(topology.name)),
        "LAB_FILE": str(file),
        "LAB_REPORT": str(tell),
        "PYTHONPATH": os.pathsep.join((str(REPO / "labs"), str(REPO), *sys.path[1:])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _listen(hear: int, process: subprocess.Popen[bytes], progress: Callable[[str], None]) -> list[CheckResult]:
    """Collect results until the program ends or a check overruns."""
    plan = {"checks": 60.0}
    results: list[CheckResult] = []
    for line in _lines(hear, lambda: max(plan.values(), default=0.0) + PATIENCE_SECONDS):
        if (found := parse_plan(line)) is not None:
            plan.clear()
            plan.update(found)
        elif (result := parse_result(line)) is not None:
            results.append(result)
            progress(describe_result(result))
    ended = process.poll() if process.poll() is not None else _ended_within(process, 5)
    why = "its check overran" if ended is None else f"the program of checks ended with {ended}"
    return [*results, *judge_missing(plan, results, why)]


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _lines(pipe: int, patience: Callable[[], float]) -> Iterator[str]:
    """Lines as they come; ends when the pipe is closed or nothing came in time."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(patience()):
            chunk = os.read(pipe, 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)


# Evidence


def _start_captures(topology: Topology) -> Iterator[subprocess.Popen[bytes]]:
    """tcpdump on one end of every link, seen from the machine, so that a dead node keeps its packets."""
    folder = lab_folder(topology.name) / "captures"
    folder.mkdir()
    if not shutil.which("tcpdump"):
        return
    for link in topology.links:
        end = link.ends[0]
        pid = (node_folder(topology.name, end.node) / "pid").read_text()
        words = [
            "nsenter",
            "--target",
            pid,
            "--net",
            *TCPDUMP,
            "-i",
            end.interface,
            "-w",
            str(folder / f"{link.name}.pcap"),
        ]
        yield subprocess.Popen(words, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def keep_evidence(topology: Topology, folder: Path) -> Path:
    """Copy captures and logs out of the lab, and ask every node for its state. Returns the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    captures = lab_folder(topology.name) / "captures"
    if captures.is_dir():
        shutil.copytree(captures, folder / "captures")
    for node in topology.nodes:
        _keep_node(topology.name, node, folder / "nodes" / node.name)
    return folder


def _keep_node(lab: str, node: Node, folder: Path) -> None:
    folder.mkdir(parents=True)
    home = node_folder(lab, node.name)
    for name in ("log", "events"):
        if (home / name).exists():
            shutil.copy(home / name, folder / name)
    if node.kind != "linux" or not (home / "enter").exists():
        return
    script = "\n".join(f"echo '## {line.replace(chr(39), '')}'; timeout 5 {line} 2>&1" for line in LOOK)
    with (folder / "state.txt").open("wb") as out:
        subprocess.run([home / "enter", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=out, check=False)
    with (folder / "var-log.tar").open("wb") as out:
        subprocess.run(
            [home / "enter", "tar", "-c", "-C", "/var/log", "."],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
            check=False,
        )
