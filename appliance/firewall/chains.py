"""The chains of our table. They refer to sets only, so the same text serves every box."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.firewall.policing import FORWARD as FROM_UPLINK
from appliance.firewall.sets import placed_lans
from appliance.firewall.words import braces, merged, quoted
from appliance.model.filtering import Filter, ManagementGuard

_ICMP_ERRORS = "icmp type { destination-unreachable, time-exceeded, parameter-problem }"
_ICMP6_ERRORS = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"

_MSS = (
    # The kernel only ever lowers the option (nft_exthdr refuses to raise it): a peer's smaller size stays.
    "tcp flags & (syn | rst) != syn accept",
    *(
        f"meta nfproto ipv{family} tcp option maxseg size set {link} map @mss{family}"
        for family in (4, 6)
        for link in ("oifname", "iifname")
    ),
)

_INPUT = (
    "udp dport { 500, 4500 } jump from_peer",
    "meta l4proto esp jump from_peer",
    "tcp dport 179 jump from_neighbor",
)

_FROM_PEER = (
    "iifname . ip saddr @peers4 accept",
    "iifname . ip6 saddr @peers6 accept",
    "iifname @uplinks counter name ike_from_stranger drop",
    "iifname @tunnels counter name ike_from_stranger drop",
)

_FROM_NEIGHBOR = (
    "iifname . ip saddr @neighbors4 accept",
    "iifname . ip6 saddr @neighbors6 accept",
    "iifname @uplinks counter name bgp_from_stranger drop",
    "iifname @tunnels counter name bgp_from_stranger drop",
)

_FORWARD = (
    "iifname @tunnels jump from_tunnel",
    "oifname @tunnels jump to_tunnel",
    "oifname @uplinks jump to_uplink",
)

_METADATA = (
    # AWS and most others, Alibaba, AWS over IPv6: what a machine gets told at its start, keys in user-data included.
    "ip daddr { 100.100.100.200, 169.254.169.254 } jump metadata",
    "ip6 daddr fd00:ec2::254 jump metadata",
)

_TO_METADATA_SHARED = (
    "oifname @tunnels return",
    "iifname @lan_links counter name to_metadata drop",
    "ip saddr @lan_networks4 counter name to_metadata drop",
    "ip6 saddr @lan_networks6 counter name to_metadata drop",
)

_TO_METADATA_OURS = (
    "oifname @tunnels return",
    "counter name to_metadata drop",
)
"""Whatever is forwarded: nobody but the machine itself asks for what its cloud tells it."""

_BETWEEN_TUNNELS = ("oifname @tunnels counter name between_tunnels drop",)

_FROM_TUNNEL = (
    "oifname != @uplinks ip daddr @lan_anywhere4 accept",
    "oifname != @uplinks ip6 daddr @lan_anywhere6 accept",
    "counter name from_tunnel_astray drop",
)

_TO_TUNNEL = (
    "iifname @uplinks counter name to_tunnel_astray drop",
    "ip saddr @lan_anywhere4 accept",
    "ip6 saddr @lan_anywhere6 accept",
    # A router behind a LAN may answer from an address that no LAN names, and path MTU discovery needs the answer.
    f"{_ICMP_ERRORS} accept",
    f"{_ICMP6_ERRORS} accept",
    "counter name to_tunnel_astray jump refuse",
)

_PROTECT = (
    # Not clear text: an IPsec policy takes this packet. One that already is ESP belongs to nobody's policy here.
    "rt ipsec exists return",
    "ip daddr @inside4 counter name protected_in_clear drop",
    "ip6 daddr @inside6 counter name protected_in_clear drop",
    # Dropped, not rejected: a tunnel comes back within a sender's patience, and a rejected connect() gives up at once.
    "ip daddr @protected4 ip daddr != @near4 counter name protected_in_clear drop",
    "ip6 daddr @protected6 ip6 daddr != @near6 counter name protected_in_clear drop",
)

_PRIVATE = (
    "rt ipsec exists return",
    # Rejected, not dropped: no tunnel ever carries these, so the user should see it now and not after a timeout.
    "ip daddr @private4 ip daddr != @near4 counter name private_in_clear jump refuse",
    "ip6 daddr @private6 ip6 daddr != @near6 counter name private_in_clear jump refuse",
)

_REFUSE = (
    # An ICMP error quotes the packet: it may only go back where that came from, or it carries it out in clear itself.
    "fib saddr . iif oif exists reject with icmpx admin-prohibited",
    "drop",
)

_OUTPUT = ("oifname @uplinks jump from_host",)

_FROM_HOST = (
    # What never goes further than the link; without it a protected default route would silence DHCP and neighbours.
    "ip daddr { 224.0.0.0/4, 255.255.255.255 } accept",
    "ip6 daddr { fe80::/10, ff00::/8 } accept",
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
    "ip daddr @remotes4 meta l4proto esp accept",
    "ip6 daddr @remotes6 meta l4proto esp accept",
    "ip daddr @remotes4 udp dport { 500, 4500 } accept",
    "ip6 daddr @remotes6 udp dport { 500, 4500 } accept",
    "jump protect",
)

_CAPTURED = (
    # An IPsec policy takes it, or it goes no further than the uplink's own network.
    "rt ipsec exists return",
    "ip daddr @near4 return",
    "ip6 daddr @near6 return",
    "ip saddr @lan_networks4 counter name protected_in_clear drop",
    "ip6 saddr @lan_networks6 counter name protected_in_clear drop",
)
"""What a LAN sends by an uplink although its default route leads into a tunnel."""

_TO_UPLINK_SHARED = (
    "jump protect",
    "iifname @lan_links jump private",
    "ip saddr @lan_networks4 jump private",
    "ip6 saddr @lan_networks6 jump private",
)
"""On a host that is not ours only a LAN's traffic to private destinations is our business."""

