"""What the tests with a real FRR look at: our door, the kernel's routes, what the cloud's FRR made of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.frr.vtysh import Frr
from appliance.model.change import Change
from appliance.model.peering import BgpRouter
from appliance.model.session import BgpSession
from tests.frr import rig
from tests.frr.routers import FIRST, SECOND, config, with_neighbors

LAN = "172.16.20.80/24"
PREFIX = "10.0.0.0/16"
BOTH = {US: (64512, 65000, {PREFIX: 0}) for US in ("169.254.23.6", "169.254.24.6")}

SLOW = with_neighbors(replace(FIRST, keepalive=10, hold=30), replace(SECOND, keepalive=10, hold=30))
"""A restart of FRR takes longer than the hold time of a session in a hurry."""


def tell(door: Frr, router: BgpRouter | None) -> None:
    """Bring our FRR to this, from whatever it has of us."""
    [old] = [*asyncio.run(door.observe()), None][:1]
    [outcome] = asyncio.run(door.apply([Change(old, config(router) if router else None)]))
    assert outcome.error is None


class Bench:
    def __init__(self, pair: rig.Pair, record: Path) -> None:
        self.pair, self.record = pair, record
        self.door = Frr(pair.us.run_dir, record)

    def apply(self, router: BgpRouter | None) -> None:
        tell(self.door, router)

    def sessions(self) -> dict[str, BgpSession]:
        return {str(one.address): one for one in asyncio.run(self.door.sessions())}

    def all_up(self, count: int, accepted: int = 1) -> dict[str, BgpSession]:
        def look() -> bool:
            seen.update(self.sessions())
            return [one.up and one.accepted == accepted for one in seen.values()] == [True] * count

        seen: dict[str, BgpSession] = {}
        rig.until(look, lambda: f"not {count} sessions up: {seen}")
        return seen

    def routes(self, prefix: str = PREFIX, version: int = 4) -> list[dict[str, Any]]:
        """The kernel's routes to a prefix, with nexthop groups written out."""
        found = json.loads(self.pair.us.run("ip", f"-{version}", "-j", "route", "show", prefix))
        assert isinstance(found, list)
        return found

    def ways(self, prefix: str = PREFIX, version: int = 4) -> set[str]:
        """The interfaces by which packets to a prefix leave; empty where they do not."""
        routes = [route for route in self.routes(prefix, version) if route.get("type") != "blackhole"]
        return {hop["dev"] for route in routes for hop in route.get("nexthops", [route])}

    def far_routes(self, prefix: str = "172.16.20.0/24") -> list[Any]:
        """The cloud's routes to a prefix of ours."""
        found = json.loads(self.pair.far.run("ip", "-j", "route", "show", prefix))
        assert isinstance(found, list)
        return found

    def far_rests(self) -> None:
        """Until the cloud has our network by both sessions, and is not being told it anew: what is marked for that when
        a session ends is dropped (FRR 10.3), whatever both agreed on for restarts."""

        def look() -> bool:
            paths = self.pair.far.json("show bgp ipv4 unicast 172.16.20.0/24 json").get("paths", [])
            return [path.get("stale", False) for path in paths] == [False, False] and self.far_routes() != []

        rig.until(look, lambda: "the far end does not hold two paths to us")

    def far_prefers(self, prefix: str = "172.16.20.0/24") -> str | None:
        """By which of our addresses the cloud would send to a prefix of ours."""
        paths = self.pair.far.json(f"show bgp ipv4 unicast {prefix} json").get("paths", [])
        return next((path["peer"]["peerId"] for path in paths if path.get("bestpath", {}).get("overall")), None)


def same_moment(one: BgpSession, other: BgpSession) -> bool:
    """FRR works the moment out anew each time, to a whole second."""
    assert one.since is not None
    assert other.since is not None
    return abs((one.since - other.since).total_seconds()) <= 1
