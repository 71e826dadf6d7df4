"""AS numbers, timers and what is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from appliance.intent.finding import Finding, connections_of, notice
from appliance.intent.rules_announce import announce_findings
from appliance.model.intent import Connection, Intent
from appliance.model.profile import Profile, Range

_AS_TRANS = 23456
_LAST_ASNS = (65535, 4294967295)
_DOCUMENTATION_ASNS = (Range(64496, 64511), Range(65536, 65551))
_RESERVED_ASNS = Range(65552, 131071)


def bgp_findings(intent: Intent, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Everything wrong with BGP."""
    yield from _router_id_findings(intent)
    yield from _router_asn_findings(intent)
    for key, connection in connections_of(intent):
        if connection.mode == "bgp":
            profile = profiles.get(connection.cloud)
            yield from _asn_findings(intent, key, connection, profile)
            yield from _timer_findings(key, connection)
            yield from _manner_findings(key, connection, profile)
            yield from _accept_findings(key, connection)
            yield from announce_findings(intent, key, connection, profile)


def _router_id_findings(intent: Intent) -> Iterator[Finding]:
    """RFC 6286: any number but zero; an address that could be a host's, since people will look it up."""
    router_id = intent.site.router_id
    if router_id is not None and (router_id.is_multicast or router_id in IPv4Network("0.0.0.0/8")
                                  or router_id == IPv4Address("255.255.255.255")):  # fmt: skip
        yield Finding("site.router-id", "not a BGP identifier", found=str(router_id), allowed="an address of ours")


def _router_asn_findings(intent: Intent) -> Iterator[Finding]:
    """Our router has one AS number: the site's, else the one that every BGP connection names."""
    speaking = [(key, connection) for key, connection in connections_of(intent) if connection.mode == "bgp"]
    if not speaking or intent.site.asn is not None:
        return
    about = tuple(f"{key}.asn" for key, _ in speaking)
    own = {connection.asn for _, connection in speaking}
    if None in own:
        yield Finding("site.asn", "missing: BGP needs our AS number", allowed="64512 to 65534 are private", about=about)
    elif len(own) > 1:
        found = ", ".join(sorted(str(asn) for asn in own))
        message = "missing: the connections know us by several AS numbers"
        yield Finding("site.asn", message, found=found, fix="say which one the router has", about=about)


def _asn_findings(intent: Intent, key: str, connection: Connection, profile: Profile | None) -> Iterator[Finding]:
    own = connection.asn if connection.asn is not None else intent.site.asn
    own_key = f"{key}.asn" if connection.asn is not None else "site.asn"
    if own is not None:
        yield from _number_findings(own_key, own)
        if profile:
            yield from _own_asn_findings(own_key, own, profile, f"{key}.cloud")
    if connection.peer_asn is not None:
        yield from _number_findings(f"{key}.peer-asn", connection.peer_asn)
    elif any(tunnel.peer_asn is None for tunnel in connection.tunnels):
        yield Finding(f"{key}.peer-asn", "missing: BGP needs the cloud's AS number", about=(f"{key}.tunnels",))
    for peer_key, peer in _peers(key, connection):
        if peer == own and (profile is None or profile.asn_must_differ):
            message = "the cloud has our own AS number: the session would never come up"
            yield Finding(peer_key, message, found=str(peer), about=(own_key,))


def _peers(key: str, connection: Connection) -> Iterator[tuple[str, int]]:
    """Every AS number of the far side, with its key."""
    if connection.peer_asn is not None:
        yield f"{key}.peer-asn", connection.peer_asn
    for index, tunnel in enumerate(connection.tunnels):
        if tunnel.peer_asn is not None and tunnel.peer_asn != connection.peer_asn:
            yield f"{key}.tunnels[{index}].peer-asn", tunnel.peer_asn


