"""Random intents: valid in shape, of any content."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_network

from hypothesis import strategies as st

from appliance.model.intent import (
    Accept,
    Announce,
    BestPath,
    Bgp,
    Connection,
    ConnectionProbe,
    Dpd,
    Esp,
    Failback,
    Ike,
    Intent,
    Lan,
    MaxPrefixes,
    Nat,
    ProbeTarget,
    Probing,
    SecretRef,
    Site,
    Tunnel,
    TunnelAnnounce,
    Uplink,
)

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", fullmatch=True) | st.sampled_from(
    ["no", "yes", "null", "1", "007", "1e3", "0x1f", "12.5", "on", "2001-01-01", "y"]
)
ADDRESSES4 = st.builds(IPv4Address, st.integers(0, 2**32 - 1))
ADDRESSES6 = st.builds(IPv6Address, st.integers(0, 2**128 - 1) | st.integers(0, 99))
ADDRESSES = ADDRESSES4 | ADDRESSES6
NETWORKS4 = st.builds(lambda a, n: ip_network((a, n), strict=False), ADDRESSES4, st.integers(0, 32))
NETWORKS6 = st.builds(lambda a, n: ip_network((a, n), strict=False), ADDRESSES6, st.integers(0, 128))
NETWORKS = st.lists(NETWORKS4 | NETWORKS6, max_size=3).map(tuple)
ASNS = st.integers(1, 2**32 - 1)
PROPOSALS = st.lists(
    st.sampled_from(
        ["aes256gcm16-prfsha384-ecp384", "aes256-sha384-ecp384", "aes128-sha1-modp1024", "aes256gcm16-ecp384", "null",
         "aes128-sha1", "3des-md5-modp1024", "aes256gcm16-aes128"]
    ),
    min_size=1, max_size=2,
).map(tuple)  # fmt: skip
UNSIGNED = st.integers(0, 2**32 - 1)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


SECRETS = st.builds(
    SecretRef, st.sampled_from(["file", "env", "credential"]), st.from_regex(r"[a-z]{1,8}", fullmatch=True)
)
LIFETIMES = maybe(st.integers(60, 604800))
TUNNELS = st.builds(
    Tunnel,
    name=NAMES,
    remote=ADDRESSES,
    psk=maybe(SECRETS),
    uplink=maybe(NAMES),
    inside=maybe(st.builds(lambda a, n: IPv4Interface((a, n)), ADDRESSES4, st.integers(0, 32))),
    peer_inside=maybe(ADDRESSES4),
    inside6=maybe(st.builds(lambda a, n: IPv6Interface((a, n)), ADDRESSES6, st.integers(0, 128))),
    peer_inside6=maybe(ADDRESSES6),
    ike=st.builds(Ike, st.integers(1, 2), st.just(()) | PROPOSALS, LIFETIMES),
    esp=st.builds(Esp, st.just(()) | PROPOSALS, LIFETIMES),
    peer_asn=maybe(ASNS),
    if_id=maybe(st.integers(1, 0x7FFF_FFFF)),
    interface=maybe(NAMES),
    mtu=maybe(st.integers(576, 9216)),
    mss=maybe(st.integers(536, 9156)),
    metric=maybe(st.integers(1, 1_000_000)),
    dpd=st.builds(Dpd, maybe(st.integers(1, 3600)), maybe(st.integers(1, 3600))),
    local_id=maybe(st.sampled_from(["203.0.113.1", "@gw.example", "C=XX, O=x y, CN=gw", "no", "1:2"])),
    remote_id=maybe(st.sampled_from(["198.51.100.7", "%any", "12:30", "user@example"])),
    encap=maybe(st.booleans()),
    weight=maybe(st.integers(1, 256)),
    announce=st.builds(TunnelAnnounce, maybe(UNSIGNED), maybe(st.integers(0, 10))),
)
PORTS = st.integers(1, 65535)
PROBE_TARGETS = (
    st.just(ProbeTarget("peer-inside"))
    | st.builds(ProbeTarget, st.just("icmp"), ADDRESSES)
    | st.builds(ProbeTarget, st.sampled_from(["tcp", "udp"]), ADDRESSES, PORTS)
)
PROBES = st.builds(ConnectionProbe, st.lists(PROBE_TARGETS, max_size=3).map(tuple), st.integers(1, 16))
CONNECTIONS = st.builds(
    Connection,
    probe=PROBES,
    name=NAMES,
    cloud=st.sampled_from(["aws", "generic"]),
    mode=st.sampled_from(["bgp", "static"]),
    prefer=maybe(st.sampled_from(["equal", "ordered"])),
    tunnels=st.lists(TUNNELS, min_size=1, max_size=3).map(tuple),
    id=maybe(st.sampled_from(["vpn-0123", "no", "/a/b c", "1"])),
    asn=maybe(ASNS),
    peer_asn=maybe(ASNS),
    priority=maybe(st.integers(0, 1000)),
    networks=NETWORKS,
    accept=st.builds(
        Accept,
        max_length=st.integers(8, 32),
        max_length6=st.integers(16, 128),
        max_prefixes=maybe(st.builds(MaxPrefixes, st.integers(1, 1_000_000))),
    ),
    announce=st.builds(
        Announce,
        networks=maybe(NETWORKS),
        med=UNSIGNED,
        prepend=st.integers(0, 10),
        communities=st.lists(st.sampled_from(["64512:10", "1:2:3", "64512:59"]), max_size=2).map(tuple),
    ),
    bgp=st.builds(
        Bgp,
        st.sampled_from(["honour", "ignore"]),
        maybe(st.tuples(st.integers(0, 65535), st.integers(0, 65535))),
    ),
    clear_text=st.sampled_from(["deny-private", "protected-only"]),
)
INTENTS = st.builds(
    Intent,
    site=st.builds(Site, NAMES, maybe(ASNS), maybe(ADDRESSES4), NETWORKS),
    connections=st.lists(CONNECTIONS, max_size=3).map(tuple),
    lans=st.lists(
        st.builds(Lan, NAMES, NETWORKS.filter(bool), maybe(NAMES)),
        max_size=2,
    ).map(tuple),
    uplinks=st.lists(
        st.builds(Uplink, NAMES, NAMES, maybe(ADDRESSES), maybe(ADDRESSES), maybe(ADDRESSES)), max_size=2
    ).map(tuple),
    nat=st.lists(
        st.builds(
            Nat,
            st.sampled_from(["masquerade", "snat"]),
            maybe(NAMES),
            maybe(NAMES),
            NETWORKS.filter(bool),
            maybe(ADDRESSES),
        ),
        max_size=2,
    ).map(tuple),
    probe=st.builds(Probing, st.integers(10, 5000).map(lambda ms: ms / 1000), st.integers(1, 9), st.integers(1, 99)),
    failback=st.builds(Failback, st.sampled_from(["revert", "stay", "manual"]), st.integers(0, 86400)),
    bgp=st.builds(BestPath, st.booleans(), st.integers(1, 64)),
    frr_extra=maybe(st.sampled_from(["extra.conf", "/etc/appliance/extra", "no"])),
)
"""Intents that the layout can say."""
