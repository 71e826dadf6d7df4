"""Cisco IOS and IOS XE, and ASA with crypto maps or tunnel interfaces: AWS's downloads, and what people write.

IKE's policies have no name that a tunnel refers to: all that stand in a tunnel's section hold for it. Keys that the
device itself has encrypted (type 6) are of no use elsewhere and count as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import Statement, cisco_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_CHOSEN = "a setting that the appliance chooses itself"
_UPLINK = "our address: the uplink decides it"
_V1 = tuple(f"crypto {words} policy N" for words in ("isakmp", "ikev1"))
_V2 = ("crypto ikev2 proposal N", "crypto ikev2 policy N")
_ATTRIBUTES = "tunnel-group N ipsec-attributes"
_MAP = "crypto map N N set"
_PROFILE = "crypto ipsec profile N set"
_POLICIES = tuple(
    (f"{words} {command} V*", kind, key)
    for kind, all_words in (("policy", _V1), ("policy2", _V2))
    for words in all_words
    for command, key in (
        ("encryption", "ike.cipher"), ("encr", "ike.cipher"), ("hash", "ike.hash"), ("integrity", "ike.hash"),
        ("prf", "ike.prf"), ("group", "ike.group"), ("lifetime", "ike_lifetime"), ("lifetime seconds", "ike_lifetime"),
    )
)  # fmt: skip
_SAS = tuple(
    (f"{words} {command} V", kind, key)
    for kind, words in (("profile", _PROFILE), ("map", _MAP))
    for command, key in (
        ("pfs", "esp.group"), ("security-association lifetime seconds", "esp_lifetime"), ("transform-set", "@esp"),
        ("ikev1 transform-set", "@esp"), ("ikev2 ipsec-proposal", "@esp"), ("ikev2 ipsec-proposal", "@ikev2"),
        ("ikev2-profile", "@ikev2"),
    )
)  # fmt: skip
_TABLE = (
    *_POLICIES,
    *_SAS,
    *((f"{words} ...", "policy", "implied_version:1") for words in _V1),
    *((f"{words} ...", "policy2", "implied_version:2") for words in _V2),
    ("crypto keyring _ pre-shared-key address N key V", "peer", "psk"),
    ("crypto keyring _ pre-shared-key address N _ key V", "peer", "psk"),
    ("crypto isakmp key V address N ...", "peer", "psk"),
    ("crypto ikev2 keyring N peer N address V ...", "key", "alias"),
    ("crypto ikev2 keyring N peer N pre-shared-key V", "key", "psk"),
    ("crypto ikev2 keyring N peer N pre-shared-key local V ...", "key", "psk"),
    ("crypto ikev2 keyring N peer N pre-shared-key remote V", "key", "psk"),
    ("crypto ikev2 profile N lifetime V", "ikev2", "ike_lifetime"),
    ("crypto ikev2 profile N dpd V ...", "ikev2", "dpd_delay"),
    ("crypto ikev2 profile N identity local address V", "ikev2", "identity"),
    ("crypto isakmp keepalive V ...", "all", "dpd_delay"),
    ("crypto ikev2 dpd V ...", "all", "dpd_delay"),
    ("transforms N cipher V", "esp", "esp.cipher"),
    ("transforms N hash V", "esp", "esp.hash"),
    ("crypto ipsec ikev2 ipsec-proposal N protocol esp encryption V", "esp", "esp.cipher"),
    ("crypto ipsec ikev2 ipsec-proposal N protocol esp integrity V", "esp", "esp.hash"),
    ("interface N tunnel destination V", "interface", "remote"),
    ("interface N tunnel destination V", "interface", "@peer"),
    ("interface N tunnel destination V", "interface", "@key"),
    ("interface N tunnel source V", "interface", "local"),
    ("interface N tunnel protection ipsec profile V", "interface", "@profile"),
    ("interface N ip address V*", "interface", "inside"),
    ("interface N ip tcp adjust-mss V", "interface", "mss"),
    ("interface N ip mtu V", "interface", "mtu"),
    ("sysopt connection tcpmss V", "all", "mss"),
    (f"{_ATTRIBUTES} pre-shared-key V", "peer", "psk"),
    (f"{_ATTRIBUTES} ikev1 pre-shared-key V", "peer", "psk"),
    (f"{_ATTRIBUTES} ikev2 remote-authentication pre-shared-key V", "peer", "psk"),
    (f"{_ATTRIBUTES} ikev2 local-authentication pre-shared-key V", "peer", "psk"),
    (f"{_ATTRIBUTES} isakmp keepalive threshold V ...", "peer", "dpd_delay"),
    ("mapped-peer N by V", "peer", "@map"),
    ("access-list _ extended permit ip host N host V", "rule", "local"),
    ("router bgp V neighbor N ...", "neighbor", "asn"),
    ("router bgp _ neighbor N remote-as V", "neighbor", "peer_asn"),
    ("router bgp _ neighbor N timers _ V ...", "neighbor", "hold_time"),
    ("ip route N N V ...", "route", "via"),
    ("crypto ikev2 profile N ...", IGNORE, _CHOSEN),
    ("crypto ikev2 keyring N peer N description ...", IGNORE, "a description"),
    ("crypto keyring _ local-address _", IGNORE, _UPLINK),
    ("crypto isakmp profile ...", IGNORE, "which key is whose: the gateway's address tells"),
    ("crypto ipsec df-bit ...", IGNORE, "the appliance sets the MTU and answers with frag-needed instead"),
    ("crypto ipsec fragmentation ...", IGNORE, "the appliance sets the MTU, so nothing is fragmented after encryption"),
    ("crypto ipsec security-association replay ...", IGNORE, _CHOSEN),
    ("interface N tunnel mode ipsec _", IGNORE, "the only mode that is read"),
    ("interface N tunnel source interface _", IGNORE, _UPLINK),
    ("tunnel-group N type ipsec-l2l", IGNORE, "the only type that is read"),
)
_DEVICE = Device(
    Rules(
        _TABLE,
        scope=r"crypto (isakmp|ikev[12]) policy|crypto (ikev2 )?keyring|crypto ikev2 prop|tunnel-group \S+ ipsec",
    ),
    roots=("interface", "peer"),
    shared={"policy": "without @ikev2", "policy2": "with @ikev2", "all": ""},
    kin={"peer": ("rule",), "interface": ("rule",)},
    pfs_holder="profile",
)
_TRANSFORMS = re.compile(r"crypto ipsec (?:ikev1 )?transform-set (\S+) (.*)")
_LISTS = frozenset({"encryption", "integrity", "group", "prf"})


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its tunnel interfaces, or the peers of its crypto maps."""
    return read_device(document, list(_plain(cisco_lines(document))), _DEVICE)


