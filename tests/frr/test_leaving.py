"""What becomes at the cloud's of what FRR told, when it loses a session to another speaker of ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from appliance.frr.vtysh import Frr
from tests.frr import rig
from tests.frr.bench import tell
from tests.frr.routers import FIRST, with_neighbors

pytestmark = pytest.mark.frr

ROUTER = with_neighbors(FIRST)
LAN = "172.16.20.0/24"
FAR = """\
router bgp 64512
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 bgp graceful-restart
 neighbor 169.254.23.6 remote-as 65000
 neighbor 169.254.23.6 timers connect 1
exit
"""
RESET = f"""\
import asyncio, sys
from ipaddress import ip_address
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from appliance.kernel.resetting import reset_sessions
ends = ip_address({str(FIRST.local_address)!r}), ip_address({str(FIRST.address)!r})
print(asyncio.run(reset_sessions([ends])))
"""


@pytest.fixture
def door(pair: rig.Pair, tmp_path: Path) -> Frr:
    """FRR of ours with its session, over which the cloud learned our LAN."""
    door = Frr(pair.us.run_dir, tmp_path / "frr.json")
    pair.far.configure(FAR)
    tell(door, ROUTER)
    rig.until(lambda: paths(pair), lambda: "the cloud does not learn our LAN")
    rig.until(lambda: not any(path.get("stale") for path in paths(pair)), lambda: "it is stale")
    return door


def paths(pair: rig.Pair) -> list[dict[str, object]]:
    """The cloud's to our LAN."""
    found = pair.far.json(f"show bgp ipv4 unicast {LAN} json").get("paths", [])
    assert isinstance(found, list)
    return found


def has_session(pair: rig.Pair) -> bool:
    peers = pair.far.json("show bgp ipv4 unicast summary json").get("peers", {})
    return any(one["state"] == "Established" for one in peers.values())


def test_of_a_session_that_is_lost_the_cloud_keeps_what_it_was_told(pair: rig.Pair, door: Frr) -> None:
    """RFC 4724, section 4.2: until another speaker of ours has told it again."""
    if pair.us.run(sys.executable, "-c", RESET).strip() != "1":
        tell(door, None)
        pytest.skip("this kernel does not end others' connections (CONFIG_INET_DIAG_DESTROY)")
    tell(door, None)
    rig.until(lambda: not has_session(pair), lambda: "the session stands")
    assert [path.get("stale") for path in paths(pair)] == [True]
