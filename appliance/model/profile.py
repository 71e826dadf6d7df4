"""What one cloud's VPN gateway accepts, limits and recommends: data that checks and defaults read, never branches."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from ``low`` to ``high``, both allowed."""

    low: int
    high: int

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """Algorithms of one phase in strongSwan's keywords, and the lifetime range in seconds."""

    encryption: frozenset[str]
    integrity: frozenset[str]
    groups: frozenset[str]
    lifetime: Range
    default_lifetime: int


@dataclass(frozen=True, slots=True)
class RekeyTimes:
    """When we rekey, in seconds: clear of the cloud's own rekey windows, so that the two never collide."""

    ike_rekey: int
    ike_rand: int
    ike_over: int
    child_rekey: int
    child_rand: int
    child_life: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One cloud. Every figure carries its source in the module that defines the instance."""

    cloud: str
    title: str  # as people write it
    ike_versions: frozenset[int]
    ike: PhaseRules
    esp: PhaseRules
    recommended_ike: tuple[str, ...]
    recommended_esp: tuple[str, ...]
    weak: frozenset[str]  # algorithm keywords to warn about
    rekey: RekeyTimes
    dpd_delay: int  # seconds
    replay_window: int  # packets
    inside_ranges: tuple[IPv4Network, ...]
    inside_prefix_lengths: frozenset[int]  # empty: any
    inside_reserved: tuple[IPv4Network, ...]
    inside6_ranges: tuple[IPv6Network, ...]
    inside6_prefix_lengths: frozenset[int]
    peer_is_first_host: bool  # the cloud holds the first host of the inside network, we the second
    psk_pattern: str  # a full-match regular expression
    psk_rule: str  # the same for people
    asn_ranges: tuple[Range, ...]  # our ASN, as the cloud accepts it
    asn_reserved: frozenset[int]  # ASNs the cloud keeps for itself
    asn_must_differ: bool
    bgp_timers: tuple[int, int]  # keepalive, hold: seconds
    routes_to_cloud: int  # announcements before the cloud resets or ignores
    routes_from_cloud: int  # the quota that maximum-prefix warns at
    bgp_md5: bool
    bfd: bool
    outer_mtu: int  # the largest outside packet the path can be trusted with
    max_mtu: int | None  # inner MTU the cloud caps at, when it says so
    takes_default: bool = True  # a default route from us is taken
    routes_to_cloud_most: int | None = None  # where its larger gateways end; None: all are alike
    tunnels: int = 2  # of one connection, when it is whole
    one_customer_gateway: bool = False  # all tunnels of a connection end at one address of ours
    probe_target: str | None = None  # what inside the cloud answers an echo: ``peer-inside``, or nothing
    probe_interval: int = 100  # milliseconds between probes that the cloud can be trusted with
    med: str = "unknown"  # what it does with MED: ``sends``, ``honours``, ``both``, ``ignores``, ``unknown``
    ecmp: str = ""  # when it balances over the tunnels, in one sentence
    one_inside_family: bool = False  # a tunnel carries IPv4 or IPv6, not both
    their_rekey: Range | None = None  # seconds before the end of any lifetime at which the cloud itself may rekey