_TO_UPLINK_OURS = (
    "jump protect",
    "jump private",
)

_INPUT_OURS = (
    'iifname "lo" accept',
    "ct state established,related accept",
    f"{_ICMP_ERRORS} accept",
    "icmp type echo-request accept",
    f"{_ICMP6_ERRORS} accept",
    "icmpv6 type { echo-request, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    "udp sport 67 udp dport 68 accept",
    "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
)

_FORWARD_OURS = (
    "ct state established,related accept",
    "iifname != @uplinks accept",
)
"""What neither comes from a tunnel nor goes to one: a LAN reaches other LANs and the Internet, nobody reaches a LAN."""


def shared_chains(filter: Filter) -> Iterator[str]:
    """For a host that others use too: only what concerns tunnels, uplinks and LANs of ours is judged."""
    yield from _base("input", "input", "filter", "accept", _INPUT)
    yield from _base("forward", "forward", "filter", "accept", (*_policed(filter), *_METADATA, *_FORWARD))
    yield from _chain("metadata", _TO_METADATA_SHARED)
    yield from _chain("to_uplink", (*_captured(filter), *_TO_UPLINK_SHARED))
    yield from _common_chains(filter)


def host_chains(filter: Filter) -> Iterator[str]:
    """For our own image: what nobody asked for is dropped, by a last rule. A policy would drop everything for a moment
    whenever the table is replaced: Linux hooks a chain up before its rules count, and unhooks it after."""
    rules = (*_INPUT, *_INPUT_OURS, *_management(filter), "counter name uninvited drop")
    yield from _base("input", "input", "filter", "accept", rules)
    inside = _lans(filter, "iifname", "saddr", "accept")
    rules = (*_policed(filter), *_METADATA, *_FORWARD, *_FORWARD_OURS, *inside, "counter name uninvited drop")
    yield from _base("forward", "forward", "filter", "accept", rules)
    yield from _chain("metadata", _TO_METADATA_OURS)
    yield from _chain("to_uplink", (*_captured(filter), *_TO_UPLINK_OURS))
    yield from _common_chains(filter)


def _captured(filter: Filter) -> tuple[str, ...]:
    return tuple(f"meta nfproto ipv{family} jump captured" for family in filter.captured)