def _plain(statements: list[Statement]) -> Iterator[Statement]:
    """The statements; those that say several things at once, as several."""
    for statement in statements:
        words = statement.words
        if match := _TRANSFORMS.fullmatch(" ".join(words)):
            yield from _transforms(statement, match[1], match[2])
        elif words[:2] == ("crypto", "map") and words[4:6] == ("set", "peer"):
            for peer in words[6:]:
                yield _said(statement, "mapped-peer", peer, "by", ".".join(words[2:4]))
        elif words[0] == "interface" and len(words) > 2 and words[1].lower() == "tunnel" and words[2].isdigit():
            yield _said(statement, "interface", words[1] + words[2], *words[3:])
        elif words[:2] == ("crypto", "ikev2") and len(words) > 5 and words[4] in _LISTS:
            yield _said(statement, *words[:5], ",".join(words[5:]))
        else:
            yield statement


def _said(statement: Statement, *words: str) -> Statement:
    return Statement(words, statement.line, statement.section, statement.is_open)


def _transforms(statement: Statement, name: str, text: str) -> Iterator[Statement]:
    """``esp-aes 256 esp-sha256-hmac``: the cipher, perhaps with a size behind it, and the hash."""
    for cipher in re.findall(r"esp-((?:aes|gcm|3des|des)(?:-[a-z]+)*(?:[- ]\d{3})?)", text):
        yield _said(statement, "transforms", name, "cipher", cipher)
    for digest in re.findall(r"esp-(\w+)-hmac", text):
        yield _said(statement, "transforms", name, "hash", digest)
