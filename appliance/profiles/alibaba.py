"""Alibaba Cloud VPN Gateway and transit router attachments. "API" is its VPC API reference (2016-04-28), by operation;
"guide" its strongSwan guide ("Configure strongSwan", VPN Gateway documentation)."""

from __future__ import annotations

from ipaddress import IPv4Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

# API, CreateVpnConnection, IkeConfig and IpsecConfig: aes (128), aes192, aes256, des, 3des; no AEAD.
_ENCRYPTION = frozenset({"aes128", "aes192", "aes256", "des", "3des"})
_INTEGRITY = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})

# API, the same, IkePfs and IpsecPfs: group1, group2, group5, group14; no elliptic curves.
_GROUPS = frozenset({"modp768", "modp1024", "modp1536", "modp2048"})

# API, the same, IkeLifetime and IpsecLifetime: 0-86400 s, default 86400 for both. Of 0 no meaning is given.
_LIFETIME = Range(1, 86400)

ALIBABA = Profile(
    cloud="alibaba",
    title="Alibaba Cloud",
    # API, CreateVpnConnection, IkeVersion.
    ike_versions=frozenset({1, 2}),
    ike=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS, _LIFETIME, 86400),
    esp=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS, _LIFETIME, 86400),
    # The strongest group of the list; the guide names the same proposal for production (its other one, with GCM and
    # ecp384, the gateway does not have).
    recommended_ike=("aes256-sha256-modp2048",),
    recommended_esp=("aes256-sha256-modp2048",),
    # RFC 8247 section 2 and RFC 8221 sections 5 and 6: SHOULD NOT or worse.
    weak=frozenset({"des", "3des", "md5", "sha1", "modp768", "modp1024", "modp1536"}),
    # Its margins are not published; the guide rekeys at 84600 s and 85500 s. Ours are over an hour earlier, so that
    # the two sides do not meet.
    rekey=RekeyTimes(
        ike_rekey=79200, ike_rand=1200, ike_over=7200, child_rekey=75600, child_rand=1200, child_life=86400
    ),
    # Guide, dpd_delay. The gateway's own timing is not published.
    dpd_delay=10,
    # No figure is published.
    replay_window=1024,
    # API, CreateVpnConnection, TunnelCidr: a /30 of 169.254.0.0/16 but for these eight.
    inside_ranges=(IPv4Network("169.254.0.0/16"),),
    inside_prefix_lengths=frozenset({30}),
    inside_reserved=(
        IPv4Network("169.254.0.0/30"),
        IPv4Network("169.254.1.0/30"),
        IPv4Network("169.254.2.0/30"),
        IPv4Network("169.254.3.0/30"),
        IPv4Network("169.254.4.0/30"),
        IPv4Network("169.254.5.0/30"),
        IPv4Network("169.254.6.0/30"),
        IPv4Network("169.254.169.252/30"),
    ),
    # API, the same: TunnelCidr is IPv4.
    inside6_ranges=(),
    inside6_prefix_lengths=frozenset(),
    # API, the same, LocalBgpIp: any address of TunnelCidr.
    peer_is_first_host=False,
    # API, the same, Psk: 1-100 digits, letters and ~!`@#$%^&*()_-+={}[]|;:',.<>/? without blanks. The two printable
    # characters missing in that list are let through: the gateway, not we, decides about a key that it has.
    psk_pattern=r"[!-~]{1,100}",
    psk_rule="1 to 100 printable ASCII characters, no blanks",
    # API, CreateCustomerGateway, Asn; 45104 is the gateway's own by default.
    asn_ranges=(Range(1, 4294967295),),
    asn_reserved=frozenset({45104}),
    # External BGP is what the gateway speaks.
    asn_must_differ=True,
    # Guide, FRR's configuration: timers 10 30. The gateway's own are not published.
    bgp_timers=(10, 30),
    # VPN Gateway documentation, "Configure BGP dynamic routing": 50 routes in the gateway's BGP table by default.
    routes_to_cloud=50,
    # The same: a default route from us is refused.
    takes_default=False,
    # No figure is published: a bound of ours.
    routes_from_cloud=1000,
    # API, CreateCustomerGateway, AuthKey.
    bgp_md5=True,
    # No such field in the API.
    bfd=False,
    outer_mtu=1500,
    # No figure is published.
    max_mtu=None,
    # API, CreateVpnConnection, TunnelOptionsSpecification: each tunnel names its own customer gateway.
    one_customer_gateway=False,
    # Whether the gateway's inside address answers an echo is not published, nor how often one may ask.
    probe_target=None,
    probe_interval=100,
    # VPN Gateway documentation, "Configure BGP dynamic routing": MED is not mentioned.
    med="unknown",
    # Guide, FAQ: with a transit router and BGP the two tunnels form equal-cost paths; a VPN gateway has roles.
    ecmp="a transit router with BGP; a VPN gateway sends over the active tunnel and changes to the standby one",
)
