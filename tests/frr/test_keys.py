"""The keys of BGP sessions (RFC 2385) and TTL security (RFC 5082): what FRR is told, what it shows, what it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.frr.vtysh import Frr
from appliance.model.peering import Password
from appliance.model.resources import FrrConfig
from appliance.model.secret import Secret
from tests.frr import rig
from tests.frr.bench import tell
from tests.frr.routers import FIRST, SECOND, render, with_neighbors

KEY, OTHER = Secret("not-a-real/key.1"), Secret("not-a-real/key.2")
KEPT = replace(FIRST, password=Password("0a1b", KEY), ttl_security=True)
FAR = """\
router bgp 64512
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 neighbor 169.254.23.6 remote-as 65000
 neighbor 169.254.23.6 password not-a-real/key.1
 neighbor 169.254.23.6 ttl-security hops 1
 neighbor 169.254.23.6 timers connect 1
exit
"""


def test_a_token_stands_for_the_key_wherever_the_text_is_seen() -> None:
    router = with_neighbors(KEPT, SECOND)
    config = FrrConfig(render(router), router.secrets)
    assert " neighbor 169.254.23.5 password secret:0a1b\n" in config.text
    assert " neighbor 169.254.23.5 ttl-security hops 1\n" in config.text
    assert config.secrets == (("secret:0a1b", KEY),)
    assert KEY.reveal() not in f"{config} {router}"


def test_another_key_is_another_configuration() -> None:
    other = with_neighbors(replace(KEPT, password=Password("0a1c", OTHER)), SECOND)
    assert FrrConfig(render(other)) != FrrConfig(render(with_neighbors(KEPT, SECOND)))


@pytest.fixture
def door(pair: rig.Pair, tmp_path: Path) -> Frr:
    return Frr(pair.us.run_dir, tmp_path / "frr.json")


def is_up(door: Frr) -> bool:
    return {str(one.address): one.up for one in asyncio.run(door.sessions())}.get("169.254.23.5", False)


@pytest.mark.frr
def test_a_session_stands_by_its_key_and_nobody_is_shown_it(pair: rig.Pair, door: Frr, tmp_path: Path) -> None:
    pair.far.configure(FAR)
    wrong = with_neighbors(replace(KEPT, password=Password("0a1c", OTHER)), SECOND)
    try:
        tell(door, with_neighbors(KEPT, SECOND))
        rig.until(lambda: is_up(door), lambda: "no session with the right key")
        assert asyncio.run(door.observe()) == {FrrConfig(render(with_neighbors(KEPT, SECOND)))}
        assert asyncio.run(door.drift()) == ()
        assert KEY.reveal() not in (tmp_path / "frr.json").read_text()
        (tmp_path / "frr.json").unlink()
        [seen] = asyncio.run(door.observe())
        assert isinstance(seen, FrrConfig)
        assert " neighbor 169.254.23.5 password ***\n" in seen.text
        tell(door, wrong)
        rig.until(lambda: not is_up(door), lambda: "a session with the wrong key")
        assert " neighbor 169.254.23.5 password not-a-real/key.2\n" in pair.us.vtysh("-c", "show running-config")
    finally:
        tell(door, None)


@pytest.mark.frr
def test_our_text_is_what_frr_itself_writes(pair: rig.Pair, door: Frr) -> None:
    text = render(with_neighbors(KEPT, SECOND))
    try:
        pair.us.configure(text)
        assert pair.us.running() == text.rstrip("\n")
    finally:
        tell(door, None)
