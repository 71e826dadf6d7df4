"""Addresses inside and outside the tunnels, and the packet sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Interface, IPv6Interface

from appliance.intent.crypto import inner_mtu
from appliance.intent.finding import Finding, Place, connections_of, notice, overlap, tunnels_of, within
from appliance.intent.overlaps import NetworkIndex
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Intent
from appliance.model.profile import Profile

Inside = IPv4Interface | IPv6Interface


def tunnel_findings(intent: Intent, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Everything wrong with single tunnels, and between them."""
    for place in tunnels_of(intent):
        profile = profiles.get(place.connection.cloud)
        yield from _inside_findings(place, profile)
        yield from _outside_findings(place)
        yield from _size_findings(place, profile)
        if place.tunnel.psk is None:
            yield Finding(f"{place.key}.psk", "missing: a tunnel needs its pre-shared key",
                          allowed="{file: PATH}, {env: NAME} or {credential: NAME}")  # fmt: skip
    yield from _shared_inside(intent)
    yield from _shared_remote(intent)
    for key, connection in connections_of(intent):
        if len(connection.tunnels) == 1:
            about = (f"{key}.tunnels",)
            yield notice(f"{key}.tunnels[0]", connection.name, "a single tunnel: nothing takes over when it fails",
                         about=about)  # fmt: skip


def _inside_findings(place: Place, profile: Profile | None) -> Iterator[Finding]:
    tunnel = place.tunnel
    ends: tuple[tuple[str, Inside | None, IPAddress | None], ...] = (
        ("inside", tunnel.inside, tunnel.peer_inside),
        ("inside6", tunnel.inside6, tunnel.peer_inside6),
    )
    for name, inside, peer in ends:
        key, peer_key = f"{place.key}.{name}", f"{place.key}.peer-{name}"
        if inside is not None:
            yield from _host_findings(key, inside)
            if peer is None:
                fix = _likely_peer(inside, profile)
                about = (key, f"{place.key}.peer-inside")
                yield Finding(peer_key, f"missing: the cloud's end of {inside}", fix=fix, about=about)
            else:
                yield from _pair_findings(key, peer_key, inside, peer)
                yield from _side_findings(place, key, peer_key, inside, peer, profile)
            if profile:
                yield from _range_findings(key, inside, profile)
        elif peer is not None:
            yield Finding(key, f"missing: our end of {peer}", about=(peer_key,))
    keys: tuple[str, ...] = (f"{place.key}.inside", f"{place.key}.inside6")
    if profile and profile.one_inside_family and tunnel.inside and tunnel.inside6:
        message = f"{profile.cloud} carries IPv4 or IPv6 in a tunnel, not both"
        yield Finding(keys[1], message, fix="a second connection for IPv6", about=keys)
    bare = not (tunnel.inside or tunnel.inside6 or tunnel.peer_inside or tunnel.peer_inside6)
    if bare and place.connection.mode == "bgp":
        yield Finding(keys[0], "missing: BGP needs an address at either end", about=keys)


def _likely_peer(inside: Inside, profile: Profile | None) -> str | None:
    """The other usable host of a network that has but two."""
    others = [host for host in _hosts(inside.network) if host != inside.ip] if _small(inside.network) else []
    return f"peer-inside{'6' if inside.version == 6 else ''}: {others[0]}" if len(others) == 1 else None


def _small(network: IPNetwork) -> bool:
    return network.max_prefixlen - network.prefixlen <= 2


def _hosts(network: IPNetwork) -> list[IPAddress]:
    """Usable hosts of a small network; the first address of an IPv6 one is its routers' anycast address."""
    everything = [network[index] for index in range(network.num_addresses)]
    if network.max_prefixlen - network.prefixlen < 2:
        return everything
    return everything[1:-1] if network.version == 4 else everything[1:3]


def _usable(address: IPAddress, network: IPNetwork) -> bool:
    if network.max_prefixlen - network.prefixlen < 2:
        return True
    ends = (network.network_address, network.broadcast_address if network.version == 4 else None)
    return address not in ends


def _host_findings(key: str, inside: Inside) -> Iterator[Finding]:
    if inside.network.prefixlen == inside.max_prefixlen:
        yield Finding(key, "the network has no room for the other end", found=str(inside), allowed="a /30 or /31")
    elif not _usable(inside.ip, inside.network):
        yield Finding(key, f"not a host of {inside.network}", found=str(inside), allowed=_range(inside.network))
    elif inside.ip.is_multicast or inside.ip.is_loopback or inside.ip.is_unspecified:
        yield Finding(key, "not an address for an interface", found=str(inside))


def _range(network: IPNetwork) -> str:
    """The usable hosts for people."""
    if network.max_prefixlen - network.prefixlen < 2:
        return str(network)
    first, last = network[1], network[-2 if network.version == 4 else -1]
    return f"{first} or {last}" if int(last) - int(first) == 1 else f"{first} to {last}"


def _pair_findings(key: str, peer_key: str, inside: Inside, peer: IPAddress) -> Iterator[Finding]:
    if inside.network.prefixlen == inside.max_prefixlen:
        return
    if peer == inside.ip:
        yield Finding(peer_key, "the same address at both ends", found=str(peer), about=(key,))
    elif peer not in inside.network:
        allowed = _range(inside.network)
        yield Finding(peer_key, f"not in our network {inside.network}", found=str(peer), allowed=allowed, about=(key,))
    elif not _usable(peer, inside.network):
        message = f"not a host of {inside.network}"
        yield Finding(peer_key, message, found=str(peer), allowed=_range(inside.network), about=(key,))


