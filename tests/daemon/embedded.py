"""A real ExaBGP kept by a daemon's part, on the real kernel of a namespace, with two gateways that a test has speak."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appliance.announce.exabgp_api import Exabgp
from appliance.announce.process import speaker_command
from appliance.announce.render import BRIDGE
from appliance.daemon.listening import Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.speaking import Keeper
from appliance.daemon.wiring import Systems, read_templates
from appliance.design.peering import speaker_configs
from appliance.design.wish import Wish
from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.peering import Stances
from appliance.model.resources import ExabgpConfig
from tests.announce.far import FarEnd, until
from tests.contracts.namespace import ip, own_namespace
from tests.daemon.sites import HEAD, VPC_1, VPC_2, connection
from tests.fakes.box import Box
from tests.frr.rig import need_quick_machine

SITE = HEAD + connection("vpc", [VPC_1, VPC_2], "    speaker: exabgp\n")


ENDS = {"vpc-1": ("169.254.23.6", "169.254.23.5"), "vpc-2": ("169.254.22.74", "169.254.22.73")}


NET = "10.1.0.0/16"


@dataclass
class Scene:
    """A daemon's speaker and two gateways. ``said`` is its log."""

    systems: Systems
    listening: Listening
    keeper: Keeper
    ends: Mapping[str, FarEnd]
    said: list[str]

    async def want(self, stances: Stances | None = None, text: str | None = SITE) -> None:
        """This is the intent now."""
        intent = parse_loaded(text or HEAD.replace("connections:\n", ""), "site.yaml").intent
        wish = Wish(intent, read_templates(), stances=stances or {})
        found = await self.systems.exabgp.observe()
        wanted = {ExabgpConfig(one.text.replace(BRIDGE, str(self.folder / "bridge"))) for one in speaker_configs(wish)}
        if found != wanted:
            change = Change(next(iter(found), None), next(iter(wanted), None))
            [outcome] = await self.systems.exabgp.lay([change])
            assert outcome.error is None
        await self.listening.follow(wish)

    @property
    def folder(self) -> Path:
        return self.systems.exabgp.folder

    @property
    def process(self) -> int:
        """ExaBGP's number."""
        return int((self.folder / "exabgp.pid").read_text().split()[0])

    def routes(self) -> dict[str, set[str]]:
        """Where prefixes go, by iproute2; nowhere, where the group went between two looks."""
        routes, objects = json.loads(ip("-j route show proto 174")), json.loads(ip("-j nexthop show"))
        devices = {one["id"]: one.get("dev") for one in objects}
        members = {one["id"]: {devices[member["id"]] for member in one.get("group", ())} for one in objects}
        return {route["dst"]: members.get(route["nhid"], set()) for route in routes}

    async def both_up(self) -> None:
        await until(lambda: all(end.up for end in self.ends.values()))

    async def both_offer(self, *networks: str) -> None:
        """Until traffic to each of them goes over both tunnels, and to nothing else."""
        for end in self.ends.values():
            end.offer([*networks])
            end.end_of_rib()
        await until(lambda: self.routes() == {network: {*self.ends} for network in networks})


def play(
    box: Box,
    folder: Path,
    scene: Callable[[Scene], Awaitable[None]],
    *,
    times: int = 1,
    elsewhere: str | None = None,
    everywhere: bool = False,
) -> list[str]:
    """Run it in a namespace of its own; ``times`` daemons one after the other. What they said. ``elsewhere`` names a
    namespace that holds the far ends, where others speak for them. Only with ``everywhere`` is it
    run on an emulated processor too."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace and port 179 take root")
    if speaker_command() is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    if not everywhere:
        need_quick_machine()
    said: list[str] = []

    async def both() -> None:
        ends = {name: FarEnd(far, router_id=f"198.51.100.{n}") for n, (name, (_, far)) in enumerate(ENDS.items(), 1)}
        for end in ends.values() if elsewhere is None else ():
            await end.start()
        for _ in range(times):
            await daemon(ends)
        for end in ends.values() if elsewhere is None else ():
            await end.stop()

    async def daemon(ends: Mapping[str, FarEnd]) -> None:
        systems = replace(box.systems, kernel=Kernel(), exabgp=Exabgp(folder, folder / "speaker.sock"))
        heard = Listening(systems, said.append)
        keeper, stop = Keeper(systems, heard, said.append), asyncio.Event()
        running = asyncio.create_task(keeper.keep(stop))
        try:
            await scene(Scene(systems, heard, keeper, ends, said))
        finally:
            stop.set()
            keeper.bell.ring()
            await running

    with own_namespace():
        for name, (near, far) in ENDS.items():
            ip(f"link add {name} type veth peer name far-{name}")
            if elsewhere is not None:
                ip(f"link set far-{name} netns {elsewhere}")
            there = "" if elsewhere is None else f"-n {elsewhere} "
            for where, link, address in (("", name, near), (there, f"far-{name}", far)):
                ip(f"{where}address add {address}/30 dev {link}")
                ip(f"{where}link set {link} up")
        asyncio.run(both())
    return said
