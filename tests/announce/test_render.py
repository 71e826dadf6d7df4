"""The configuration: what it says, and that ExaBGP itself takes it."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from appliance.announce.exabgp_api import Exabgp
from appliance.announce.process import speaker_command
from appliance.announce.render import render_exabgp
from appliance.daemon.wiring import read_templates
from appliance.model.change import Change
from appliance.model.fault import ApplianceError
from appliance.model.peering import CLOSED, SHUT, BgpRouter, Neighbor, Password, PrefixRule
from appliance.model.resources import ExabgpConfig
from appliance.model.secret import Secret, put_in
from appliance.plan.effect import judge_change

LAN, LAN6 = ip_network("172.16.20.0/24"), ip_network("2001:db8:20::/48")
ONE = Neighbor(
    address=ip_address("169.254.23.5"),
    local_address=ip_address("169.254.23.6"),
    connection="vpc",
    tunnel="vpc-1",
    peer_asn=64512,
    keepalive=10,
    hold=30,
    accept=(),
    announce=(PrefixRule(True, LAN),),
    max_prefixes=100,
)
SIX = replace(
    ONE, address=ip_address("fd00:1::1"), local_address=ip_address("fd00:1::2"), announce=(PrefixRule(True, LAN6),)
)
KEPT = replace(
    ONE,
    address=ip_address("169.254.25.5"),
    password=Password("0a1b", Secret("not-a-real(key)$%&*+./:<=>@^_|~-")),
    ttl_security=True,
    extended_messages=False,
)
FULL = replace(ONE, med=50, prepend=2, communities=("64512:7100", "64512:1:2"), local_asn=65099)


def router(*neighbors: Neighbor, **more: object) -> BgpRouter:
    return BgpRouter(65010, ip_address("192.0.2.1"), neighbors, (LAN, LAN6), **more)  # type: ignore[arg-type]


def text_of(*neighbors: Neighbor, **more: object) -> str:
    return render_exabgp(router(*neighbors, **more), read_templates())


def told(text: str) -> list[str]:
    """The lines of what is announced."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("unicast ")]


@pytest.mark.parametrize(
    ("neighbor", "lines"),
    [
        (ONE, ["unicast 172.16.20.0/24 next-hop self;"]),
        (SIX, ["unicast 2001:db8:20::/48 next-hop self;"]),
        (replace(ONE, announce=()), []),
        (FULL, ["unicast 172.16.20.0/24 next-hop self as-path [ 65099 65099 65099 ] med 50"
                " community [ 64512:7100 ] large-community [ 64512:1:2 ];"]),
        (replace(ONE, stance=CLOSED), ["unicast 172.16.20.0/24 next-hop self as-path [ 65010 65010 65010 65010 ]"
                                       " med 1000 community [ 65535:0 ];"]),
    ],
    ids=["plain", "ipv6", "nothing", "all", "drained"],
)  # fmt: skip
def test_each_cloud_is_told_what_its_policy_permits(neighbor: Neighbor, lines: list[str]) -> None:
    assert told(text_of(neighbor)) == lines


def test_a_session_that_is_shut_is_left_out() -> None:
    assert "neighbor 169.254.23.5 {" not in text_of(replace(ONE, stance=SHUT), SIX)


def test_the_order_of_neighbours_means_nothing() -> None:
    assert text_of(ONE, SIX) == text_of(SIX, ONE)


@pytest.mark.parametrize("word", ["vpc;", "vpc }", 'vpc"', "vpc\nneighbor"])
def test_no_value_ends_its_statement(word: str) -> None:
    with pytest.raises(ApplianceError, match="cannot stand in ExaBGP's configuration"):
        text_of(replace(ONE, tunnel=word))


@pytest.mark.parametrize("good", [True, False])
def test_exabgp_takes_what_we_write(good: bool, tmp_path: Path) -> None:
    command = speaker_command()
    if command is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    told_all = replace(FULL, address=ip_address("169.254.24.5"), accept=(PrefixRule(False, LAN6, le=128),))
    text = text_of(ONE, SIX, told_all, KEPT, always_compare_med=True)
    text = put_in(text, router(KEPT).secrets)
    (tmp_path / "exabgp.conf").write_text(text if good else text.replace("hold-time 30", "hold-time much"))
    done = subprocess.run([*command, "validate", str(tmp_path / "exabgp.conf")], capture_output=True, check=False)
    assert (done.returncode == 0) == good, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (text_of(ONE), text_of(ONE, always_compare_med=True)),
        (text_of(ONE), text_of(ONE, maximum_paths=1)),
        (text_of(ONE), text_of(replace(ONE, accept=(PrefixRule(True, LAN, le=28),)))),
        (text_of(ONE), text_of(replace(ONE, max_prefixes=200))),
        (text_of(ONE), text_of(replace(ONE, force_med=0))),
        (text_of(ONE), text_of(replace(ONE, local_pref=200))),
        (text_of(ONE), text_of(replace(ONE, third_party=True))),
    ],
    ids=["always-compare-med", "maximum-paths", "accept", "max-prefixes", "med", "priority", "third-party"],
)
def test_what_is_ours_to_decide_is_said_too_so_that_a_plan_shows_it(was: str, now: str) -> None:
    assert was != now
    bare = [[line for line in text.splitlines() if not line.strip().startswith("#")] for text in (was, now)]
    assert bare[0] == bare[1], "a session would begin anew"
    assert judge_change(Change(ExabgpConfig(was), ExabgpConfig(now))).traffic == "none"


def test_manners_of_a_session_are_said_where_the_intent_has_them() -> None:
    assert not {"md5-password", "incoming-ttl"} & set(text_of(ONE).split())
    assert "extended-message enable;" in text_of(ONE)
    lines = set(map(str.strip, text_of(KEPT).splitlines()))
    assert {'md5-password "secret:0a1b";', "outgoing-ttl 255;", "incoming-ttl 255;"} <= lines
    assert "extended-message disable;" in lines


def test_a_key_is_read_by_the_speaker_alone_and_seen_by_nobody(tmp_path: Path) -> None:
    door, wanted = Exabgp(tmp_path), ExabgpConfig(text_of(KEPT), router(KEPT).secrets)
    [done] = asyncio.run(door.apply([Change(None, wanted)]))
    assert done.error is None
    assert "not-a-real(key)" in door.file.read_text()
    assert door.file.stat().st_mode & 0o777 == 0o640
    assert asyncio.run(door.observe()) == {wanted}
    (tmp_path / "exabgp.wished").unlink()  # one that was killed between the two
    [seen] = asyncio.run(door.observe())
    assert seen != wanted
    assert "not-a-real" not in str(seen)
    [done] = asyncio.run(door.apply([Change(wanted, ExabgpConfig(text_of(ONE)))]))
    assert (done.error, door.file.stat().st_mode & 0o777) == (None, 0o644)
    assert asyncio.run(door.observe()) == {ExabgpConfig(text_of(ONE))}
