"""The rules of every cloud, by its profile alone: what each accepts, warns of and refuses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address
from itertools import product

import pytest

from appliance.intent.crypto import recommended
from appliance.intent.rules import check_intent, check_psk
from appliance.model.algorithms import ENCRYPTION, GROUPS, INTEGRITY
from appliance.model.intent import Connection, Intent, SecretRef, Site, Tunnel, Uplink
from appliance.model.profile import PhaseRules, Profile
from appliance.model.secret import Secret
from appliance.profiles import PROFILES

EACH = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())


def tunnel(profile: Profile, number: int) -> Tunnel:
    """A good tunnel of this cloud, with what it recommends."""
    ike, esp = recommended(profile)
    return Tunnel(
        f"vpc-{number}",
        ip_address(f"198.51.100.{number}"),
        psk=SecretRef("file", f"secrets/vpc-{number}.psk"),
        inside=IPv4Interface(f"169.254.21.{4 * number + 2}/30"),
        peer_inside=IPv4Address(f"169.254.21.{4 * number + 1}"),
        ike=ike,
        esp=esp,
    )


def intent(profile: Profile, *, mode: str = "bgp", networks: int = 1, asn: int = 65010) -> Intent:
    """A good intent with one connection to this cloud."""
    site = Site(
        "dc1", asn, IPv4Address("172.16.0.1"), tuple(IPv4Network((0xAC100000 + 16 * n, 28)) for n in range(networks))
    )
    connection = Connection(
        "vpc", profile.cloud, mode, (tunnel(profile, 1), tunnel(profile, 2)), peer_asn=64512,
        networks=(IPv4Network("10.0.0.0/16"),),
    )  # fmt: skip
    return Intent(site, (connection,), uplinks=(Uplink("isp1", "eth0"),))


def with_tunnel(profile: Profile, **changes: object) -> Intent:
    """The same with the first tunnel changed."""
    good = intent(profile)
    (connection,) = good.connections
    first, second = connection.tunnels
    changed = replace(connection, tunnels=(replace(first, **changes), second))  # type: ignore[arg-type]
    return replace(good, connections=(changed,))


def said(found: Intent) -> tuple[list[str], list[str]]:
    """The messages of faults and of notices."""
    faults, notices = check_intent(found)
    return [fault.message for fault in faults], [notice.message for notice in notices]


@EACH
@pytest.mark.parametrize("mode", ["bgp", "static"])
def test_what_a_cloud_recommends_is_clean(profile: Profile, mode: str) -> None:
    assert said(intent(profile, mode=mode)) == ([], [])


@EACH
def test_what_is_weak_is_warned_of_with_what_is_better(profile: Profile) -> None:
    for word in profile.weak & (profile.ike.encryption | profile.ike.integrity | profile.ike.groups):
        changed = with_tunnel(profile, ike=replace(recommended(profile)[0], proposals=(proposal(profile.ike, word),)))
        faults, notices = said(changed)
        assert faults == []
        assert any("weak cryptography" in text and word in text for text in notices), word
        assert any(profile.recommended_ike[0] in text for text in notices)


def proposal(rules: PhaseRules, word: str) -> str:
    """A proposal with this keyword, the rest of which the cloud accepts."""
    cipher = word if word in ENCRYPTION else "aes256"
    digest = word if word in INTEGRITY else "sha256"
    group = word if word in GROUPS else ("modp2048" if "modp2048" in rules.groups else min(rules.groups))
    return f"{cipher}-{digest}-{group}"


@EACH
def test_an_algorithm_that_a_cloud_lacks_is_refused(profile: Profile) -> None:
    known = ENCRYPTION | INTEGRITY | GROUPS
    aead = {word for word in known if "gcm" in word or "ccm" in word or "chacha" in word}
    for phase, rules in (("ike", profile.ike), ("esp", profile.esp)):
        accepted = rules.encryption | rules.integrity | rules.groups
        for word in sorted(known - accepted - aead):
            good = recommended(profile)[phase == "esp"]
            changed = with_tunnel(profile, **{phase: replace(good, proposals=(proposal(rules, word),))})
            assert any(f"does not accept {word}" in text for text in said(changed)[0]), (phase, word)


@EACH
def test_lifetimes_end_where_the_cloud_says(profile: Profile) -> None:
    ike, esp = recommended(profile)
    for phase, good, rules in (("ike", ike, profile.ike), ("esp", esp, profile.esp)):
        beyond = with_tunnel(profile, **{phase: replace(good, lifetime=rules.lifetime.high + 1)})
        assert any(f"does not accept this {phase.upper()} lifetime" in text for text in said(beyond)[0])


@EACH
def test_only_ike_versions_that_the_cloud_speaks(profile: Profile) -> None:
    only = replace(profile, ike_versions=frozenset({2}))
    old = with_tunnel(profile, ike=replace(recommended(profile)[0], version=1, proposals=("aes256-sha256-modp2048",)))
    faults, _ = check_intent(old, {profile.cloud: only})
    assert any("does not speak this IKE version" in fault.message for fault in faults)


@EACH
def test_more_routes_than_the_cloud_takes_are_refused(profile: Profile) -> None:
    most = profile.routes_to_cloud_most or profile.routes_to_cloud
    assert said(intent(profile, networks=profile.routes_to_cloud)) == ([], [])
    assert any("more announcements" in text for text in said(intent(profile, networks=most + 1))[0])
    if profile.routes_to_cloud_most:
        faults, notices = said(intent(profile, networks=profile.routes_to_cloud + 1))
        assert (faults, len(notices)) == ([], 1)


@EACH
def test_as_numbers_that_the_cloud_keeps_are_not_ours(profile: Profile) -> None:
    for asn in profile.asn_reserved:
        assert any("keeps this AS number" in text for text in said(intent(profile, asn=asn))[0]), asn
    assert any("our own AS number" in text for text in said(intent(profile, asn=64512))[0]) is profile.asn_must_differ


@EACH
def test_inside_networks_that_the_cloud_keeps_are_refused(profile: Profile) -> None:
    for kept in profile.inside_reserved:
        changed = with_tunnel(profile, inside=IPv4Interface(f"{kept[2]}/30"), peer_inside=kept[1])
        assert any("keeps this network" in text for text in said(changed)[0]), kept


@EACH
def test_keys_that_the_cloud_cannot_have_are_refused(profile: Profile) -> None:
    for bad, key in product(("", " leading.blank", "line\nbreak", "é-not-ascii"), ("secrets/vpc-1.psk",)):
        faults = check_psk(Secret(bad), profile.cloud, key)
        assert faults, bad
        assert not any(bad and bad in repr(fault) for fault in faults)
    assert check_psk(Secret("Fake.key.of.tunnel_1"), profile.cloud, "secrets/vpc-1.psk") == ()
