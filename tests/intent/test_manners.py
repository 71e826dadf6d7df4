"""How sessions are held: the key of BGP, TTL security, extended messages, and which cloud or speaker can have them."""

from __future__ import annotations

import pytest

from appliance.daemon.passes import refuse_passwords
from appliance.daemon.wiring import read_templates
from appliance.design.peering import compose_router, router_configs, speaker_configs
from appliance.design.wish import Wish
from appliance.intent.read import read_intent
from appliance.intent.write import write_intent
from appliance.model.fault import FaultyInput
from appliance.model.intent import BestPath, Intent, SecretRef
from appliance.model.secret import Secret

TEXT = """\
version: 1
site: {name: dc1, asn: 65010, networks: [172.16.20.0/24]}
connections:
  - name: vpc
    cloud: CLOUD
    mode: bgp
    speaker: SPEAKER
    peer-asn: 64512
    bgp: {MANNERS}
    tunnels:
      - name: vpc-1
        remote: 198.51.100.7
        psk: {file: secrets/vpc-1.psk}
        inside: 169.254.60.6/30
        peer-inside: 169.254.60.5
        ike: {version: 2, proposals: [aes256-sha256-modp2048]}
        esp: {proposals: [aes256-sha256-modp2048]}
"""
KEPT = "password: {file: secrets/bgp.key}, ttl-security: true"
KEY = Secret("not-a-real-key")


def text(cloud: str, manners: str, speaker: str = "frr") -> str:
    return TEXT.replace("CLOUD", cloud).replace("MANNERS", manners).replace("SPEAKER", speaker)


def intent_of(said: str) -> Intent:
    intent, faults, _ = read_intent(said, "site.yaml")
    assert intent is not None, faults
    assert not faults
    return intent


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_a_key_and_ttl_security_reach_either_speaker(speaker: str) -> None:
    intent = intent_of(text("generic", KEPT, speaker))
    assert intent.secrets["_bgp-vpc"] == SecretRef("file", "secrets/bgp.key")
    assert intent_of(write_intent(intent)) == intent
    wish = Wish(intent, read_templates(), secrets={"_bgp-vpc": KEY}, fingerprint=lambda secret: "0a1b")
    [config] = router_configs(wish) | speaker_configs(wish)
    assert config.secrets == (("secret:0a1b", KEY),)
    assert KEY.reveal() not in config.text
    words = "ttl-security hops 1" if speaker == "frr" else "incoming-ttl 255;"
    assert words in config.text


def test_a_cloud_without_a_key_for_bgp_is_a_fault() -> None:
    _, faults, _ = read_intent(text("aws", KEPT), "site.yaml")
    assert [fault.message for fault in faults] == ["aws has no key for BGP: no session would come up"]


def test_only_exabgp_can_leave_extended_messages_out() -> None:
    _, faults, _ = read_intent(text("generic", "extended-messages: false"), "site.yaml")
    assert [fault.key for fault in faults] == ["connections[0].bgp.extended-messages"]
    [config] = speaker_configs(Wish(intent_of(text("generic", "extended-messages: false", "exabgp")), read_templates()))
    assert "extended-message disable;" in config.text


def test_only_exabgp_can_take_another_next_hop_than_the_neighbours() -> None:
    _, faults, _ = read_intent(text("generic", "third-party: true"), "site.yaml")
    assert [fault.key for fault in faults] == ["connections[0].bgp.third-party"]
    router = compose_router(Wish(intent_of(text("generic", "third-party: true", "exabgp")), read_templates()), "exabgp")
    assert router is not None
    assert all(neighbor.third_party for neighbor in router.neighbors)


@pytest.mark.parametrize("speaker", ["frr", "exabgp"])
def test_how_paths_are_chosen_reaches_either_speaker(speaker: str) -> None:
    said = text("generic", "med: honour", speaker)
    intent = intent_of(f"{said}bgp: {{always-compare-med: true, maximum-paths: 4}}\n")
    assert intent.bgp == BestPath(always_compare_med=True, maximum_paths=4)
    assert intent_of(write_intent(intent)) == intent
    wish = Wish(intent, read_templates())
    [config] = router_configs(wish) | speaker_configs(wish)
    assert {"always-compare-med", "maximum-paths 4"} <= {line.strip(" #").removeprefix("bgp ") for line in
                                                         config.text.splitlines()}  # fmt: skip
    [usual] = router_configs(Wish(intent_of(said), read_templates())) | speaker_configs(
        Wish(intent_of(said), read_templates())
    )
    assert "always-compare-med" not in usual.text
    assert "maximum-paths 8" in usual.text


@pytest.mark.parametrize("bad", ["", "two words", 'a"b', "a;b", "a{b", "a#b", "x" * 81, "gr\u00fcn"])
def test_a_key_that_no_configuration_can_hold_is_refused_without_being_shown(bad: str) -> None:
    intent = intent_of(text("generic", KEPT))
    refuse_passwords(intent, {"_bgp-vpc": KEY})
    with pytest.raises(FaultyInput) as refusal:
        refuse_passwords(intent, {"_bgp-vpc": Secret(bad)})
    assert not bad or bad not in f"{refusal.value.message} {refusal.value.faults}"
