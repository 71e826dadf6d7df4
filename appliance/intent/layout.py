"""The intent's layout, version 1: every key in the order in which it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.intent.scalars import (
    ADDRESS,
    ADDRESS4,
    ADDRESS6,
    ASN,
    AUTO_ADDRESS,
    COMMUNITY,
    ENDPOINT,
    FLAG,
    IDENTITY,
    INSIDE4,
    INSIDE6,
    INTERFACE,
    INTERVAL,
    LABEL,
    NETWORK,
    PATH,
    PROPOSAL,
    VARIABLE,
    choice,
    duration,
    keyword,
    name,
    number,
)
from appliance.intent.shape import Either, Key, Later, ListOf, OneOf, Record
from appliance.model.intent import (
    Accept,
    Announce,
    Bgp,
    Connection,
    Dpd,
    Esp,
    Ike,
    Intent,
    Lan,
    Management,
    MaxPrefixes,
    SecretRef,
    Site,
    Tunnel,
    TunnelAnnounce,
    Uplink,
)

NETWORKS = ListOf(NETWORK)
UNSIGNED32 = number(0, 0xFFFF_FFFF)
PREPEND = number(0, 10)


def _split_secret(ref: SecretRef) -> tuple[str, str]:
    return ref.kind, ref.name


def _keep(**found: Any) -> dict[str, Any]:
    """What has no noun yet."""
    return found


def _pair(kind: str, value: Any) -> tuple[str, Any]:
    return kind, value


def _same(pair: tuple[str, Any]) -> tuple[str, Any]:
    return pair


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

SITE = Record(
    Site,
    (
        Key("name", name(), required=True),
        Key("asn", ASN, about="Our AS number"),
        Key("router-id", ADDRESS4, about="Our BGP identifier; absent: derived from the name"),
        Key("networks", NETWORKS, about="Ours: announced or selected"),
    ),
)

LAN = Record(
    Lan,
    (
        Key("name", name(), required=True),
        Key("interface", INTERFACE),
        Key("via", ADDRESS, later=Later("a route to a network behind another router", fix="route it on the machine")),
        Key("networks", ListOf(NETWORK, at_least=1), required=True),
    ),
    one_line=True,
)

MANAGEMENT = Record(
    Management,
    (
        Key("from", NETWORKS, attribute="sources"),
        Key("interfaces", ListOf(INTERFACE)),
        Key("ssh", FLAG),
        Key("metrics", ENDPOINT),
    ),
)

UPLINK = Record(
    Uplink,
    (
        Key("name", name(), required=True),
        Key("interface", INTERFACE, required=True),
        Key("address", AUTO_ADDRESS, always=True, about="Ours on this interface"),
        Key("gateway", AUTO_ADDRESS, always=True),
        Key("public", ADDRESS, about="As the Internet sees us, when behind NAT"),
    ),
    one_line=True,
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
            Record(_keep, tuple(Key(k, PATH) for k in ("certificate", "key", "ca"))),
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
        Key("metric", UNSIGNED32, later=Later("a metric of its own for static routes")),
        Key("dpd", Record(Dpd, (Key("delay", duration(1, 3600)), Key("timeout", duration(1, 3600))), one_line=True)),
        Key("local-id", IDENTITY, about="Absent: our public address"),
        Key("remote-id", IDENTITY, about="Absent: the remote address"),
        Key("encap", FLAG, about="ESP in UDP even without NAT"),
        Key("weight", number(1, 256), later=Later("an uneven share of the traffic", harmless=(1,))),
        Key("announce", Record(TunnelAnnounce, _TIMES, one_line=True), about="What this tunnel says differently"),
    ),
)

MAX_PREFIXES = Record(
    MaxPrefixes,
    (
        Key("limit", number(1, 1_000_000), required=True),
        Key(
            "action",
            choice("warn", "restart", "shutdown"),
            always=True,
            later=Later("cutting a session over its number of prefixes", harmless=("warn",), fix="action: warn"),
        ),
    ),
    one_line=True,
)

ACCEPT = Record(
    Accept,
    (
        Key("max-length", number(8, 32), about="The longest IPv4 prefix taken from the cloud"),
        Key("max-length6", number(16, 128)),
        Key("default-route", FLAG, later=Later("taking a default route from the cloud", harmless=(False,))),
        Key("max-prefixes", MAX_PREFIXES),
    ),
)

ANNOUNCE = Record(
    Announce,
    (
        Key("networks", Either(keyword("site", None), NETWORKS), about="site, or some of the site's networks"),
        Key("default-route", FLAG, later=Later("announcing a default route", harmless=(False,))),
        Key("med", UNSIGNED32),
        Key("prepend", PREPEND),
        Key("communities", ListOf(COMMUNITY, at_most=32)),
    ),
)

BGP = Record(
    Bgp,
    (
        Key("med", choice("honour", "ignore"), about="ignore forces ECMP over unequal MED"),
        Key("timers", ListOf(duration(0, 65535), 2, 2), about="keepalive, hold"),
    ),
    one_line=True,
)

TARGET = Either(
    keyword("peer-inside", ("peer-inside", None)),
    OneOf(_pair, (Key("icmp", ADDRESS), Key("tcp", ENDPOINT)), _same),
)
CONNECTION_PROBE = Record(_keep, (Key("targets", ListOf(TARGET)), Key("need", number(1, 16))))
SELECTOR = Record(_keep, (Key("local", NETWORKS, required=True), Key("remote", NETWORKS, required=True)))

CONNECTION = Record(
    Connection,
    (
        Key("name", name(), required=True),
        Key("id", LABEL, nullable=True, about="The cloud's id: key for a later import"),
        Key(
            "cloud",
            choice("aws", "alibaba", "gcp", "azure", "oci", "generic"),
            required=True,
            later=Later("this cloud", harmless=("aws", "generic"), fix="cloud: generic, with its rules unchecked"),
        ),
        Key(
            "mode",
            choice("bgp", "static", "policy"),
            required=True,
            later=Later("this mode", harmless=("bgp",), fix="mode: bgp"),
        ),
        Key(
            "speaker",
            choice("frr", "exabgp"),
            always=True,
            later=Later("this speaker", harmless=("frr",), fix="speaker: frr"),
        ),
        Key("asn", ASN, about="How this cloud knows us, when not by site.asn"),
        Key("peer-asn", ASN, about="The cloud's; a tunnel may override it"),
        Key(
            "prefer",
            choice("equal", "ordered"),
            about="Among its tunnels: ECMP, or the first that works",
            later=Later("an order among tunnels", harmless=("equal",), fix="prefer: equal"),
        ),
        Key("priority", number(0, 1000), about="Among connections with the same prefix"),
        Key("networks", NETWORKS, about="Theirs: protected in every mode"),
        Key(
            "fallback",
            choice("static"),
            nullable=True,
            attribute="",
            later=Later("floating static routes under BGP", harmless=(None,)),
        ),
        Key("accept", ACCEPT),
        Key("announce", ANNOUNCE),
        Key("bgp", BGP),
        Key("clear-text", choice("deny-private", "protected-only"), always=True),
        Key("probe", CONNECTION_PROBE, attribute="", later=Later("probing", harmless=({},))),
        Key("selectors", ListOf(SELECTOR), attribute="", later=Later("mode policy", harmless=((),))),
        Key("tunnels", ListOf(TUNNEL, at_least=1), required=True),
    ),
)

NAT = Record(
    _keep,
    (
        Key("type", choice("masquerade", "snat"), required=True),
        Key("out", name()),
        Key("connection", name()),
        Key("from", NETWORKS),
        Key("to", ADDRESS),
    ),
)
PROBE = Record(_keep, (Key("interval", INTERVAL), Key("lost", number(1, 100)), Key("recovered", number(1, 1000))))
FAILBACK = Record(_keep, (Key("policy", choice("revert", "stay", "manual")), Key("after", duration(0, 86400))))

INTENT = Record(
    Intent,
    (
        Key("version", number(1, 1, "1"), required=True, always=True),
        Key("site", SITE, required=True),
        Key("lans", ListOf(LAN), about="Absent: derived from site.networks"),
        Key("management", MANAGEMENT, later=Later("a filter for the box's own services")),
        Key("uplinks", ListOf(UPLINK)),
        Key("connections", ListOf(CONNECTION)),
        Key(
            "probe",
            PROBE,
            attribute="",
            later=Later("probing", harmless=({}, {"interval": 0.1, "lost": 3, "recovered": 20})),
        ),
        Key(
            "failback",
            FAILBACK,
            attribute="",
            later=Later("failback by rule", harmless=({}, {"policy": "revert", "after": 60})),
        ),
        Key("nat", ListOf(NAT), attribute="", later=Later("address translation", harmless=((),))),
        Key("frr-extra", PATH, nullable=True, about="A path to text merged into FRR's configuration"),
    ),
)
