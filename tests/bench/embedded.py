"""The embedded speaker as `appliance run` keeps it: the real ExaBGP, its bridge, the RIB and the kernel's door.

The far ends are of the tests' own (:mod:`tests.announce.far`): they say what they are told to, and learn nothing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.announce import process
from appliance.announce.exabgp_api import FOLDER, Exabgp
from appliance.daemon.listening import Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.speaking import Keeper
from appliance.daemon.wiring import Systems, open_systems, read_templates
from appliance.design.peering import speaker_configs
from appliance.design.wish import Wish
from appliance.model.address import IPAddress
from appliance.model.change import Change
from tests.daemon.sites import HEAD, VPC_1, VPC_2, connection

MORE = "    speaker: exabgp\n    accept: {max-prefixes: {limit: 200000}}\n"
ENDS = {"vpc-1": ("169.254.23.6", "169.254.23.5"), "vpc-2": ("169.254.22.74", "169.254.22.73")}
"""By tunnel our address and theirs."""

Tell = Callable[[Iterable[IPAddress] | None, object], None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The speaker at work."""

    systems: Systems
    listening: Listening
    wish: Wish


@asynccontextmanager
async def embedded(
    wish: Wish, tell: Tell = lambda up, life: None, systems: Systems | None = None
) -> AsyncIterator[Embedded]:
    """While the block runs ExaBGP speaks by this wish, and what it learns goes into the kernel."""
    with _emptied(FOLDER):
        systems = replace(systems or open_systems(), exabgp=Exabgp(FOLDER, FOLDER / "speaker.sock"))
        listening = Listening(systems, lambda sentence: None, tell)
        keeper, stop = Keeper(systems, listening, lambda sentence: None), asyncio.Event()
        running = asyncio.create_task(keeper.keep(stop))
        await systems.exabgp.apply([Change(None, one) for one in speaker_configs(wish)])
        await listening.follow(wish)
        try:
            yield Embedded(systems, listening, wish)
        finally:
            stop.set()
            keeper.bell.ring()
            await running


def one_way() -> Wish:
    """A connection of one tunnel, on a machine of which nothing else is known."""
    return _wish_of(HEAD + connection("vpc", [VPC_1], MORE))


def two_ways() -> Wish:
    """The same with two tunnels that share the traffic."""
    return _wish_of(HEAD + connection("vpc", [VPC_1, VPC_2], MORE))


def _wish_of(text: str) -> Wish:
    return Wish(parse_loaded(text, "site.yaml").intent, read_templates())


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """A folder of the machine's that is ours alone and empty; mounts are seen by this process and its children only."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def everyone_may_run_python() -> None:
    """Where this Python lies in root's own folders, nobody else can run ExaBGP with it."""
    if not all(folder.stat().st_mode & 1 for folder in Path(sys.executable).resolve().parents):
        process.unprivileged_user = lambda: None


def routes(*where: str) -> int:
    """How many prefixes stand in the kernel, by the word of a tool that is not ours."""
    command = ["ip", *where, "route", "show", "root", "10.0.0.0/8"]
    return subprocess.run(command, capture_output=True, check=True).stdout.count(b"\n")
