"""A machine whose kernel, packet filter and settings are real, in a namespace of its own; its charon and its cloud are
fakes, and veth pairs stand in for tunnels' interfaces, which not every kernel has."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.firewall.nft import Nft
from appliance.kernel.netlink import Kernel
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemLacks
from appliance.model.machine import Machine
from appliance.model.resources import LINK_MARK, Resource, XfrmLink
from appliance.sysctl.procsys import Procsys
from tests.contracts.namespace import ip, own_namespace
from tests.fakes.box import Box

OUTSIDE = (("eth0", "203.0.113.202/24"), ("eth1", "192.0.2.202/24"), ("eth2", "172.16.20.1/24"))
SETTINGS = ("net.ipv4.ip_forward", "net.ipv4.conf.vpc-1.rp_filter", "net.ipv4.conf.vpc-2.rp_filter")


class StandIns(Kernel):
    """Linux, with veth pairs for tunnels' interfaces: known by their mark, as ours are."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, int] = {}

    async def lacks(self) -> tuple[SystemLacks, ...]:
        return ()

    async def clashes(self, links: object) -> tuple[Any, ...]:
        return ()

    async def machine(self) -> Machine:
        found = await Kernel.machine(self)
        ours = {name: replace(one, kind="xfrm") if _is_ours(one) else one for name, one in found.interfaces.items()}
        return replace(found, interfaces=ours)

    async def observe(self) -> frozenset[Resource]:
        there = (await Kernel.machine(self)).interfaces
        links = (
            XfrmLink(name, self.numbers[name], one.mtu, str(one.alias), one.up)
            for name, one in there.items()
            if _is_ours(one)
        )
        return await Kernel.observe(self) | frozenset(links)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for change in changes:
            if isinstance(change.resource, XfrmLink):
                outcomes.append(self._link(change))
            else:
                outcomes += await Kernel.apply(self, [change])
        return outcomes

    def _link(self, change: Change) -> Outcome:
        link = change.new or change.old
        assert isinstance(link, XfrmLink)
        if change.old is None:
            self.numbers[link.name] = link.if_id
            ip(f"link add {link.name} mtu {link.mtu} type veth peer name far-{link.name}")
            ip(f"link set {link.name} alias {link.alias}")
            ip(f"link set far-{link.name} up")
        ip(f"link set {link.name} {'up' if change.new else 'down'}")
        return Outcome(change)


def _is_ours(interface: Any) -> bool:
    return str(interface.alias or "").startswith(LINK_MARK)


class Workshop(Box):
    """Its kernel is the namespace that it is made in."""

    def __init__(self, folder: Path) -> None:
        Box.__init__(self, folder)
        self.kernel = StandIns()  # type: ignore[assignment]
        self.sysctl = Procsys(folder / "sysctl.json")  # type: ignore[assignment]
        self.nft = Nft(folder / "run" / "firewall.json")  # type: ignore[assignment]


@contextmanager
def workshop(folder: Path) -> Iterator[Workshop]:
    """With two uplinks and a LAN. Skips the test where nothing of the kind can be had."""
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    with own_namespace():
        for name, address in OUTSIDE:
            ip(f"link add {name} type veth peer name far-{name}")
            ip(f"address add {address} dev {name}")
            for end in (name, f"far-{name}"):
                ip(f"link set {end} up")
        ip("route add default via 203.0.113.1")
        yield Workshop(folder)


def looks() -> str:
    """What there is, in the words of iproute2, nft and sysctl, whatever the order."""
    told = [
        *sorted(_said("ip -4 -br address").splitlines()),
        *sorted(_said("ip -4 -batch -", "nexthop\nroute show table all\nrule\n").splitlines()),
        _said("nft -s list ruleset"),
    ]
    for name in SETTINGS:
        with suppress(OSError):
            told.append(f"{name} = {Path('/proc/sys', name.replace('.', '/')).read_text(encoding='utf-8')}")
    return "\n".join(told)


def _said(command: str, given: str = "") -> str:
    return subprocess.run(command.split(), input=given, capture_output=True, text=True, check=False).stdout


def ours(what: str) -> list[dict[str, Any]]:
    """What of iproute2's objects carries our protocol number."""
    found = json.loads(ip(f"-j -N {what}"))
    return [one for one in found if str(one.get("protocol")) == "173"]
