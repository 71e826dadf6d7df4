"""Two real charons, ours and a cloud's, in two network namespaces joined by a cable. Asked for, else skipped."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar

import pytest

from appliance.ipsec.applying import AT_ONCE
from appliance.ipsec.charon import Charon
from appliance.ipsec.conversation import Conversation, connected
from appliance.ipsec.talking import ike_ids, key_ids, snapshots
from appliance.model.resources import ChildSa, IkeConnection, SharedKey
from appliance.model.sa import TunnelSa
from appliance.model.secret import Secret

SETTINGS = Path(__file__).resolve().parents[2] / "images" / "strongswan.conf"
US, CLOUD = "192.0.2.1", "192.0.2.2"
ANYWHERE = (ip_network("0.0.0.0/0"),)
QUICK = "charon {\n retransmit_timeout = 0.3\n retransmit_base = 1.2\n delete_rekeyed_delay = 1\n}\n"
"""Appended to our settings: the same charon, in less of a hurry to be patient."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """One end: its charon's door with the record it keeps, its network namespace, what its charon wrote."""

    name: str
    record: Path
    socket: Path
    door: Charon
    log: Path
    process: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *command: str) -> str:
        """A command in the node's network namespace."""
        return sh("ip", "netns", "exec", self.name, *command)

    def start(self) -> None:
        """Start charon and wait until it answers."""
        environment = {**os.environ, "STRONGSWAN_CONF": str(self.socket.with_suffix(".conf"))}
        command = ["ip", "netns", "exec", self.name, charon_program()]
        with self.log.open("ab") as log:
            self.process.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        run(until(self.answers, f"charon of {self.name} does not start: {self.log.read_text()}"))

    def kill(self) -> None:
        """End charon without a goodbye to the peer."""
        while self.process:
            process = self.process.pop()
            process.kill()
            process.wait()
        with suppress(FileNotFoundError):
            self.socket.unlink()

    async def answers(self) -> bool:
        return not await self.door.lacks()


@contextmanager
def conversation(node: Node) -> Iterator[Conversation]:
    """Talk to a node's charon past the door, as a stranger does."""
    with connected(node.socket) as sock:
        yield Conversation(sock)


def wipe(node: Node) -> None:
    """A charon as if just started, which is quicker than starting one."""
    if not node.process:
        node.start()
    with conversation(node) as talk:
        for name in snapshots(talk):
            talk.request("unload-conn", {"name": name})
        for key_id in key_ids(talk):
            talk.request("unload-shared", {"id": key_id})
        for name in ike_ids(talk):
            talk.request("terminate", {"ike": name, "force": "yes", "timeout": AT_ONCE})
    node.record.unlink(missing_ok=True)


def sh(*command: str) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def run(work: Coroutine[Any, Any, T]) -> T:
    """Each test is one event loop."""
    return asyncio.run(work)


async def until(predicate: Callable[[], Awaitable[T]], complaint: str, patience: float = 20.0) -> T:
    """Wait for the predicate to hold; its value. Fails the test with the complaint."""
    deadline = time.monotonic() + patience
    while not (value := await predicate()):
        if time.monotonic() > deadline:
            pytest.fail(complaint)
        await asyncio.sleep(0.05)
    return value


def charon_program() -> str:
    found = shutil.which("charon-systemd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or "/usr/sbin/charon-systemd"


def require_charon() -> None:
    """Skip with the reason unless two charons can build tunnels here: asked for, not assumed."""
    if not Path(charon_program()).exists():
        pytest.skip("charon-systemd is not installed: this runs in the guest")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    probe = subprocess.run(
        ["unshare", "-n", "ip", "link", "add", "probe", "type", "xfrm", "if_id", "1"], capture_output=True, text=True
    )
    if probe.returncode:
        pytest.skip(f"the kernel has no XFRM interfaces ({probe.stderr.strip()}): this runs in the guest")


_numbers = itertools.count(1)


@contextmanager
def two_charons(folder: Path, extra: str = "") -> Iterator[tuple[Node, Node]]:
    """Us and a cloud, both running, nothing loaded."""
    suffix = f"{os.getpid()}-{next(_numbers)}"
    with ExitStack() as stack:
        us, cloud = (_node(stack, folder, f"{side}-{suffix}", extra) for side in ("us", "cloud"))
        sh("ip", "link", "add", "wan", "netns", us.name, "type", "veth", "peer", "name", "wan", "netns", cloud.name)
        for node, address in ((us, US), (cloud, CLOUD)):
            sh("ip", "-n", node.name, "address", "add", f"{address}/24", "dev", "wan")
            sh("ip", "-n", node.name, "link", "set", "wan", "up")
            node.start()
            stack.callback(node.kill)
        sh("ip", "-n", us.name, "link", "add", "vpc-1", "type", "xfrm", "if_id", "17")
        sh("ip", "-n", us.name, "link", "set", "vpc-1", "up")
        yield us, cloud


def _node(stack: ExitStack, folder: Path, name: str, extra: str) -> Node:
    sh("ip", "netns", "add", name)
    stack.callback(sh, "ip", "netns", "delete", name)
    sh("ip", "-n", name, "link", "set", "lo", "up")
    path = folder / f"{name}.vici"
    settings = SETTINGS.read_text().replace("unix:///run/charon.vici", f"unix://{path}")
    path.with_suffix(".conf").write_text(f"{settings}\n{QUICK}{extra}")
    record = folder / f"{name}.json"
    return Node(name, record, path, Charon(path, record), folder / f"{name}.log")


def tunnel(**changes: Any) -> IkeConnection:
    """Our side of the tunnel; ``child_...`` changes its child."""
    child = ChildSa(
        name="vpc-1", local_ts=ANYWHERE, remote_ts=ANYWHERE, proposals=("aes256-sha256-modp2048",),
        rekey_time=2760, rand_time=120, life_time=3600, replay_window=1024,
    )  # fmt: skip
    connection = IkeConnection(
        name="vpc-1", version=2, local=ip_address(US), remote=ip_address(CLOUD), local_id=US, remote_id=CLOUD,
        proposals=("aes256-sha256-modp2048",), rekey_time=27000, rand_time=300, over_time=1800, dpd_delay=10,
        unique="replace", if_id=17, child=child,
    )  # fmt: skip
    return varied(connection, **changes)


def cloud_side(**changes: Any) -> IkeConnection:
    """The cloud's side: it waits to be called, and has no interface of its own for the tunnel."""
    ours = tunnel(child_start_action="none", child_dpd_action="clear")
    return varied(
        replace(ours, local=ours.remote, remote=ip_address(US), local_id=CLOUD, remote_id=US, if_id=0), **changes
    )


def varied(connection: IkeConnection, **changes: Any) -> IkeConnection:
    inner = {name.removeprefix("child_"): value for name, value in changes.items() if name.startswith("child_")}
    outer = {name: value for name, value in changes.items() if not name.startswith("child_")}
    return replace(connection, **outer, child=replace(connection.child, **inner))


def key(secret: str = "fake-key-of-the-tests", owners: tuple[str, ...] = (US, CLOUD)) -> SharedKey:
    return SharedKey("vpc-1", owners, sha256(secret.encode()).hexdigest()[:16], Secret(secret))


async def is_up(door: Any) -> TunnelSa | None:
    """The SA that carries, once there is one."""
    return next((sa for sa in await door.sas() if sa.up), None)