def _policed(filter: Filter) -> tuple[str, ...]:
    return FROM_UPLINK if filter.policed else ()


def _common_chains(filter: Filter) -> Iterator[str]:
    yield from _base("mss", "forward", "mangle", "accept", _MSS)
    yield from _base("output", "output", "filter", "accept", _OUTPUT)
    yield from _chain("from_peer", _FROM_PEER)
    yield from _chain("from_neighbor", _FROM_NEIGHBOR)
    there = _lans(filter, "oifname", "daddr", "accept")
    yield from _chain("from_tunnel", (*_transits(filter), *_outward(filter), *_BETWEEN_TUNNELS, *there, *_FROM_TUNNEL))
    inside = _lans(filter, "iifname", "saddr", "accept")
    yield from _chain("to_tunnel", (*_answered(filter), *inside, *_TO_TUNNEL))
    yield from _chain("from_host", _FROM_HOST)
    yield from _chain("protect", _PROTECT)
    yield from _chain("private", _PRIVATE)
    yield from _chain("refuse", _REFUSE)
    if filter.captured:
        yield from _chain("captured", (*_lans(filter, "oifname", "daddr", "return"), *_CAPTURED))


def _lans(filter: Filter, way: str, end: str, verdict: str) -> Iterator[str]:
    """A rule for each LAN that is on a known interface. Not one set of interfaces with networks: of such a set nothing
    is seen for some milliseconds after the table was replaced, while its rules count already."""
    for family, word in ((4, "ip"), (6, "ip6")):
        for link, networks in placed_lans(filter, family).items():
            yield f"{way} {quoted(link)} {word} {end} {braces(map(str, networks))} {verdict}"


def _transits(filter: Filter) -> Iterator[str]:
    """Between two clouds, there by what the one was told of the other, and back."""
    for one in filter.transits:
        links, beyond = (braces(sorted(map(quoted, names))) for names in (one.links, one.beyond))
        for family, word in ((4, "ip"), (6, "ip6")):
            if networks := merged(one.networks, family):
                told = braces(map(str, networks))
                yield f"iifname {links} oifname {beyond} {word} daddr {told} accept"
                yield f"iifname {beyond} oifname {links} {word} saddr {told} accept"


def _outward(filter: Filter) -> Iterator[str]:
    """A cloud to the Internet: nothing that is behind another one, or that no network out there may have."""
    if filter.outward:
        way = f"iifname {braces(map(quoted, filter.outward))} oifname @uplinks"
        yield from (f"{way} {verdict}" for verdict in ("jump protect", "jump private", "accept"))


def _answered(filter: Filter) -> Iterator[str]:
    if filter.outward:
        yield f"iifname @uplinks oifname {braces(map(quoted, filter.outward))} ct state established,related accept"


def _management(filter: Filter) -> Iterator[str]:
    """Who may administer the box. Nothing said: SSH from the inside, so that nobody is locked out of a new box."""
    guard = filter.management
    if guard is None:
        yield "iifname != @uplinks iifname != @tunnels tcp dport 22 accept"
    elif guard.ports:
        yield from (f"{match}tcp dport {braces(map(str, sorted(guard.ports)))} accept" for match in _who(guard))


def _who(guard: ManagementGuard) -> Iterator[str]:
    link = f"iifname {braces(sorted(quoted(name) for name in guard.interfaces))} " if guard.interfaces else ""
    if not guard.sources:
        yield link
    for family, word in ((4, "ip"), (6, "ip6")):
        if sources := merged(guard.sources, family):
            yield f"{link}{word} saddr {braces(map(str, sources))} "


def _base(name: str, hook: str, priority: str, policy: str, rules: Iterable[str]) -> Iterator[str]:
    head = f"type filter hook {hook} priority {priority}; policy {policy};"
    return _chain(name, (head, *rules))


def _chain(name: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"\tchain {name} {{"
    yield from (f"\t\t{rule}" for rule in rules)
    yield "\t}"
