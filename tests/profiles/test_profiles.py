"""Profiles are data; these are the things that hold for any of them."""

from __future__ import annotations

import re

import pytest

from appliance.intent.crypto import parse_proposal
from appliance.model.algorithms import ADDITIONAL_GROUPS, ENCRYPTION, GROUPS, INTEGRITY
from appliance.model.profile import PhaseRules, Profile
from appliance.profiles import PROFILES

EACH = pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.cloud)


@EACH
def test_the_recommended_proposals_are_ones_that_the_cloud_accepts(profile: Profile) -> None:
    for texts, phase, rules in (
        (profile.recommended_ike, "ike", profile.ike),
        (profile.recommended_esp, "esp", profile.esp),
    ):
        assert texts
        for text in texts:
            proposal = parse_proposal(text, phase)
            assert set(proposal.encryption) <= rules.encryption
            assert set(proposal.integrity) <= rules.integrity
            assert {word.removeprefix("prf") for word in proposal.prf} <= rules.integrity
            assert set(proposal.groups) <= rules.groups
            assert not {word.removeprefix("prf") for word in proposal.keywords} & profile.weak


@EACH
def test_algorithms_are_keywords_that_charon_knows(profile: Profile) -> None:
    for rules in (profile.ike, profile.esp):
        assert rules.encryption <= ENCRYPTION
        assert rules.integrity <= INTEGRITY
        assert rules.groups <= GROUPS | ADDITIONAL_GROUPS
    assert profile.weak <= ENCRYPTION | INTEGRITY | GROUPS


@EACH
def test_our_rekeying_ends_before_the_lifetime_does(profile: Profile) -> None:
    times = profile.rekey
    assert times.ike_rekey < profile.ike.default_lifetime
    assert times.ike_rekey + times.ike_over >= profile.ike.default_lifetime
    assert times.child_rekey < times.child_life <= profile.esp.default_lifetime
    for rules in (profile.ike, profile.esp):
        assert rules.default_lifetime in rules.lifetime


def test_we_rekey_clear_of_the_windows_of_aws() -> None:
    """AWS rekeys between lifetime - margin * (1 + fuzz) and lifetime - margin: 270 s and 100 % by default."""
    aws = PROFILES["aws"]

    def window(rules: PhaseRules) -> int:
        return rules.default_lifetime - 270 * 2

    assert aws.rekey.ike_rekey < window(aws.ike)
    assert aws.rekey.child_rekey < window(aws.esp)


@EACH
def test_timers_and_quotas_make_sense(profile: Profile) -> None:
    keepalive, hold = profile.bgp_timers
    assert hold >= 3 * keepalive > 0
    assert profile.routes_to_cloud <= (profile.routes_to_cloud_most or profile.routes_to_cloud)


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("FAKEkey1", True),
        ("_FAKE.key_" + "x" * 54, True),
        (".FAKEkey", True),
        ("FAKEkey", False),
        ("0FAKEkey", False),
        ("x" * 65, False),
        ("FAKE+key+", False),
        ("FAKE key", False),
        ("FAKEkey1\n", False),
        ("FÄKEkey1", False),
    ],
)
def test_the_alphabet_of_pre_shared_keys_at_aws(key: str, good: bool) -> None:
    assert bool(re.fullmatch(PROFILES["aws"].psk_pattern, key)) is good


def test_the_names_are_the_clouds_names() -> None:
    assert all(name == profile.cloud for name, profile in PROFILES.items())
