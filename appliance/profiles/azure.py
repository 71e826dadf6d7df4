"""Azure VPN Gateway, route-based. "Devices" is its documentation page "About VPN devices and IPsec/IKE parameters",
"Policy" is "About cryptographic requirements", "BGP" is the gateway's BGP FAQ."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

_CBC = frozenset({"aes128", "aes192", "aes256", "des", "3des"})

# Policy: DHGroup1, 2, 14 (also called 2048), 24, ECP256, ECP384; PFS the same.
_GROUPS = frozenset({"modp768", "modp1024", "modp2048", "modp2048s256", "ecp256", "ecp384"})

# Policy: at least 300 s. Lifetimes are local and need not match.
_LIFETIME = Range(300, 604800)

AZURE = Profile(
    cloud="azure",
    title="Azure",
    ike_versions=frozenset({1, 2}),
    # Policy: GCM of 128 and 256 bits; Devices: 28800 s, fixed.
    ike=PhaseRules(
        _CBC | {"aes128gcm16", "aes256gcm16"},
        frozenset({"md5", "sha1", "sha256", "sha384"}),
        _GROUPS,
        _LIFETIME,
        28800,
    ),
    # Policy; Devices: 27000 s by default.
    esp=PhaseRules(
        _CBC | {"aes128gcm16", "aes192gcm16", "aes256gcm16"},
        frozenset({"md5", "sha1", "sha256"}),
        _GROUPS,
        _LIFETIME,
        27000,
    ),
    # The strongest of the lists, for a connection with a policy of its own: without one Azure has group 2 only.
    # CBC for IKE: which PRF the gateway takes next to GCM is not published.
    recommended_ike=("aes256-sha384-ecp384",),
    recommended_esp=("aes256gcm16-ecp384", "aes256-sha256-ecp384"),
    # RFC 8247 section 2 and RFC 8221 sections 5 and 6: SHOULD NOT or worse, or on the way there.
    weak=frozenset({"des", "3des", "md5", "sha1", "modp768", "modp1024", "modp2048s256"}),
    # Its margins are not published: ours are a tenth of the lifetime or more before its end.
    rekey=RekeyTimes(ike_rekey=25200, ike_rand=300, ike_over=3600, child_rekey=23400, child_rand=600, child_life=27000),
    # Devices: its own detection takes 45 s by default.
    dpd_delay=10,
    # No figure is published.
    replay_window=1024,
    # BGP: the gateway's BGP address is in its subnet, or in 169.254.21.0-169.254.22.255; ours is any.
    inside_ranges=(IPv4Network("0.0.0.0/0"),),
    inside_prefix_lengths=frozenset(),
    inside_reserved=(),
    inside6_ranges=(IPv6Network("::/0"),),
    inside6_prefix_lengths=frozenset(),
    peer_is_first_host=False,
    # REST API, connections, sharedKey: 1-128 printable ASCII characters.
    psk_pattern=r"[!-~]([ -~]{0,126}[!-~])?",
    psk_rule="1 to 128 printable ASCII characters, no blank at either end",
    asn_ranges=(Range(1, 4294967295),),
    # BGP: Azure's own, public and private.
    asn_reserved=frozenset({8074, 8075, 12076, 65515, 65517, 65518, 65519, 65520}),
    asn_must_differ=True,
    # BGP: 60 s and 180 s, not negotiated down.
    bgp_timers=(60, 180),
    # BGP: beyond 4000 prefixes the session is dropped.
    routes_to_cloud=4000,
    # No figure is published: a bound of ours.
    routes_from_cloud=4000,
    # No such field in the API.
    bgp_md5=False,
    # BGP: not supported.
    bfd=False,
    outer_mtu=1500,
    # Devices: MTU 1400, or TCP's MSS clamped to 1350.
    max_mtu=1400,
    # REST API, localNetworkGateways: one address of ours, also towards an active-active gateway.
    one_customer_gateway=True,
    # Whether the gateway's BGP address answers an echo is not published, nor how often one may ask.
    probe_target=None,
    probe_interval=100,
    med="unknown",
    ecmp="an active-active gateway: both of its instances may send",
)
