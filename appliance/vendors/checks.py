"""What the cloud's rules allow in one tunnel and in a whole connection. Every breach is a fault with its place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from ipaddress import IPv4Address

from appliance.model.address import IPAddress, IPInterface, IPNetwork
from appliance.model.document import ReadConnection, ReadTunnel
from appliance.model.fault import Fault
from appliance.model.profile import PhaseRules, Profile
from appliance.vendors.draft import ConnectionDraft, Field, TunnelDraft
from appliance.vendors.keywords import is_aead
from appliance.vendors.values import Place

_NEVER_AN_ASN = frozenset({0, 23456, 65535, 4294967295})
"""Reserved: RFC 7607, RFC 6793, RFC 7300."""


def check_tunnel(tunnel: ReadTunnel, draft: TunnelDraft, profile: Profile, faults: list[Fault]) -> None:
    """One tunnel by itself: outside addresses, inside pair, proposals, lifetimes, packet sizes."""
    _check_outside(tunnel.remote, draft.remote.place, faults)
    _check_outside(tunnel.public, draft.public.place, faults)
    if tunnel.remote is not None and tunnel.remote == tunnel.public and draft.remote.place:
        message = "the gateway's outside address is our own"
        faults.append(draft.remote.place.fault(message, found=str(tunnel.remote), allowed="two different addresses"))
    _check_inside(tunnel, draft, profile, faults)
    _check_proposals(tunnel.ike.proposals, profile.ike, profile, draft.ike_proposals.place, faults)
    _check_proposals(tunnel.esp.proposals, profile.esp, profile, draft.esp_proposals.place, faults)
    _check_version(tunnel, draft, faults)
    _check_lifetimes(tunnel, draft, faults)
    _check_sizes(tunnel, draft, faults)


def check_connection(connection: ReadConnection, draft: ConnectionDraft, faults: list[Fault]) -> None:
    """What must differ: the two ASNs, the tunnels' outside addresses and their inside networks."""
    _check_asns(connection, draft, faults)
    _check_distinct("outside address", ((t.remote, d.remote) for t, d in _pairs(connection, draft)), faults)
    nets = ((_shared_network(t.inside), d.inside) for t, d in _pairs(connection, draft))
    _check_distinct("inside network", nets, faults)


def _shared_network(inside: IPInterface | None) -> IPNetwork | None:
    """The network that both ends are in; none where our inside address is a host's, which several tunnels may have."""
    return None if inside is None or inside.network.num_addresses == 1 else inside.network


def _pairs(connection: ReadConnection, draft: ConnectionDraft) -> Iterable[tuple[ReadTunnel, TunnelDraft]]:
    return zip(connection.tunnels, draft.tunnels, strict=True)


def _check_outside(address: IPAddress | None, place: Place | None, faults: list[Fault]) -> None:
    if address is None or place is None:
        return
    reserved = isinstance(address, IPv4Address) and address.is_reserved
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local or reserved:
        faults.append(place.fault("cannot be an outside address", found=str(address), allowed="a host on the outside"))


def _check_inside(tunnel: ReadTunnel, draft: TunnelDraft, profile: Profile, faults: list[Fault]) -> None:
    ours, place = tunnel.inside, draft.inside.place
    if ours is None or place is None:
        return
    v4 = ours.version == 4
    lengths = profile.inside_prefix_lengths if v4 else profile.inside6_prefix_lengths
    ranges = profile.inside_ranges if v4 else profile.inside6_ranges
    length = " or ".join(f"/{each}" for each in sorted(lengths)) or "network"
    allowed = f"a {length} of {', '.join(map(str, ranges))}"
    unfit = lengths and ours.network.prefixlen not in lengths
    if unfit or not any(ours.ip in net for net in ranges):
        faults.append(place.fault(f"not an inside address of {profile.title}", found=str(ours), allowed=allowed))
    elif any(ours.network.overlaps(kept) for kept in profile.inside_reserved):
        nets, message = ", ".join(map(str, profile.inside_reserved)), f"a network that {profile.title} reserves"
        faults.append(place.fault(message, found=str(ours), allowed=f"{allowed}, but not {nets}"))
    elif profile.peer_is_first_host:
        _check_hosts(ours, tunnel.peer_inside, draft, profile, faults)
    elif ours.ip == tunnel.peer_inside:
        faults.append(place.fault("both ends have the same inside address", found=str(ours.ip), allowed="two"))


