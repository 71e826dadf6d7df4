"""Oracle Cloud Site-to-Site VPN. "Parameters" is its documentation page "Supported IPSec Parameters", "Routing" is
"Routing Details for Connections to Your On-Premises Network", "API" the Core Services API reference."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

_CBC = frozenset({"aes128", "aes192", "aes256"})

# API, PhaseOneConfigDetails.diffieHelmanGroup and PhaseTwoConfigDetails.pfsDhGroup: GROUP2, 5, 14, 19, 20, 24.
_GROUPS = frozenset({"modp1024", "modp1536", "modp2048", "ecp256", "ecp384", "modp2048s256"})

# Parameters name Oracle's own lifetimes (below); in IKEv2 each side has its own (RFC 7296 section 2.8).
_LIFETIME = Range(60, 604800)

ORACLE = Profile(
    cloud="oci",
    title="Oracle Cloud",
    # API, IPSecConnectionTunnel.ikeVersion.
    ike_versions=frozenset({1, 2}),
    # API, PhaseOneConfigDetails: CBC only; Parameters: 28800 s.
    ike=PhaseRules(_CBC, frozenset({"sha1", "sha256", "sha384"}), _GROUPS, _LIFETIME, 28800),
    # API, PhaseTwoConfigDetails; Parameters: 3600 s.
    esp=PhaseRules(
        _CBC | {"aes128gcm16", "aes192gcm16", "aes256gcm16"},
        frozenset({"sha1", "sha256"}),
        _GROUPS,
        _LIFETIME,
        3600,
    ),
    # Parameters, the recommended values.
    recommended_ike=("aes256-sha384-ecp384",),
    recommended_esp=("aes256gcm16-ecp384", "aes256-sha256-ecp384"),
    # RFC 8247 section 2 and RFC 8221 sections 5 and 6: SHOULD NOT or worse, or on the way there.
    weak=frozenset({"sha1", "modp1024", "modp1536", "modp2048s256"}),
    # Its margins are not published: ours are over ten minutes before the end of the lifetime.
    rekey=RekeyTimes(ike_rekey=25200, ike_rand=300, ike_over=3600, child_rekey=2760, child_rand=120, child_life=3600),
    # Parameters: its own detection takes 20 s.
    dpd_delay=10,
    # No figure is published.
    replay_window=1024,
    # API, TunnelBgpSessionDetails: any IPv4 /30 or /31.
    inside_ranges=(IPv4Network("0.0.0.0/0"),),
    inside_prefix_lengths=frozenset({30, 31}),
    inside_reserved=(),
    # API, the same: IPv6 /64 to /127.
    inside6_ranges=(IPv6Network("::/0"),),
    inside6_prefix_lengths=frozenset(range(64, 128)),
    peer_is_first_host=False,
    # API, IPSecConnectionTunnelSharedSecret: letters, digits and blanks; Oracle's samples have dots too. The service,
    # not we, decides about a key that it has.
    psk_pattern=r"[!-~]([ -~]{0,126}[!-~])?",
    psk_rule="1 to 128 printable ASCII characters, no blank at either end",
    # API, TunnelBgpSessionDetails.customerBgpAsn: 2 or 4 bytes.
    asn_ranges=(Range(1, 4294967295),),
    # API, the same: Oracle's own, by realm.
    asn_reserved=frozenset({6142, 14544, 20054, 31898}),
    asn_must_differ=True,
    # No figure is published.
    bgp_timers=(10, 30),
    # No figures are published: bounds of ours.
    routes_to_cloud=1000,
    routes_from_cloud=1000,
    # No such fields in the API.
    bgp_md5=False,
    bfd=False,
    outer_mtu=1500,
    # No figure is published.
    max_mtu=None,
    # API, IPSecConnection.cpeId: one customer-premises equipment, one address.
    one_customer_gateway=True,
    # Whether Oracle's inside address answers an echo is not published, nor how often one may ask.
    probe_target=None,
    probe_interval=100,
    # Routing: Oracle prepends by kind of connection; MED is not mentioned.
    med="unknown",
    ecmp="a DRG route table with ECMP on (it is off by default), up to 8 paths",
)
