"""Each failure as two real charons logged it, and the one finding that follows."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from appliance.diagnose.ike import judge
from appliance.diagnose.ike_log import proposal_keywords
from appliance.model.resources import IkeConnection
from appliance.model.sa import IkeLine
from tests.ipsec.rig import tunnel

LOGS = Path(__file__).with_name("logs")

THEIR_IKE, THEIR_ESP = ("aes128-sha1-modp1024",), ("aes128-sha1-modp2048",)

EXPECTED = {
    "fine": (None, None),
    "no-key": ("ike", "no-key"),
    "silent": ("underlay", "no-answer"),
    "port-unreachable": ("underlay", "no-answer"),
    "no-route": ("underlay", "no-route"),
    "udp4500-blocked": ("underlay", "no-answer-4500"),
    "wrong-key": ("ike", "wrong-key"),
    "called-with-wrong-key": ("ike", "wrong-key"),
    "ike-proposal": ("ike", "no-proposal-ike"),
    "ike-group": ("ike", "no-proposal-ike"),
    "no-config": ("ike", "no-proposal-ike"),
    "other-version": ("ike", "no-proposal-ike"),
    "called-with-other-proposal": ("ike", "no-proposal-ike"),
    "called-by-other-identity": ("ike", "identity"),
    "child-proposal": ("child", "no-proposal-child"),
    "selectors": ("child", "selectors-narrowed"),
    "selectors-disjoint": ("child", "selectors"),
    "peer-deleted": ("ike", "peer-closed"),
    "peer-died": ("underlay", "peer-died"),
}
"""What both IKE versions have in common."""

BY_VERSION = {
    # IKEv1 tells an unknown identity from a wrong key, and brings PFS into every Quick Mode.
    ("ikev1", "remote-identity"): ("ike", "identity"),
    ("ikev1", "local-identity"): ("ike", "identity"),
    ("ikev1", "pfs-group"): ("child", "no-proposal-child"),
    ("ikev1", "pfs-missing"): ("child", "no-proposal-child"),
    ("ikev1", "pfs-ours-missing"): ("child", "no-proposal-child"),
    ("ikev2", "remote-identity"): ("ike", "wrong-key"),
    ("ikev2", "local-identity"): ("ike", "wrong-key"),
    ("ikev2", "pfs-group"): ("child", "pfs-mismatch"),
    ("ikev2", "pfs-missing"): ("child", "pfs-mismatch"),
    ("ikev2", "pfs-ours-missing"): ("child", "pfs-mismatch"),
}

CASES = sorted(path.stem for path in LOGS.glob("*.log"))


def parse_line(text: str) -> IkeLine:
    name, ike_id, group, words = text.split(" ", 3)
    return IkeLine(None if name == "-" else name, None if ike_id == "-" else int(ike_id), group, words)


def read_log(name: str) -> list[IkeLine]:
    return [parse_line(text) for text in (LOGS / f"{name}.log").read_text().splitlines()]


def loaded(name: str) -> IkeConnection:
    """The tunnel as it was loaded when the log was taken."""
    version, _, case = name.partition("-")
    ours = tunnel(version=int(version.removeprefix("ikev")))
    if case == "selectors-disjoint":
        return replace(ours, child=replace(ours.child, remote_ts=(ip_network("10.1.0.0/16"),)))
    return ours


@pytest.mark.parametrize("name", CASES)
def test_every_recorded_failure_is_named(name: str) -> None:
    version, _, case = name.partition("-")
    finding = judge(loaded(name), read_log(name), THEIR_IKE, THEIR_ESP)
    found = (finding.layer, finding.code) if finding else (None, None)
    assert found == BY_VERSION.get((version, case), EXPECTED.get(case))


@pytest.mark.parametrize("name", CASES)
def test_a_finding_is_a_sentence_about_this_tunnel_with_a_way_out(name: str) -> None:
    finding = judge(loaded(name), read_log(name), THEIR_IKE, THEIR_ESP)
    if finding is None:
        return
    assert finding.where == "vpc-1"
    assert any(word in finding.message for word in ("192.0.2.2", "vpc-1"))
    assert len(finding.remedy) > 20
    assert "\n" not in finding.message + finding.remedy


def test_every_expectation_has_its_log() -> None:
    named = {f"{version}-{case}" for version in ("ikev1", "ikev2") for case in EXPECTED}
    assert named | {f"{version}-{case}" for version, case in BY_VERSION} == set(CASES)


@pytest.mark.parametrize("version", ["ikev1", "ikev2"])
def test_both_sides_lists_are_told_for_ike(version: str) -> None:
    name = f"{version}-ike-proposal"
    finding = judge(loaded(name), read_log(name), their_ike=THEIR_IKE)
    assert finding is not None
    assert "ours: aes256-sha256-modp2048; theirs: aes128-sha1-modp1024" in finding.message


@pytest.mark.parametrize("version", ["ikev1", "ikev2"])
def test_what_the_cloud_itself_proposed_is_told_rather_than_what_its_profile_says(version: str) -> None:
    name = f"{version}-called-with-other-proposal"
    finding = judge(loaded(name), read_log(name), their_ike=("aes256-sha512-ecp521",))
    assert finding is not None
    assert "theirs: aes128-sha1-modp1024" in finding.message


@pytest.mark.parametrize("name", ["ikev1-child-proposal", "ikev2-child-proposal", "ikev2-pfs-group"])
def test_both_sides_lists_are_told_for_the_child(name: str) -> None:
    finding = judge(loaded(name), read_log(name), their_esp=THEIR_ESP)
    assert finding is not None
    assert "ours: aes256-sha256-modp2048; theirs: aes128-sha1-modp2048" in finding.message


def test_a_cloud_that_gives_another_name_than_expected() -> None:
    """As charon words it in ``auth_cfg.c`` when the peer pays no attention to the identity it is asked for."""
    lines = [
        *read_log("ikev2-fine")[:10],
        parse_line("vpc-1 1 CFG constraint check failed: identity '198.51.100.9' (ID_IPV4_ADDR) required, not matched "
                   "by '192.0.2.2' (ID_IPV4_ADDR)"),
        parse_line("vpc-1 1 CFG selected peer config 'vpc-1' unacceptable: constraint checking failed"),
    ]  # fmt: skip
    finding = judge(tunnel(remote_id="198.51.100.9"), lines)
    assert finding is not None
    assert (finding.code, finding.message) == ("identity", "192.0.2.2 calls itself 192.0.2.2, we expect 198.51.100.9")


def test_a_new_attempt_that_is_still_under_way_does_not_hide_the_last_ones_reason() -> None:
    lines = [*read_log("ikev2-wrong-key"), parse_line("vpc-1 2 IKE initiating IKE_SA vpc-1[2] to 192.0.2.2")]
    finding = judge(tunnel(), lines)
    assert finding is not None
    assert finding.code == "wrong-key"


def test_the_newest_attempt_that_got_anywhere_speaks() -> None:
    mended = [*read_log("ikev2-wrong-key"), *read_log("ikev2-fine")]
    assert judge(tunnel(), mended) is None
    broken = judge(tunnel(), [*read_log("ikev2-fine"), *read_log("ikev2-silent")])
    assert broken is not None
    assert broken.code == "peer-died"


def test_other_tunnels_trouble_is_not_this_ones() -> None:
    other = [replace(line, connection="vpc-2") for line in read_log("ikev2-wrong-key")]
    assert judge(tunnel(), other) is None
    far = tunnel(remote=ip_address("192.0.2.22"), name="vpc-9")
    assert judge(far, read_log("ikev2-called-with-other-proposal")) is None


@pytest.mark.parametrize(
    ("logged", "keywords"),
    [
        ("AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", "aes256-sha256-modp2048"),
        ("AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384", "aes256gcm16-prfsha384-ecp384"),
        ("AES_GCM_16_128/NO_EXT_SEQ", "aes128gcm16"),
        ("3DES_CBC/HMAC_MD5_96/PRF_HMAC_MD5/MODP_1024_160", "3des-md5-modp1024s160"),
        ("AES_CBC_128/HMAC_SHA2_512_256/CURVE_25519/EXT_SEQ", "aes128-sha512-x25519-esn"),
    ],
)
def test_proposals_are_told_in_the_words_of_a_configuration(logged: str, keywords: str) -> None:
    assert proposal_keywords(logged) == keywords
