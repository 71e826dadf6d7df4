"""The profiles as one table for people, clouds side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from appliance.model.algorithms import GROUP_NUMBERS
from appliance.model.profile import PhaseRules, Profile, Range

ORDER = {keyword: number for number, keyword in GROUP_NUMBERS.items()}
"""Groups by their number, as people list them."""

HEAD = """# What each cloud accepts

Made from the profiles in this folder, each of which names the source of every figure: change those, then run
`pytest tests/profiles --update`. Algorithms are strongSwan's keywords; those in *italics* are weak, and warned about.
`validate` holds an intent against these rules, `configure` and the daemon take their defaults from them.
"""


def render_table(profiles: Mapping[str, Profile]) -> str:
    """The whole file."""
    clouds = list(profiles.values())
    rows = [("", *(f"{profile.title} (`{profile.cloud}`)" for profile in clouds))]
    rows += [(name, *(render(profile) for profile in clouds)) for name, render in ROWS.items()]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return f"{HEAD}\n" + "\n".join(lines) + "\n"


def _words(names: Iterable[str], weak: frozenset[str]) -> str:
    ordered = sorted(names, key=lambda name: (ORDER.get(name, 99), name))
    return ", ".join(f"*{name}*" if name in weak else name for name in ordered)


def _range(found: Range) -> str:
    return str(found.low) if found.low == found.high else f"{found.low} to {found.high}"


def _lifetime(rules: PhaseRules) -> str:
    return f"{_range(rules.lifetime)} s, default {rules.default_lifetime}"


def _lengths(found: frozenset[int]) -> str:
    if len(found) > 2 and max(found) - min(found) == len(found) - 1:
        return f"/{min(found)} to /{max(found)}"
    return " or ".join(f"/{length}" for length in sorted(found)) or "any length"


def _inside(profile: Profile) -> str:
    lengths = _lengths(profile.inside_prefix_lengths)
    kept = ", ".join(map(str, profile.inside_reserved))
    host = ", the cloud has the first host" if profile.peer_is_first_host else ""
    return f"{lengths} of {', '.join(map(str, profile.inside_ranges))}{f' but {kept}' if kept else ''}{host}"


def _inside6(profile: Profile) -> str:
    lengths = _lengths(profile.inside6_prefix_lengths)
    alone = "; IPv4 or IPv6, not both" if profile.one_inside_family else ""
    return f"{lengths} of {', '.join(map(str, profile.inside6_ranges))}{alone}" if profile.inside6_ranges else "none"


def _asns(profile: Profile) -> str:
    kept = ", ".join(map(str, sorted(profile.asn_reserved)))
    differ = "; never the cloud's own" if profile.asn_must_differ else ""
    return f"{', '.join(map(_range, profile.asn_ranges))}{f' but {kept}' if kept else ''}{differ}"


def _routes_to(profile: Profile) -> str:
    more = f", {profile.routes_to_cloud_most} with its larger gateways" if profile.routes_to_cloud_most else ""
    return f"{profile.routes_to_cloud}{more}"


def _rekey(profile: Profile) -> str:
    times = profile.rekey
    return (
        f"IKE after {times.ike_rekey} s less up to {times.ike_rand}, child after {times.child_rekey} s less up to"
        f" {times.child_rand}, child ends at {times.child_life} s"
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


ROWS: Mapping[str, Callable[[Profile], str]] = {
    "IKE versions": lambda p: ", ".join(map(str, sorted(p.ike_versions))),
    "IKE encryption": lambda p: _words(p.ike.encryption, p.weak),
    "IKE integrity, PRF": lambda p: _words(p.ike.integrity, p.weak),
    "IKE groups": lambda p: _words(p.ike.groups, p.weak),
    "IKE lifetime": lambda p: _lifetime(p.ike),
    "ESP encryption": lambda p: _words(p.esp.encryption, p.weak),
    "ESP integrity": lambda p: _words(p.esp.integrity, p.weak),
    "PFS groups": lambda p: _words(p.esp.groups, p.weak),
    "ESP lifetime": lambda p: _lifetime(p.esp),
    "recommended for IKE": lambda p: ", ".join(f"`{text}`" for text in p.recommended_ike),
    "recommended for ESP": lambda p: ", ".join(f"`{text}`" for text in p.recommended_esp),
    "we rekey": _rekey,
    "the cloud rekeys": lambda p: f"{_range(p.their_rekey)} s before the end" if p.their_rekey else "unknown",
    "DPD, every": lambda p: f"{p.dpd_delay} s",
    "replay window": lambda p: f"{p.replay_window} packets",
    "tunnels": lambda p: str(p.tunnels),
    "our address": lambda p: "one for all tunnels" if p.one_customer_gateway else "one a tunnel",
    "inside IPv4": _inside,
    "inside IPv6": _inside6,
    "pre-shared key": lambda p: p.psk_rule.replace("|", "\\|"),
    "our ASN": _asns,
    "BGP keepalive, hold": lambda p: "{} s, {} s".format(*p.bgp_timers),
    "BGP MD5 key": lambda p: _yes(p.bgp_md5),
    "BFD": lambda p: _yes(p.bfd),
    "routes to the cloud": _routes_to,
    "a default route from us": lambda p: "taken" if p.takes_default else "refused",
    "routes from the cloud": lambda p: str(p.routes_from_cloud),
    "MED": lambda p: "sends and honours" if p.med == "both" else p.med,
    "balances": lambda p: p.ecmp or "unknown",
    "answers probes": lambda p: p.probe_target or "nothing known of",
    "a probe every": lambda p: f"{p.probe_interval} ms",
    "outside packet": lambda p: f"{p.outer_mtu} bytes",
    "inside MTU, at most": lambda p: f"{p.max_mtu} bytes" if p.max_mtu else "what fits outside",
}
"""Row -> a profile's cell."""
