"""Any standard gateway: what strongSwan and BGP themselves allow, for ``cloud: generic``."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from appliance.model.profile import PhaseRules, Profile, Range, RekeyTimes

# strongSwan's proposal keywords, but for what nobody should still meet (single DES, 768-bit MODP: RFC 8247 MUST NOT).
_ENCRYPTION = frozenset(
    {f"aes{bits}{mode}" for bits in (128, 192, 256) for mode in ("", "ctr", "gcm8", "gcm12", "gcm16", "ccm16")}
    | {"chacha20poly1305", "3des"}
)
_INTEGRITY = frozenset({"md5", "sha1", "sha256", "sha384", "sha512", "aesxcbc", "aescmac"})
_GROUPS = frozenset(
    {f"modp{bits}" for bits in (1024, 1536, 2048, 3072, 4096, 6144, 8192)}
    | {"modp1024s160", "modp2048s224", "modp2048s256", "ecp256", "ecp384", "ecp521", "x25519", "x448"}
    | {"ke1_mlkem512", "ke1_mlkem768", "ke1_mlkem1024"}
)

GENERIC = Profile(
    cloud="generic",
    title="a standard gateway",
    ike_versions=frozenset({1, 2}),
    # A minute to a week; 4 h and 1 h are strongSwan's defaults (swanctl.conf(5): rekey_time of connection and child).
    ike=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS, Range(60, 604800), 14400),
    esp=PhaseRules(_ENCRYPTION, _INTEGRITY, _GROUPS, Range(60, 604800), 3600),
    recommended_ike=("aes256gcm16-prfsha384-ecp384", "aes256-sha384-ecp384"),
    recommended_esp=("aes256gcm16-ecp384", "aes256-sha384-ecp384"),
    # RFC 8247 section 2, RFC 8221 sections 5 and 6.
    weak=frozenset({"3des", "md5", "sha1", "modp1024", "modp1536", "modp1024s160", "modp2048s224", "modp2048s256"}),
    # Well before the lifetimes above, whatever the other side's margin.
    rekey=RekeyTimes(ike_rekey=12600, ike_rand=300, ike_over=1800, child_rekey=2760, child_rand=120, child_life=3600),
    dpd_delay=10,
    replay_window=1024,
    inside_ranges=(IPv4Network("0.0.0.0/0"),),
    inside_prefix_lengths=frozenset(),
    inside_reserved=(),
    inside6_ranges=(IPv6Network("::/0"),),
    inside6_prefix_lengths=frozenset(),
    peer_is_first_host=False,
    # RFC 7296 section 2.15 takes any octets; printable ones survive every editor.
    psk_pattern=r"[\x21-\x7e]([\x20-\x7e]{6,126}[\x21-\x7e])",
    psk_rule="8 to 128 printable ASCII characters, no space at either end",
    asn_ranges=(Range(1, 4294967295),),
    asn_reserved=frozenset(),
    asn_must_differ=True,
    bgp_timers=(10, 30),
    routes_to_cloud=10000,
    routes_from_cloud=10000,
    bgp_md5=True,
    bfd=True,
    outer_mtu=1500,
    max_mtu=None,
    tunnels=1,
    ecmp="as its routing decides",
)
