"""Google Cloud HA VPN and its Cloud Router. "CV" is the Cloud VPN documentation, "CR" the Cloud Router documentation,
"API" the Compute Engine API reference."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

_GCM = frozenset({"aes128gcm16", "aes192gcm16", "aes256gcm16"})
_CBC = frozenset({"aes128", "aes192", "aes256"})

# CV, "Supported IKE ciphers": the same groups in both phases.
_GROUPS = frozenset(
    {
        "modp1024",  # 2
        "modp1536",  # 5
        "modp2048",  # 14
        "modp3072",  # 15
        "modp4096",  # 16
        "modp8192",  # 18
        "ecp256",  # 19
        "ecp384",  # 20
        "ecp521",  # 21
        "modp1024s160",  # 22
        "modp2048s224",  # 23
        "modp2048s256",  # 24
        "x25519",  # 31
    }
)

# Google's own lifetimes are fixed (below); in IKEv2 each side has its own (RFC 7296 section 2.8).
_LIFETIME = Range(60, 604800)

GOOGLE = Profile(
    cloud="gcp",
    title="Google Cloud",
    # CV, "Supported IKE ciphers": IKEv1 with AES-128, SHA-1 and group 2 only.
    ike_versions=frozenset({1, 2}),
    # CV, the same: 36000 s.
    ike=PhaseRules(
        _GCM | _CBC | {"3des"},
        frozenset({"md5", "sha1", "sha256", "sha384", "sha512", "aesxcbc", "aescmac"}),
        _GROUPS,
        _LIFETIME,
        36000,
    ),
    # CV, the same: 10800 s, PFS required.
    esp=PhaseRules(_GCM | _CBC, frozenset({"sha1", "sha256", "sha512"}), _GROUPS, _LIFETIME, 10800),
    # The strongest of the lists. One proposal each: as responder Google picks by its own table, not by our order.
    recommended_ike=("aes256gcm16-prfsha384-ecp384",),
    recommended_esp=("aes256gcm16-ecp384",),
    # RFC 8247 section 2 and RFC 8221 sections 5 and 6: SHOULD NOT or worse, or on the way there.
    weak=frozenset({"3des", "md5", "sha1", "modp1024", "modp1536", "modp1024s160", "modp2048s224", "modp2048s256"}),
    # Its margins are not published: ours are a tenth of the lifetime or more before its end.
    rekey=RekeyTimes(ike_rekey=32400, ike_rand=900, ike_over=3600, child_rekey=9000, child_rand=600, child_life=10800),
    # No figure is published.
    dpd_delay=10,
    replay_window=1024,
    # CR, "Establish BGP sessions": a /30 of 169.254.0.0/16, unique over the Cloud Routers of a network.
    inside_ranges=(IPv4Network("169.254.0.0/16"),),
    inside_prefix_lengths=frozenset({30}),
    inside_reserved=(),
    # CR, the same: IPv6 sessions within fdff:1::/64, masks up to /126.
    inside6_ranges=(IPv6Network("fdff:1::/64"),),
    inside6_prefix_lengths=frozenset(),
    # CR, the same: both addresses may be chosen.
    peer_is_first_host=False,
    # No rule is published; these are what every editor and tool passes on.
    psk_pattern=r"[!-~]([ -~]{0,126}[!-~])?",
    psk_rule="1 to 128 printable ASCII characters, no blank at either end",
    asn_ranges=(Range(1, 4294967295),),
    # CR, "Cloud Router overview": 16550 is Google's own.
    asn_reserved=frozenset({16550}),
    asn_must_differ=True,
    # CR, "Manage BGP timers": keepalive 20 s by default (20-60), hold time three times that.
    bgp_timers=(20, 60),
    # CR, "Quotas and limits": 250 unique destinations of a region by default, the surplus is dropped; above 5000
    # prefixes from one peer the session is reset.
    routes_to_cloud=250,
    routes_to_cloud_most=5000,
    # CR, the same: 200 custom routes and every subnet. A bound of ours.
    routes_from_cloud=1000,
    # API, routers, md5AuthenticationKeys.
    bgp_md5=True,
    # API, routers, bgpPeers[].bfd; whether it works over a VPN is not said.
    bfd=False,
    # CV, "MTU considerations": the gateway's MTU is 1460; 1406 within, with AES-GCM and IPv4 outside.
    outer_mtu=1460,
    max_mtu=1406,
    # Whether the inside address answers an echo is not published, nor how often one may ask.
    probe_target=None,
    probe_interval=100,
    # CR, "Learned routes" and "Advertised routes": MED both ways (advertised route priority).
    med="both",
    ecmp="its tunnels of equal MED",
)
