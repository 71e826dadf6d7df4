"""The layout of one tunnel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.intent.addresses import ADDRESS, ADDRESS4, ADDRESS6, ASN, INSIDE4, INSIDE6
from appliance.intent.scalars import FLAG, IDENTITY, INTERFACE, PATH, PROPOSAL, VARIABLE, duration, name, number
from appliance.intent.shape import Key, Later, ListOf, OneOf, Record
from appliance.model.intent import Dpd, Esp, Ike, SecretRef, Tunnel, TunnelAnnounce

UNSIGNED32 = number(0, 0xFFFF_FFFF)
PREPEND = number(0, 10)


def _split_secret(ref: SecretRef) -> tuple[str, str]:
    return ref.kind, ref.name


def keep(**found: Any) -> dict[str, Any]:
    """What has no noun yet."""
    return found


PSK = OneOf(
    SecretRef,
    (
        Key("file", PATH, about="A path relative to the intent"),
        Key("env", VARIABLE, about="An environment variable"),
        Key("credential", name(), about="A systemd credential"),
    ),
    _split_secret,
    secret=True,
)


def _phase(build: Callable[..., Any], *, version: bool) -> Record:
    keys = (
        Key("proposals", ListOf(PROPOSAL, at_least=1), about="strongSwan's keywords; ESP with a group means PFS"),
        Key("lifetime", duration(60, 604800), about="As both sides agreed on; we rekey before"),
    )
    first = (Key("version", number(1, 2, "1, 2"), always=True),) if version else ()
    return Record(build, (*first, *keys), one_line=True)


_TIMES = (Key("med", UNSIGNED32), Key("prepend", PREPEND))

TUNNEL = Record(
    Tunnel,
    (
        Key("name", name(), required=True),
        Key("uplink", name(), about="Absent: the only one, or the way of the default route"),
        Key("remote", ADDRESS, required=True, about="The cloud's outside address"),
        Key("psk", PSK, about="Where the pre-shared key is; never the key itself"),
        Key(
            "auth",
            Record(keep, tuple(Key(k, PATH) for k in ("certificate", "key", "ca"))),
            attribute="",
            later=Later("authentication by certificate", fix="use psk"),
        ),
        Key("inside", INSIDE4, about="Our address in the tunnel"),
        Key("peer-inside", ADDRESS4, about="The cloud's"),
        Key("inside6", INSIDE6),
        Key("peer-inside6", ADDRESS6),
        Key("ike", _phase(Ike, version=True)),
        Key("esp", _phase(Esp, version=False)),
        Key("peer-asn", ASN, about="When not the connection's"),
        Key("if-id", number(1, 0x7FFF_FFFF), about="Absent: follows from the names"),
        Key("interface", INTERFACE, about="Absent: the tunnel's name, shortened when need be"),
        Key("mtu", number(576, 9216), about="Of packets inside; absent: computed from the proposals"),
        Key("mss", number(536, 9156), about="Absent: the MTU less the headers"),
        Key("metric", number(1, 1_000_000), about="Mode static: the lowest goes first; absent: 100, 101, ... by name"),
        Key("dpd", Record(Dpd, (Key("delay", duration(1, 3600)), Key("timeout", duration(1, 3600))), one_line=True)),
        Key("local-id", IDENTITY, about="Absent: our public address"),
        Key("remote-id", IDENTITY, about="Absent: the remote address"),
        Key("encap", FLAG, about="ESP in UDP even without NAT"),
        Key("weight", number(1, 256), about="Mode static with prefer: equal: this tunnel's share of the traffic"),
        Key("announce", Record(TunnelAnnounce, _TIMES, one_line=True), about="What this tunnel says differently"),
    ),
)
