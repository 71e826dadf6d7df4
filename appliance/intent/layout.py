"""The intent's layout, version 1: every key in the order in which it is written."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from appliance.intent.addresses import ADDRESS, ADDRESS4, ASN, AUTO_ADDRESS, COMMUNITY, ENDPOINT, NETWORK
from appliance.intent.layout_tunnel import PREPEND, PSK, TUNNEL, UNSIGNED32
from appliance.intent.scalars import FLAG, INTERFACE, INTERVAL, LABEL, PATH, choice, duration, keyword, name, number
from appliance.intent.shape import Either, Key, Later, ListOf, OneOf, Record
from appliance.model.intent import (
    Accept,
    Announce,
    BestPath,
    Bgp,
    Connection,
    ConnectionProbe,
    Failback,
    Intent,
    Lan,
    Management,
    MaxPrefixes,
    Nat,
    ProbeTarget,
    Probing,
    Selector,
    Site,
    Uplink,
)

NETWORKS = ListOf(NETWORK)


def _target(kind: str, value: Any) -> ProbeTarget:
    if kind == "icmp":
        return ProbeTarget(kind, value)
    host, _, port = value.rpartition(":")
    return ProbeTarget(kind, ip_address(host.strip("[]")), int(port))


def _asked(target: ProbeTarget) -> tuple[str, Any]:
    """The inverse."""
    if target.port is None or target.address is None:
        return target.kind, target.address
    host = f"[{target.address}]" if target.address.version == 6 else str(target.address)
    return target.kind, f"{host}:{target.port}"


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
        Key("via", ADDRESS, about="The router on that interface that the networks are behind"),
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
        Key("metrics", ENDPOINT, later=Later("figures for programs")),
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
        Key("default-route", FLAG, about="Take one from the cloud: for what the LANs send, the box keeps its own"),
        Key("max-prefixes", MAX_PREFIXES),
    ),
)

ANNOUNCE = Record(
    Announce,
    (
        Key("networks", Either(keyword("site", None), NETWORKS), about="site, or some of those, or another cloud's"),
        Key("default-route", FLAG, about="While an uplink has one: the cloud reaches the Internet through us"),
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
        Key("password", PSK, about="Where the key of its sessions is (TCP MD5, RFC 2385), where the cloud has one"),
        Key("ttl-security", FLAG, about="Both ends send a TTL of 255 and take no less (RFC 5082)"),
        Key("extended-messages", FLAG, about="Messages beyond 4096 bytes (RFC 8654); FRR always offers them"),
        Key("third-party", FLAG, about="Take prefixes whose next hop is not the neighbour itself; ExaBGP alone can"),
    ),
    one_line=True,
)

TARGET = Either(
    keyword("peer-inside", ProbeTarget("peer-inside")),
    OneOf(_target, (Key("icmp", ADDRESS), Key("tcp", ENDPOINT), Key("udp", ENDPOINT)), _asked),
)
CONNECTION_PROBE = Record(
    ConnectionProbe,
    (
        Key("targets", ListOf(TARGET), about="Who is asked over each tunnel; peer-inside is its own other end"),
        Key("need", number(1, 16), about="How many of them must answer"),
    ),
)
SELECTOR = Record(
    Selector,
    (
        Key("local", ListOf(NETWORK, at_least=1), required=True),
        Key("remote", ListOf(NETWORK, at_least=1), required=True),
    ),
    one_line=True,
)

CONNECTION = Record(
    Connection,
    (
        Key("name", name(), required=True),
        Key("id", LABEL, nullable=True, about="The cloud's id: key for a later import"),
        Key("cloud", choice("aws", "alibaba", "gcp", "azure", "oci", "generic", placeholder=""), required=True),
        Key(
            "mode",
            choice("bgp", "static", "policy"),
            required=True,
        ),
        Key("speaker", choice("frr", "exabgp"), always=True, about="Who speaks BGP: FRR, or ExaBGP inside the daemon"),
        Key("asn", ASN, about="How this cloud knows us, when not by site.asn"),
        Key("peer-asn", ASN, about="The cloud's; a tunnel may override it"),
        Key(
            "prefer",
            choice("equal", "ordered"),
            about="Among its tunnels: ECMP (default for bgp), or the first that works (default for static)",
        ),
        Key("priority", number(0, 1000), about="Among connections with the same prefix: the lowest that works carries"),
        Key("networks", NETWORKS, about="Theirs: protected in every mode, routed to the tunnels in mode static"),
        Key(
            "fallback",
            choice("static"),
            nullable=True,
            about="bgp: its networks go to the tunnels that work also while BGP brings no route to them",
        ),
        Key("accept", ACCEPT),
        Key("announce", ANNOUNCE),
        Key("bgp", BGP),
        Key("clear-text", choice("deny-private", "protected-only"), always=True),
        Key("probe", CONNECTION_PROBE),
        Key("selectors", ListOf(SELECTOR), about="Mode policy: what goes in; absent: all of ours to all of theirs"),
        Key("tunnels", ListOf(TUNNEL, at_least=1), required=True),
    ),
)

NAT = Record(
    Nat,
    (
        Key("type", choice("masquerade", "snat"), required=True),
        Key("out", name(), about="masquerade: the uplink"),
        Key("connection", name(), about="snat: into whose tunnels"),
        Key("from", ListOf(NETWORK, at_least=1), attribute="sources", required=True),
        Key("to", ADDRESS, about="snat: the source that the cloud sees"),
    ),
    one_line=True,
)
PROBE = Record(
    Probing,
    (
        Key("interval", INTERVAL, about="Between two probes of a target"),
        Key("lost", number(1, 100), about="So many in a row make a path suspect"),
        Key("recovered", number(1, 1000), about="So many answers in a row make it good again"),
    ),
    one_line=True,
)
FAILBACK = Record(
    Failback,
    (
        Key("policy", choice("revert", "stay", "manual"), about="What happens when a better path works again"),
        Key("after", duration(0, 86400), about="For how long it must have worked"),
    ),
    one_line=True,
)

BEST_PATH = Record(
    BestPath,
    (
        Key("always-compare-med", FLAG, about="The MED counts between different neighbour ASes too"),
        Key("maximum-paths", number(1, 64), about="So many share a prefix's traffic at most"),
    ),
    one_line=True,
)

INTENT = Record(
    Intent,
    (
        Key("version", number(1, 1, "1"), required=True, always=True),
        Key("site", SITE, required=True),
        Key("lans", ListOf(LAN), about="Absent: derived from site.networks"),
        Key("management", MANAGEMENT, about="Who may administer the box by SSH, on an image of ours"),
        Key("uplinks", ListOf(UPLINK)),
        Key("connections", ListOf(CONNECTION)),
        Key("probe", PROBE),
        Key("failback", FAILBACK),
        Key("bgp", BEST_PATH, about="How BGP chooses between paths, whichever connections bring them"),
        Key("nat", ListOf(NAT), about="Sources translated towards the Internet, or into tunnels"),
        Key("frr-extra", PATH, nullable=True, about="A path to text merged into FRR's configuration"),
    ),
)