def _check_hosts(
    ours: IPInterface, theirs: IPAddress | None, draft: TunnelDraft, profile: Profile, faults: list[Fault]
) -> None:
    first, second = ours.network[1], ours.network[2]
    habit = f"in {ours.network} {profile.title} has the first host, the customer the second"
    place = draft.inside.place
    if ours.ip != second and place:
        message = "not our host of the inside network"
        faults.append(place.fault(message, found=str(ours), allowed=f"{second} for us: {habit}"))
    place = draft.peer_inside.place
    if theirs is not None and theirs != first and place:
        message = f"not {profile.title}'s host of the inside network"
        faults.append(place.fault(message, found=str(theirs), allowed=f"{first}: {habit}"))


def _check_proposals(
    proposals: Iterable[str], rules: PhaseRules, profile: Profile, place: Place | None, faults: list[Fault]
) -> None:
    known = rules.encryption | rules.integrity | rules.groups | {f"prf{name}" for name in rules.integrity}
    for proposal in proposals:
        strange = [word for word in proposal.split("-") if word not in known]
        if strange and place:
            allowed = ", ".join(sorted(rules.encryption) + sorted(rules.integrity) + sorted(rules.groups))
            faults.append(
                place.fault(f"{profile.title} does not accept {', '.join(strange)}", found=proposal, allowed=allowed)
            )


def _check_version(tunnel: ReadTunnel, draft: TunnelDraft, faults: list[Fault]) -> None:
    place = draft.ike_proposals.place
    aead = [proposal for proposal in tunnel.ike.proposals if is_aead(proposal)]
    if tunnel.ike.version == 1 and aead and place:
        message = "AES-GCM protects IKE only in version 2 (RFC 5282)"
        faults.append(place.fault(message, found=", ".join(aead), allowed="AES-CBC with a hash, or IKEv2"))


def _check_lifetimes(tunnel: ReadTunnel, draft: TunnelDraft, faults: list[Fault]) -> None:
    ike, esp, place = tunnel.ike.lifetime, tunnel.esp.lifetime, draft.esp_lifetime.place
    if ike is not None and esp is not None and esp > ike and place:
        message = "the child SA would outlive its IKE SA"
        faults.append(place.fault(message, found=f"{esp} seconds", allowed=f"at most the IKE lifetime, {ike} seconds"))


def _check_sizes(tunnel: ReadTunnel, draft: TunnelDraft, faults: list[Fault]) -> None:
    place = draft.mss.place
    if tunnel.mtu is not None and tunnel.mss is not None and tunnel.mss > tunnel.mtu - 40 and place:
        allowed = f"at most {tunnel.mtu - 40}: the MTU of {tunnel.mtu} less 40 bytes of IPv4 and TCP headers"
        faults.append(place.fault("does not fit the MTU", found=f"{tunnel.mss} bytes", allowed=allowed))


def _check_asns(connection: ReadConnection, draft: ConnectionDraft, faults: list[Fault]) -> None:
    ours, theirs, profile = draft.asn.place, draft.peer_asn.place, draft.profile
    if ours and connection.asn in _NEVER_AN_ASN | profile.asn_reserved:
        faults.append(ours.fault("a reserved ASN", found=str(connection.asn), allowed=_asns(profile.asn_reserved)))
    if theirs and connection.peer_asn in _NEVER_AN_ASN:
        faults.append(theirs.fault("a reserved ASN", found=str(connection.peer_asn), allowed=_asns(frozenset())))
    same = connection.asn is not None and connection.asn == connection.peer_asn
    if theirs and same and profile.asn_must_differ:
        message = f"both sides have the same ASN: with {profile.title} the session would never come up"
        faults.append(theirs.fault(message, found=str(connection.peer_asn), allowed="two different ASNs"))


def _asns(kept: frozenset[int]) -> str:
    reserved = ", ".join(map(str, sorted(_NEVER_AN_ASN | kept)))
    return f"1 to 4294967294, without {reserved}"


def _check_distinct(
    what: str, said: Iterable[tuple[Hashable | None, Field[IPAddress] | Field[IPInterface]]], faults: list[Fault]
) -> None:
    seen: dict[Hashable, Place] = {}
    for value, field in said:
        if value is None or field.place is None:
            continue
        if value in seen:
            message = f"two tunnels have the same {what}: the other is on line {seen[value].line}"
            faults.append(field.place.fault(message, found=str(value), allowed="a different one for each tunnel"))
        seen[value] = field.place
