"""FortiOS, as ``config``, ``edit`` and ``set``: AWS's download for Fortinet's commands, and what people write.

A key that the device itself has encrypted (``ENC``) is of no use elsewhere and counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import Statement, forti_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_ONE = "vpn ipsec phase1-interface N"
_TWO = "vpn ipsec phase2-interface N"
_CHOSEN = "a setting that the appliance chooses itself"
_TABLE = (
    (f"{_ONE} remote-gw V", "phase1", "remote"),
    (f"{_ONE} local-gw V", "phase1", "local"),
    (f"{_ONE} localid V", "phase1", "identity"),
    (f"{_ONE} psksecret V", "phase1", "psk"),
    (f"{_ONE} ike-version V", "phase1", "version"),
    (f"{_ONE} proposal I cipher V", "phase1", "ike.cipher"),
    (f"{_ONE} proposal I hash V", "phase1", "ike.hash"),
    (f"{_ONE} dhgrp V", "phase1", "ike.group"),
    (f"{_ONE} keylife V", "phase1", "ike_lifetime"),
    (f"{_ONE} dpd-retryinterval V", "phase1", "dpd_delay"),
    (f"{_ONE} dpd-retrycount V", "phase1", "dpd_retries"),
    (f"{_TWO} phase1name V", "phase2", "@phase1"),
    (f"{_TWO} proposal I cipher V", "phase2", "esp.cipher"),
    (f"{_TWO} proposal I hash V", "phase2", "esp.hash"),
    (f"{_TWO} dhgrp V", "phase2", "esp.group"),
    (f"{_TWO} pfs disable", "phase2", "esp.group:none"),
    (f"{_TWO} keylifeseconds V", "phase2", "esp_lifetime"),
    ("system interface N ip V*", "interface", "inside"),
    ("system interface N remote-ip V*", "interface", "peer_inside"),
    ("system interface N mtu V", "interface", "mtu"),
    ("system interface N tcp-mss V", "interface", "mss"),
    ("router bgp as V", "bgp", "asn"),
    ("router bgp neighbor N remote-as V", "neighbor", "peer_asn"),
    ("router bgp neighbor N holdtime-timer V", "neighbor", "hold_time"),
    ("router static N dst V*", "route", "to"),
    ("router static N device V", "route", "via"),
    (f"{_ONE} interface _", IGNORE, "our address: the uplink decides it"),
    (f"{_ONE} dpd _", IGNORE, "the appliance always looks for dead tunnels"),
    (f"{_ONE} nattraversal _", IGNORE, "whether there is NAT, the two ends find out"),
    (f"{_ONE} peertype _", IGNORE, "the gateway identifies itself by its outside address"),
    (f"{_ONE} net-device _", IGNORE, _CHOSEN),
    (f"{_ONE} mode main", IGNORE, "the only mode that is read"),
    (f"{_ONE} comments ...", IGNORE, "a description"),
    (f"{_TWO} pfs enable", IGNORE, "the groups say it"),
    (f"{_TWO} auto-negotiate _", IGNORE, "the appliance starts its tunnels and keeps them up"),
    (f"{_TWO} keepalive _", IGNORE, "the appliance starts its tunnels and keeps them up"),
    (f"{_TWO} replay _", IGNORE, _CHOSEN),
    (f"{_TWO} comments ...", IGNORE, "a description"),
)
_DEVICE = Device(
    Rules(_TABLE, scope="vpn ipsec phase"),
    roots=("phase2", "phase1"),
    kin={"phase1": ("interface",)},
    version_holder="phase1",
)


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its phase 2 interfaces, each with its phase 1."""
    return read_device(document, list(_plain(forti_lines(document))), _DEVICE)


def _plain(statements: list[Statement]) -> Iterator[Statement]:
    """The statements; lists of proposals (``aes128-sha1 aes256gcm-prfsha384``) part by part, of groups as one value."""
    for statement in statements:
        above, key, text = statement.words[:4], "".join(statement.words[4:5]), " ".join(statement.words[5:])
        if statement.words[:2] != ("vpn", "ipsec") or key not in ("proposal", "dhgrp"):
            yield statement
        elif key == "dhgrp":
            yield _said(statement, *above, key, ",".join(text.split()))
        else:
            for item, proposal in enumerate(text.split(), start=1):
                cipher, _, digest = proposal.partition("-")
                yield _said(statement, *above, key, str(item), "cipher", cipher)
                if digest:
                    yield _said(statement, *above, key, str(item), "hash", digest.removeprefix("prf"))


def _said(statement: Statement, *words: str) -> Statement:
    return Statement(words, statement.line, statement.section, statement.is_open)