def _side_findings(
    place: Place, key: str, peer_key: str, inside: Inside, peer: IPAddress, profile: Profile | None
) -> Iterator[Finding]:
    """The cloud's habit of taking the first host."""
    network = inside.network
    swapped = (
        _small(network) and network.prefixlen < inside.max_prefixlen and int(inside.ip) < int(peer) and peer in network
    )
    if profile and profile.peer_is_first_host and swapped:
        message = f"{profile.cloud} has the first host of {network} and we the second: the two look swapped"
        yield notice(key, place.tunnel.name, message, about=(peer_key,))


def _range_findings(key: str, inside: Inside, profile: Profile) -> Iterator[Finding]:
    network = inside.network
    ranges: tuple[IPNetwork, ...] = profile.inside_ranges if inside.version == 4 else profile.inside6_ranges
    lengths = profile.inside_prefix_lengths if inside.version == 4 else profile.inside6_prefix_lengths
    length = " or ".join(f"/{each}" for each in sorted(lengths)) or "network"
    if lengths and network.prefixlen not in lengths:
        message = f"{profile.cloud} gives every tunnel a {length}"
        yield Finding(key, message, found=str(inside), fix=f"write {inside.ip}/{max(lengths)}")
    elif not any(within(network, outer) for outer in ranges):
        allowed = " or ".join(str(outer) for outer in ranges)
        yield Finding(key, f"not from where {profile.cloud} takes inside addresses", found=str(inside), allowed=allowed)
    elif any(overlap(network, kept) for kept in profile.inside_reserved):
        kept = ", ".join(str(each) for each in profile.inside_reserved)
        yield Finding(key, f"{profile.cloud} keeps this network for itself", found=str(network),
                      allowed=f"a {length} of {ranges[0]} but {kept}")  # fmt: skip


def _outside_findings(place: Place) -> Iterator[Finding]:
    remote = place.tunnel.remote
    if remote.is_unspecified or remote.is_multicast or remote.is_loopback or remote.is_link_local:
        allowed = "the cloud's outside address"
        yield Finding(f"{place.key}.remote", "no gateway can have this address", found=str(remote), allowed=allowed)


def _size_findings(place: Place, profile: Profile | None) -> Iterator[Finding]:
    tunnel = place.tunnel
    about: tuple[str, ...] = (f"{place.key}.mtu",)
    if tunnel.mtu is not None and tunnel.mss is not None and tunnel.mss > tunnel.mtu - 40:
        allowed = f"at most {tunnel.mtu - 40}: the MTU less IP and TCP headers (RFC 9293)"
        yield Finding(f"{place.key}.mss", "does not fit the MTU", found=str(tunnel.mss), allowed=allowed, about=about)
    if tunnel.mtu is not None and tunnel.inside6 and tunnel.mtu < 1280:
        yield Finding(f"{place.key}.mtu", "IPv6 needs 1280 (RFC 8200)", found=str(tunnel.mtu), allowed="1280 and more")
    most = _most(place, profile)
    if tunnel.mtu is not None and most is not None and tunnel.mtu > most:
        about = (f"{place.key}.esp", f"{place.key}.remote")
        message = f"mtu {tunnel.mtu} leaves packets that need fragments outside"
        yield notice(f"{place.key}.mtu", tunnel.name, message, fix=f"at most {most}", about=about)


def _most(place: Place, profile: Profile | None) -> int | None:
    """The largest inner packet that fits outside, without NAT; None when nobody can tell."""
    if profile is None:
        return None
    proposals = place.tunnel.esp.proposals or profile.recommended_esp
    try:
        fits = inner_mtu(profile.outer_mtu, proposals, place.tunnel.remote.version, nat_t=bool(place.tunnel.encap))
    except ValueError:
        return None
    return min(fits, profile.max_mtu) if profile.max_mtu else fits


def _shared_inside(intent: Intent) -> Iterator[Finding]:
    """Inside networks are unique on the box, even where a cloud permits duplicates."""
    known: NetworkIndex[str] = NetworkIndex()
    for place in tunnels_of(intent):
        for name, inside in (("inside", place.tunnel.inside), ("inside6", place.tunnel.inside6)):
            if inside is None:
                continue
            key, met = f"{place.key}.{name}", known.overlapping(inside.network)
            if met:
                yield Finding(key, f"shares its network with {met[0]}", found=str(inside), about=(met[0],))
            known.add(key, inside.network)


def _shared_remote(intent: Intent) -> Iterator[Finding]:
    """One far end, one tunnel, for each uplink: two could not be told apart by address."""
    seen: dict[tuple[IPAddress, str | None], str] = {}
    only = intent.uplinks[0].name if len(intent.uplinks) == 1 else None
    for place in tunnels_of(intent):
        key, uplink = f"{place.key}.remote", place.tunnel.uplink or only
        other = seen.setdefault((place.tunnel.remote, uplink), key)
        if other != key:
            about = (other, f"{place.key}.uplink", other.replace(".remote", ".uplink"))
            message = f"{other} goes there already by the same uplink"
            yield Finding(key, message, found=str(place.tunnel.remote), about=about)