def _number_findings(key: str, asn: int) -> Iterator[Finding]:
    if asn == _AS_TRANS:
        yield Finding(key, "AS_TRANS stands for other numbers (RFC 6793) and names nobody", found=str(asn))
    elif asn in _LAST_ASNS:
        yield notice(key, key, f"AS {asn} is reserved (RFC 7300)")
    elif any(asn in kept for kept in _DOCUMENTATION_ASNS):
        yield notice(key, key, f"AS {asn} is for documentation (RFC 5398)")
    elif asn in _RESERVED_ASNS:
        yield notice(key, key, f"AS {asn} is reserved by IANA")


def _own_asn_findings(key: str, asn: int, profile: Profile, cloud_key: str) -> Iterator[Finding]:
    if asn in profile.asn_reserved:
        kept = ", ".join(map(str, sorted(profile.asn_reserved)))
        message = f"{profile.cloud} keeps this AS number for itself"
        yield Finding(key, message, found=str(asn), allowed=f"any but {kept}", about=(cloud_key,))
    elif not any(asn in allowed for allowed in profile.asn_ranges):
        ranges = ", ".join(f"{each.low} to {each.high}" for each in profile.asn_ranges)
        message = f"{profile.cloud} does not take this AS number"
        yield Finding(key, message, found=str(asn), allowed=ranges, about=(cloud_key,))


def _timer_findings(key: str, connection: Connection) -> Iterator[Finding]:
    """RFC 4271 sections 4.2 and 4.4: hold 0 or at least 3 s, keepalive a third of it at most."""
    place = f"{key}.bgp.timers"
    if connection.bgp.timers is None:
        return
    keepalive, hold = connection.bgp.timers
    found, about = f"[{keepalive}, {hold}]", (f"{place}[0]", f"{place}[1]")
    if hold == 0:
        if keepalive:
            message = "without a hold time there are no keepalives"
            yield Finding(place, message, found=found, allowed="[0, 0]", about=about)
        yield notice(place, connection.name, "hold time 0: a silent peer is never noticed by BGP", about=about)
    elif hold < 3:
        yield Finding(place, "the hold time is 0 or at least 3 s (RFC 4271)", found=found, about=about)
    elif keepalive == 0 or hold < 3 * keepalive:
        message = "the hold time is at least three times the keepalive (RFC 4271)"
        yield Finding(place, message, found=found, fix=f"write [{hold // 3}, {hold}]", about=about)


def _manner_findings(key: str, connection: Connection, profile: Profile | None) -> Iterator[Finding]:
    """What the far end cannot do would keep the session down for good, and nothing would say why."""
    if connection.bgp.password is not None and profile is not None and not profile.bgp_md5:
        message = f"{profile.cloud} has no key for BGP: no session would come up"
        yield Finding(f"{key}.bgp.password", message, fix="leave it out", about=(f"{key}.cloud",))
    if connection.bgp.ttl_security and connection.cloud != "generic":
        message = "the cloud must send a TTL of 255 too: none of its documents says that it does"
        yield notice(f"{key}.bgp.ttl-security", connection.name, message, about=(f"{key}.cloud",))
    if not connection.bgp.extended_messages and connection.speaker == "frr":
        message = "FRR offers extended messages at any rate"
        yield Finding(f"{key}.bgp.extended-messages", message, found="false", fix="speaker: exabgp, or leave it out",
                      about=(f"{key}.speaker",))  # fmt: skip
    if connection.bgp.third_party and connection.speaker == "frr":
        message = "FRR takes no next hop that lies beyond the neighbour"
        yield Finding(f"{key}.bgp.third-party", message, found="true", fix="speaker: exabgp, or leave it out",
                      about=(f"{key}.speaker",))  # fmt: skip


def _accept_findings(key: str, connection: Connection) -> Iterator[Finding]:
    for index, network in enumerate(connection.networks):
        name = "max-length" if network.version == 4 else "max-length6"
        longest = connection.accept.max_length if network.version == 4 else connection.accept.max_length6
        if network.prefixlen > longest:
            message = f"longer than accept.{name} {longest}: only itself will be taken, nothing within"
            yield notice(f"{key}.networks[{index}]", connection.name, f"{network} is {message}",
                         about=(f"{key}.accept.{name}",))  # fmt: skip
