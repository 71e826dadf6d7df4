"""RouterOS (MikroTik), as ``export`` prints it: what people write. AWS's download for it tells which windows to fill;
there is no public sample of it, so it is not read.

Since 6.44 a peer has a profile and an identity; before it had the algorithms and the key itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import Statement, routeros_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_PEER, _PROFILE, _PROPOSAL = "ip ipsec peer N", "ip ipsec profile N", "ip ipsec proposal N"
_PHASE_1 = tuple(
    (f"{words} {key} V", kind, field)
    for words, kind in ((_PROFILE, "profile"), (_PEER, "peer"))
    for key, field in (
        ("enc-algorithm", "ike.cipher"), ("hash-algorithm", "ike.hash"), ("dh-group", "ike.group"),
        ("lifetime", "ike_lifetime"), ("dpd-interval", "dpd_delay"), ("dpd-maximum-failures", "dpd_retries"),
    )
)  # fmt: skip
_TABLE = (
    *_PHASE_1,
    (f"{_PEER} address V", "peer", "remote"),
    (f"{_PEER} local-address V", "peer", "local"),
    (f"{_PEER} exchange-mode V", "peer", "version"),
    (f"{_PEER} profile V", "peer", "@profile"),
    (f"{_PEER} secret V", "peer", "psk"),
    ("ip ipsec identity N secret V", "identity", "psk"),
    ("ip ipsec policy N proposal V", "policy", "@proposal"),
    (f"{_PROPOSAL} enc-algorithms V", "proposal", "esp.cipher"),
    (f"{_PROPOSAL} auth-algorithms V", "proposal", "esp.hash"),
    (f"{_PROPOSAL} pfs-group V", "proposal", "esp.group"),
    (f"{_PROPOSAL} lifetime V", "proposal", "esp_lifetime"),
    ("ip ipsec identity N auth-method pre-shared-key", IGNORE, "the only way that is read"),
    ("ip ipsec identity N ...", IGNORE, "how a peer is told: the gateway identifies itself by its outside address"),
    ("ip ipsec policy N ...", IGNORE, "a policy: the appliance routes into its tunnels"),
    (f"{_PROFILE} ...", IGNORE, "a setting that the appliance chooses itself"),
    (f"{_PROPOSAL} name _", IGNORE, "a name"),
    (f"{_PEER} ...", IGNORE, "a setting that the appliance chooses itself"),
)
_DEVICE = Device(
    Rules(_TABLE, scope="ip ipsec proposal "),
    roots=("peer",),
    kin={"peer": ("identity", "policy")},
    never=frozenset({"inside", "peer_inside", "asn", "peer_asn"}),
)
_VERSIONS = {"main": "1", "ike2": "2"}


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its peers."""
    return read_device(document, list(_plain(routeros_lines(document))), _DEVICE)


def _plain(statements: list[Statement]) -> Iterator[Statement]:
    for statement in statements:
        *above, key, value = statement.words
        if key == "exchange-mode":
            value = _VERSIONS.get(value, value)
        yield Statement((*above, key, value), statement.line, statement.section, statement.is_open)
