"""Two fakes of charon, or two real ones joined by a cable: what the contract of charon's door is shown on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from appliance.ipsec.connections import load_conn_message
from appliance.model.change import Change, Outcome
from appliance.model.resources import IkeConnection, Resource
from appliance.model.sa import TunnelSa
from tests.fakes.charon import FakeCharon
from tests.ipsec import rig
from tests.ipsec.rig import cloud_side, key, tunnel, until, varied

SECOND = "192.0.2.3"
"""The cloud's other outside address."""


class FakeBench:
    """Two fakes."""

    def __init__(self) -> None:
        self.cloud = FakeCharon()
        self.door = FakeCharon(self.cloud)

    def restart(self) -> None:
        self.door.restart()

    def stop(self) -> None:
        self.door.stop()

    def silence(self) -> None:
        self.cloud.silent = True

    def stranger_loads(self, connection: IkeConnection) -> None:
        self.door.stranger_loads(connection)

    def stranger_unloads(self, name: str) -> None:
        self.door.stranger_unloads(name)

    def cloud_reloads(self, connection: IkeConnection) -> None:
        self.cloud.stranger_loads(connection)

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


class RealBench:
    """Two charons, each in its own network namespace; a stranger is whoever does not use our door."""

    def __init__(self, us: rig.Node, cloud: rig.Node) -> None:
        self.us, self.far = us, cloud
        self.door, self.cloud = us.door, cloud.door
        rig.sh("ip", "-n", cloud.name, "address", "add", f"{SECOND}/24", "dev", "wan")
        rig.sh("ip", "-n", us.name, "link", "add", "vpc-2", "type", "xfrm", "if_id", "18")

    def restart(self) -> None:
        self.us.kill()
        self.us.start()

    def stop(self) -> None:
        self.us.kill()

    def silence(self) -> None:
        self.far.run("nft", "add table inet silence; add chain inet silence input { type filter hook input priority 0; "
                            "policy drop; }")  # fmt: skip

    def stranger_loads(self, connection: IkeConnection) -> None:
        with rig.conversation(self.us) as talk:
            talk.request("load-conn", load_conn_message(connection))

    def stranger_unloads(self, name: str) -> None:
        with rig.conversation(self.us) as talk:
            talk.request("unload-conn", {"name": name})

    def cloud_reloads(self, connection: IkeConnection) -> None:
        """The cloud changes its mind without closing what stands."""
        with rig.conversation(self.far) as talk:
            talk.request("load-conn", load_conn_message(connection))

    def clear(self) -> None:
        self.far.run("nft", "flush ruleset")
        for node in (self.us, self.far):
            rig.wipe(node)


ONE, ONE_FAR = tunnel(), cloud_side()
TWO = varied(replace(tunnel(), name="vpc-2", remote=ip_address(SECOND), remote_id=SECOND, if_id=18),
             child_name="vpc-2")  # fmt: skip


TWO_FAR = varied(replace(cloud_side(), name="vpc-2", local=ip_address(SECOND), local_id=SECOND), child_name="vpc-2")
KEY = key()
KEY_TWO = replace(key(owners=(rig.US, SECOND)), id="vpc-2")


def adds(*resources: Resource) -> list[Change]:
    return [Change(None, resource) for resource in resources]


def good(outcomes: Sequence[Outcome]) -> None:
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)


async def both_up(bench: Any) -> dict[str, TunnelSa]:
    """Two tunnels, established."""
    good(await bench.cloud.apply(adds(KEY, KEY_TWO, ONE_FAR, TWO_FAR)))
    good(await bench.door.apply(adds(KEY, KEY_TWO, ONE, TWO)))

    async def two() -> dict[str, TunnelSa]:
        up = {sa.name: sa for sa in await bench.door.sas() if sa.up}
        return up if len(up) == 2 else {}

    return await until(two, "the two tunnels do not come up")


def same(sa: TunnelSa) -> tuple[int, str | None, str | None]:
    """What stays when an SA is left alone."""
    return sa.ike_id, sa.spi_in, sa.spi_out
