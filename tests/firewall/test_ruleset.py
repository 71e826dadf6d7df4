"""The table's text: goldens that nft itself judges, and what never gets into it."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.firewall.ruleset import COUNTERS, REMOVAL, render_ruleset
from appliance.model.fault import FaultyInput
from appliance.model.filtering import Filter, LanGuard, ManagementGuard
from tests.firewall.scenes import INTO, LAN, MANAGEMENT, OUT, SHARED, VPC_1, VPC_2
from tests.firewall.wires import Wires, inside

GOLDEN = Path(__file__).parent / "golden"
SCENES = {
    "shared-host": SHARED,
    "own-image": replace(SHARED, host_is_ours=True, management=MANAGEMENT),
    "own-image-unmanaged": replace(SHARED, host_is_ours=True),
    "protected-only": replace(SHARED, deny_private=False),
    "one-armed": replace(
        SHARED,
        lans=(LanGuard("eth0", (ip_network("198.51.100.0/25"),)), LanGuard(None, (ip_network("10.77.0.0/16"),))),
        protected=(ip_network("10.0.0.0/8"), ip_network("10.77.0.128/26")),
    ),
    "translating": replace(SHARED, translations=(OUT, INTO, replace(INTO, links=()))),
    "no-uplink": replace(SHARED, tunnels=(replace(VPC_1, uplink=None),), uplinks=(), uplink_networks=()),
    "captured": replace(SHARED, captured=(4,)),
    "nothing": Filter((), (), (), (), deny_private=False),
}


@pytest.mark.parametrize("name", SCENES)
def test_the_text_is_the_golden_one(name: str, request: pytest.FixtureRequest) -> None:
    text, golden = render_ruleset(SCENES[name]), GOLDEN / f"{name}.nft"
    if request.config.getoption("--update", default=False):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def judge(wires: Wires, text: str) -> str:
    """What nft says to the text without loading it; empty when it would load."""
    with inside(wires.names["box"]):
        command = ["nft", "--check", "-f", "-"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("name", SCENES)
def test_nft_accepts_every_golden(wires: Wires, name: str) -> None:
    assert judge(wires, (GOLDEN / f"{name}.nft").read_text(encoding="utf-8")) == ""
    assert judge(wires, REMOVAL) == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("@protected4", "@protected5", 1),
        lambda text: text.replace("10.0.0.0/8,", "10.0.0.0/33,", 1),
        lambda text: text.replace('"vpc-1" : 1398', '"vpc-1" : 139800', 1),
        lambda text: text.replace("counter name between_tunnels", "counter name nobody", 1),
        lambda text: text.rstrip().removesuffix("}"),
    ],
)
def test_nft_judges(wires: Wires, spoil: Callable[[str], str]) -> None:
    spoilt = spoil(render_ruleset(SHARED))
    assert spoilt != render_ruleset(SHARED)
    assert "Error" in judge(wires, spoilt)


def test_the_order_of_the_filter_does_not_matter() -> None:
    scene = replace(SHARED, uplinks=("eth0", "eth1"), lans=(LAN, LanGuard(None, (ip_network("192.168.7.0/24"),))))
    shuffle = random.Random(3)
    for _ in range(20):
        mixed = replace(
            scene,
            tunnels=tuple(shuffle.sample(scene.tunnels, 2)),
            uplinks=tuple(shuffle.sample(scene.uplinks, 2)),
            lans=tuple(shuffle.sample(scene.lans, 2)),
            protected=tuple(shuffle.sample(scene.protected, 3)),
            uplink_networks=tuple(shuffle.sample(scene.uplink_networks, 3)),
        )
        assert render_ruleset(mixed) == render_ruleset(scene)


def test_overlapping_prefixes_become_one() -> None:
    networks = tuple(map(ip_network, ("10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16")))
    assert render_ruleset(replace(SHARED, protected=networks)).count("10.1.") == 0


def elements(text: str, name: str) -> list[str]:
    """The elements of one set, as written."""
    body = text.split(f"set {name} {{", 1)[1].split("\n\t}", 1)[0]
    inner = body.partition("elements = {")[2].partition("}")[0]
    return [line.strip(" \t,") for line in inner.splitlines() if line.strip()]


def test_what_a_cloud_holds_inside_an_uplinks_network_stays_protected() -> None:
    text = render_ruleset(
        replace(
            SHARED,
            protected=(ip_network("10.0.0.0/8"), ip_network("192.168.1.64/26")),
            uplink_networks=(ip_network("10.77.0.0/24"), ip_network("192.168.1.0/24"), ip_network("fe80::/64")),
        )
    )
    assert elements(text, "near4") == ["10.77.0.0/24", "192.168.1.0/26", "192.168.1.128/25"]
    assert elements(text, "near6") == ["fe80::/64"]


def test_a_lan_on_an_uplink_may_be_reached_there() -> None:
    text = render_ruleset(SCENES["one-armed"])
    lans = 'iifname "eth0" ip saddr { 10.77.0.0/24, 198.51.100.0/25 } accept'
    assert lans in text, "also the connected part of a LAN without an interface"
    assert "10.77.0.128/26" not in elements(text, "near4")


def test_a_tunnel_without_an_uplink_may_use_any() -> None:
    text = render_ruleset(replace(SHARED, uplinks=("eth0", "eth1")))
    assert elements(text, "peers6") == ['"eth0" . 2001:db8:100::7', '"eth1" . 2001:db8:100::7']
    assert elements(text, "peers4") == ['"eth0" . 198.51.100.7']


def test_an_uplink_that_only_a_tunnel_names_is_guarded() -> None:
    text = render_ruleset(replace(SHARED, tunnels=(replace(VPC_1, uplink="ppp0"),)))
    assert '"ppp0",' in text.split("set uplinks {", 1)[1].split("}", 1)[0]


def test_every_counter_is_used_on_our_own_image() -> None:
    text = render_ruleset(SCENES["own-image"])
    assert [name for name in COUNTERS if f"counter name {name}" not in text] == []


def test_a_host_of_others_is_never_asked_to_drop_by_default() -> None:
    text = render_ruleset(SHARED)
    assert "policy drop" not in text
    assert "ct state" not in text, "a table that tracks nothing costs others nothing"


HOSTILE = [
    'eth0"',
    "a b",
    "a\n\tflush ruleset",
    "a;drop",
    "vpc*",
    "",
    "a" * 16,
    "{",
    "$x",
    "@near4",
    "ethé",
    "-x",
    "a/b",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "place",
    [
        lambda name: replace(SHARED, tunnels=(replace(VPC_1, interface=name), VPC_2)),
        lambda name: replace(SHARED, tunnels=(replace(VPC_1, uplink=name or "*"), VPC_2)),
        lambda name: replace(SHARED, uplinks=(name,)),
        lambda name: replace(SHARED, lans=(LanGuard(name, LAN.networks),)),
        lambda name: replace(SHARED, host_is_ours=True, management=ManagementGuard((name,))),
    ],
    ids=["tunnel", "tunnel-uplink", "uplink", "lan", "management"],
)
def test_no_name_breaks_out_of_its_line(name: str, place: Callable[[str], Filter]) -> None:
    with pytest.raises(FaultyInput) as refused:
        render_ruleset(place(name))
    assert any(fault.message == "not an interface name" for fault in refused.value.faults)


@given(st.text(max_size=20))
def test_a_name_is_refused_or_stands_as_it_is(name: str) -> None:
    try:
        text = render_ruleset(replace(SHARED, uplinks=(name,)))
    except FaultyInput:
        return
    assert set(text) <= set(render_ruleset(SHARED)) | set(name)
    assert name.isascii()
    assert not set(name) & set(" \t\n\"'`\\*{}$@;#/,:")


def test_every_fault_is_told_at_once() -> None:
    bad = replace(
        SHARED,
        tunnels=(
            replace(VPC_1, interface="eth0", mss=0),
            replace(VPC_2, mss6=70000, remote=ip_address("fe80::1%eth0")),
            replace(VPC_2, neighbors=()),
        ),
        uplinks=("eth0", "a b"),
    )
    with pytest.raises(FaultyInput) as refused:
        render_ruleset(bad)
    assert [fault.message for fault in refused.value.faults] == [
        "not an interface name",
        "an interface is both a tunnel and an uplink",
        "two tunnels share an interface",
        "no MSS for eth0",
        "an address with a zone cannot be filtered",
        "no MSS for vpc-2",
    ]
