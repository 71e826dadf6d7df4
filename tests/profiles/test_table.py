"""The table for people is the profiles, and leaves nothing of them out."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes
from appliance.profiles import PROFILES
from appliance.profiles.aws import AWS
from tests.profiles.table import render_table

TABLE = Path(__file__).resolve().parents[2] / "appliance" / "profiles" / "README.md"

CHANGED: dict[str, Any] = {
    "cloud": "elsewhere", "title": "Elsewhere", "ike_versions": frozenset({2}), "weak": frozenset({"aes128"}),
    "recommended_ike": ("aes128-sha256-modp2048",), "recommended_esp": ("aes128-sha256-modp2048",),
    "rekey": RekeyTimes(1, 2, 3, 4, 5, 6), "dpd_delay": 99, "replay_window": 99,
    "ike": PhaseRules(frozenset({"aes128"}), frozenset({"sha1"}), frozenset({"ecp256"}), Range(1, 2), 2),
    "esp": PhaseRules(frozenset({"aes128"}), frozenset({"sha1"}), frozenset({"ecp256"}), Range(1, 2), 2),
    "inside_ranges": (IPv4Network("10.0.0.0/8"),), "inside_prefix_lengths": frozenset({31}), "inside_reserved": (),
    "inside6_ranges": (IPv6Network("2001:db8::/32"),), "inside6_prefix_lengths": frozenset({64}),
    "peer_is_first_host": False, "psk_rule": "anything", "asn_ranges": (Range(1, 9),), "asn_reserved": frozenset({5}),
    "asn_must_differ": False, "bgp_timers": (1, 3), "routes_to_cloud": 7, "routes_from_cloud": 7, "bgp_md5": True,
    "bfd": True, "outer_mtu": 1280, "max_mtu": None, "routes_to_cloud_most": None, "tunnels": 9,
    "one_customer_gateway": False, "probe_target": None, "probe_interval": 9, "med": "ignores", "ecmp": "never",
    "one_inside_family": False, "their_rekey": None, "takes_default": False,
}  # fmt: skip
"""Another value for every field of AWS's profile."""

HIDDEN = {"psk_pattern"}
"""Fields that another one says for people."""


def test_the_table_is_up_to_date(update: bool) -> None:
    made = render_table(PROFILES)
    if update:
        TABLE.write_text(made, encoding="utf-8")
    recorded = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    assert made == recorded, f"{TABLE}: the profiles have changed; run `pytest tests/profiles --update`"


@pytest.mark.parametrize("name", [field.name for field in fields(Profile) if field.name not in HIDDEN])
def test_every_figure_is_in_the_table(name: str) -> None:
    assert getattr(AWS, name) != CHANGED[name]
    changed = replace(AWS, **{name: CHANGED[name]})
    assert render_table({"aws": changed}) != render_table({"aws": AWS})


def test_every_row_has_a_cell_for_every_cloud() -> None:
    rows = [line for line in render_table(PROFILES).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {len(PROFILES) + 2}
