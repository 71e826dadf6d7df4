"""AWS Site-to-Site VPN: what its gateways accept. "UG" is the AWS Site-to-Site VPN User Guide, by page title."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

# UG, "Tunnel options for your AWS Site-to-Site VPN connection": the same four ciphers and four hashes in both phases.
_ENCRYPTION = frozenset({"aes128", "aes256", "aes128gcm16", "aes256gcm16"})
_INTEGRITY = frozenset({"sha1", "sha256", "sha384", "sha512"})

# UG, the same page: phase 1 DH groups 2 and 14-24; phase 2 groups 2, 5 and 14-24.
_GROUPS = frozenset(
    {
        "modp1024",  # 2
        "modp2048",  # 14
        "modp3072",  # 15
        "modp4096",  # 16
        "modp6144",  # 17
        "modp8192",  # 18
        "ecp256",  # 19
        "ecp384",  # 20
        "ecp521",  # 21
        "modp1024s160",  # 22
        "modp2048s224",  # 23
        "modp2048s256",  # 24
    }
)

AWS = Profile(
    cloud="aws",
    title="AWS",
    # UG, "Tunnel options": ikev1 (main mode only) and ikev2, both on unless narrowed.
    ike_versions=frozenset({1, 2}),
    # UG, "Tunnel options": phase 1 lifetime 900-28800 s, default 28800.
    ike=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS, Range(900, 28800), 28800),
    # UG, "Tunnel options": phase 2 lifetime 900-3600 s, default 3600.
    esp=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS | {"modp1536"}, Range(900, 3600), 3600),
    # The strongest of the lists above; CBC second, for a connection whose options exclude GCM.
    recommended_ike=("aes256gcm16-prfsha384-ecp384", "aes256-sha384-ecp384"),
    recommended_esp=("aes256gcm16-ecp384", "aes256-sha384-ecp384"),
    # RFC 8247 section 2 and RFC 8221 section 5 and 6: SHOULD NOT or worse, or on the way there.
    weak=frozenset({"sha1", "modp1024", "modp1536", "modp1024s160", "modp2048s224", "modp2048s256"}),
    # AWS starts to rekey at lifetime - margin * (1..1 + fuzz), which with its defaults (margin 270 s, fuzz 100 %) is
    # 28260-28530 s for IKE and 3060-3330 s for ESP (UG, "Tunnel options"). Ours are over before: we always rekey.
    rekey=RekeyTimes(ike_rekey=27000, ike_rand=300, ike_over=1800, child_rekey=2760, child_rand=120, child_life=3600),
    # Generic configuration download: DPD interval 10 s, 3 retries. UG: AWS's own DPD timeout is at least 30 s.
    dpd_delay=10,
    # UG, "Tunnel options": ReplayWindowSize 64-2048, default 1024.
    replay_window=1024,
    # UG, "Tunnel options", TunnelInsideCidr: a /30 of 169.254.0.0/16 but for these seven.
    inside_ranges=(IPv4Network("169.254.0.0/16"),),
    inside_prefix_lengths=frozenset({30}),
    inside_reserved=(
        IPv4Network("169.254.0.0/30"),
        IPv4Network("169.254.1.0/30"),
        IPv4Network("169.254.2.0/30"),
        IPv4Network("169.254.3.0/30"),
        IPv4Network("169.254.4.0/30"),
        IPv4Network("169.254.5.0/30"),
        IPv4Network("169.254.169.252/30"),
    ),
    # UG, "Tunnel options", TunnelInsideIpv6Cidr: a /126 of fd00::/8.
    inside6_ranges=(IPv6Network("fd00::/8"),),
    inside6_prefix_lengths=frozenset({126}),
    # Every configuration that AWS generates: the virtual private gateway has the first host.
    peer_is_first_host=True,
    # UG, "Tunnel options", PreSharedKey.
    psk_pattern=r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}",
    psk_rule="8 to 64 of A-Z a-z 0-9 . _ and not starting with 0",
    # API reference, CreateCustomerGateway: BgpAsn 1-2147483647, BgpAsnExtended 2147483648-4294967295.
    asn_ranges=(Range(1, 4294967295),),
    # UG, "Customer gateway options": 7224 is reserved in every Region, the others in one each.
    asn_reserved=frozenset({7224, 9059, 10124, 17943}),
    # UG, "Troubleshooting": with equal ASNs the session never comes up.
    asn_must_differ=True,
    # Generic configuration download: hold time 30 s, and with it keepalive 10 s.
    bgp_timers=(10, 30),
    # UG, "Quotas": 100 routes to a virtual private gateway, which resets the session beyond; 1000 to a transit gateway.
    routes_to_cloud=100,
    routes_to_cloud_most=1000,
    # UG, "Quotas": 1000 from a virtual private gateway (5000 from a transit gateway).
    routes_from_cloud=1000,
    # No such field in the API, the downloads or the guide.
    bgp_md5=False,
    # AWS hybrid connectivity whitepaper: not on Site-to-Site VPN.
    bfd=False,
    # UG, "Best practices for a customer gateway device": the table of packet sizes starts from 1500.
    outer_mtu=1500,
    # UG, the same page: 1446, of AES-GCM without NAT-T, is the most.
    max_mtu=1446,
    # UG, "Customer gateway options": one address, or one certificate, for both tunnels.
    one_customer_gateway=True,
    # UG, "Best practices for a customer gateway device": the inside address of a healthy tunnel answers an echo.
    probe_target="peer-inside",
    probe_interval=100,
    # UG, "Route tables and VPN route priority": a virtual private gateway sends 100 on one tunnel and 200 on the other,
    # and moves them during endpoint updates; it honours ours after the AS path.
    med="both",
    # UG, "Transit gateways": equal-cost paths for dynamic routing only, and only where the attachment has it enabled.
    ecmp="a transit gateway with BGP and ECMP enabled; a virtual private gateway sends over one tunnel",
    # UG, "IPv4 and IPv6 traffic": inside a tunnel either IPv4 or IPv6; both take two connections.
    one_inside_family=True,
    # UG, "Tunnel options": RekeyMarginTimeSeconds 270, whatever the lifetime, and RekeyFuzzPercentage up to 100.
    their_rekey=Range(270, 540),
)
