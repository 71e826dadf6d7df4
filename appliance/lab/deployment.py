"""Bringing a lab up on this machine: each node walks its stages in a task of its own. Part of the namespaces door."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.lab.inside import Room, open_room
from appliance.lab.links import Link, render_ends, render_links
from appliance.lab.namespaces import preflight, tear_down
from appliance.lab.settings import Bind
from appliance.lab.stages import Step
from appliance.lab.state import LabState, enter_script, lab_folder, node_folder, render_state
from appliance.lab.topology import Node, Topology
from appliance.model.fault import ApplianceError, Fault, FaultyInput, SystemFailure

START = b"\n"
LAB_UP = "lab-up"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What one command of a topology's ``exec`` did."""

    node: str
    command: tuple[str, ...]
    code: int
    out: str
    err: str


@dataclass(slots=True)
class Deployment:
    """A lab being brought up: each node walks its stages in a task of its own."""

    topology: Topology
    file: Path
    files_root: Path | None
    progress: Callable[[str], None]
    pids: dict[str, int] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    go: dict[str, int] = field(default_factory=dict)
    events: dict[str, asyncio.StreamReader] = field(default_factory=dict)
    reached: dict[Step, asyncio.Event] = field(default_factory=dict)
    cabled: set[str] = field(default_factory=set)

    async def run(self) -> list[ExecResult]:
        """Deploy; what fails takes the half-built lab down again. Returns what the topology's commands did."""
        preflight(self.topology)
        self._resolve_all_binds()
        folder = lab_folder(self.topology.name)
        folder.parent.mkdir(mode=0o755, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            raise ApplianceError(
                f"lab {self.topology.name} is up already",
                code=LAB_UP,
                hint=f"`appliance lab down {self.topology.name}` takes it down",
            ) from None
        (folder / "runner").write_text(str(os.getpid()))
        self._write_state()
        try:
            await _all(self._bring_up(node) for node in self.topology.nodes)
            return [
                result
                for results in await _all(self._run_execs(node) for node in self.topology.nodes)
                for result in results
            ]
        except BaseException:
            (folder / "runner").unlink(missing_ok=True)
            tear_down(self.topology.name)
            raise
        finally:
            (folder / "runner").unlink(missing_ok=True)

    def _write_state(self) -> None:
        nodes = {
            node.name: {"name": node.name, "kind": node.kind, "image": node.image, "labels": dict(node.labels)}
            for node in self.topology.nodes
        }
        links = tuple(
            (f"{a.node}:{a.interface}", f"{b.node}:{b.interface}")
            for a, b in (link.ends for link in self.topology.links)
        )
        state = LabState(self.topology.name, str(self.file), nodes, links)
        (lab_folder(self.topology.name) / "lab.json").write_text(render_state(state))

    # One node's way through its stages

    async def _bring_up(self, node: Node) -> None:
        begun = time.monotonic()
        await self._stage(node, "create", self._create)
        await self._stage(node, "create-links", self._connect)
        await self._stage(node, "configure", self._start)
        self.progress(f"{node.name} is up ({time.monotonic() - begun:.1f} s)")
        if self._is_awaited(node, "healthy"):
            await self._stage(node, "healthy", self._await_health)
        if self._is_awaited(node, "exit"):
            await self._stage(node, "exit", self._await_exit)

    async def _stage(self, node: Node, stage: str, act: Callable[[Node], Awaitable[None]]) -> None:
        plan = node.stages.get(stage)
        for wait in plan.wait_for if plan else ():
            await self._reached(wait.node, wait.stage).wait()
        if plan and stage != "create":
            await self._run_all(node, plan.on_enter)
        await act(node)
        if plan:
            await self._run_all(node, (*plan.on_enter, *plan.on_exit) if stage == "create" else plan.on_exit)
        self._reached(node.name, stage).set()

    def _reached(self, node: str, stage: str) -> asyncio.Event:
        return self.reached.setdefault((node, stage), asyncio.Event())

    def _is_awaited(self, node: Node, stage: str) -> bool:
        plans = (plan for other in self.topology.nodes for plan in other.stages.values())
        return stage in node.stages or any(
            (wait.node, wait.stage) == (node.name, stage) for plan in plans for wait in plan.wait_for
        )

    async def _create(self, node: Node) -> None:
        await asyncio.sleep(node.startup_delay)
        self.started[node.name] = time.monotonic()
        folder = node_folder(self.topology.name, node.name)
        folder.mkdir(parents=True)
        binds = [(self._source(bind), str(bind.target), bind.read_only) for bind in node.binds]
        room = Room(node.name, folder, binds, node.env, node.sysctls, node.command)
        events, self.go[node.name], child = open_room(room)
        self.events[node.name] = await _reader(events)
        os.waitpid(child, 0)
        await self._expect(node, "ready")
        pid = self.pids[node.name] = int((folder / "pid").read_text())
        enter = folder / "enter"
        enter.write_text(enter_script(pid, node.env))
        enter.chmod(0o755)

    async def _connect(self, node: Node) -> None:
        """Make the links whose other end exists too; the later of two nodes makes the link between them."""
        links = [
            link
            for link in self._links_of(node)
            if link.name not in self.cabled and all(end.node in self.pids for end in link.ends)
        ]
        self.cabled.update(link.name for link in links)
        if node.kind == "bridge":
            await _inside(self.pids[node.name], f"link add {_bridge(node)} type bridge\nlink set {_bridge(node)} up\n")
        await _batch(render_links(links, self.pids))
        await _inside(self.pids[node.name], "link set lo up\n")
        for name in {end.node for link in links for end in link.ends}:
            other = self.topology.node(name)
            bridge = _bridge(other) if other.kind == "bridge" else None
            await _inside(self.pids[name], render_ends(name, bridge, links))

    def _links_of(self, node: Node) -> list[Link]:
        return [link for link in self.topology.links if any(end.node == node.name for end in link.ends)]

    async def _start(self, node: Node) -> None:
        os.write(self.go[node.name], START)
        os.close(self.go.pop(node.name))

    async def _await_health(self, node: Node) -> None:
        """As Docker judges: failures during the start period do not count, ``retries`` in a row after it do."""
        check = node.healthcheck
        if check is None:
            return
        failed, until = 0, time.monotonic() + check.start_period
        while True:
            result = await self._exec(node, check.test, check.timeout)
            if result.code == 0:
                return
            failed = failed + 1 if time.monotonic() >= until else 0
            if failed >= check.retries:
                raise SystemFailure(f"node {node.name} is not healthy: {(result.err or result.out).strip()[:300]}")
            await asyncio.sleep(min(check.interval, 1) if time.monotonic() < until else check.interval)

    async def _await_exit(self, node: Node) -> None:
        await self._expect(node, "exited")

    async def _expect(self, node: Node, event: str) -> None:
        while line := (await self.events[node.name].readline()).decode().strip():
            word, _, rest = line.partition(" ")
            if word == event:
                return
            if word == "failed":
                raise SystemFailure(f"node {node.name} did not start: {rest}")
        raise SystemFailure(f"node {node.name} ended before it was {event}")

    # Commands in nodes

    async def _run_execs(self, node: Node) -> list[ExecResult]:
        return await self._run_all(node, node.execs)

    async def _run_all(self, node: Node, commands: Sequence[tuple[str, ...]]) -> list[ExecResult]:
        results = []
        for command in commands:
            results.append(await self._exec(node, command))
            if results[-1].code:
                self.progress(
                    f"{node.name}: {' '.join(command)!r} ended with {results[-1].code}: {results[-1].err.strip()[:200]}"
                )
        return results

    async def _exec(self, node: Node, command: tuple[str, ...], timeout: float | None = None) -> ExecResult:
        enter = node_folder(self.topology.name, node.name) / "enter"
        process = await asyncio.create_subprocess_exec(
            enter,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), timeout)
        except TimeoutError:
            process.kill()
            await process.wait()
            return ExecResult(node.name, command, 124, "", f"no end within {timeout} s")
        return ExecResult(
            node.name, command, process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
        )

    # Binds

    def _source(self, bind: Bind) -> Path:
        """On a machine of its own the lab's files lie under a root of their own; the machine's files are next."""
        source = Path(os.path.normpath(self.file.parent / Path(bind.source).expanduser()))
        moved = self.files_root / source.relative_to("/") if self.files_root else source
        return moved if moved.exists() else source

    def _resolve_all_binds(self) -> None:
        faults = [
            Fault(
                "there is no such file or folder",
                str(self.file),
                bind.line,
                f"topology.nodes.{node.name}.binds",
                bind.source,
            )
            for node in self.topology.nodes
            for bind in node.binds
            if not self._source(bind).exists()
        ]
        if faults:
            raise FaultyInput("a bind has no source", faults=tuple(faults))


def _bridge(node: Node) -> str:
    return node.name[:15]


async def _all(coroutines: Iterator[Awaitable[list[ExecResult] | None]]) -> list[list[ExecResult]]:
    """Run them together; the first failure cancels the rest and is the one raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return [result or [] for result in await asyncio.gather(*tasks)]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _reader(pipe: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb")
    )
    return reader


async def _inside(pid: int, text: str) -> None:
    await _batch(text, ("nsenter", "--target", str(pid), "--net"))


async def _batch(text: str, before: Sequence[str] = ()) -> None:
    if not text:
        return
    process = await asyncio.create_subprocess_exec(
        *before,
        "ip",
        "-batch",
        "-",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _out, err = await process.communicate(text.encode())
    if process.returncode:
        raise SystemFailure(f"the kernel refused a link: {err.decode().strip()}")


def results_as_json(results: Sequence[ExecResult]) -> list[Mapping[str, object]]:
    """For ``lab up --json``."""
    return [
        {
            "node": result.node,
            "command": list(result.command),
            "exit": result.code,
            "stdout": result.out,
            "stderr": result.err,
        }
        for result in results
    ]
