"""Sets and chains for what IPsec policies take without an interface of its own; only where there are such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.firewall.sets import render_set
from appliance.model.filtering import Filter

FORWARD = ("iifname @uplinks jump from_uplink",)

_FROM_UPLINK = (
    # Out of one of our SAs: the kernel has held it against the policy already.
    "meta ipsec exists ip saddr . ip daddr @policed4 accept",
    "meta ipsec exists ip6 saddr . ip6 daddr @policed6 accept",
    # In clear from where only SAs come from: somebody else's, also while no SA stands.
    "ip saddr . ip daddr @policed4 counter name uninvited drop",
    "ip6 saddr . ip6 daddr @policed6 counter name uninvited drop",
)

_LEAVING = (
    "type filter hook postrouting priority srcnat + 10; policy accept;",
    # Another table may have given it a source that no policy takes any more.
    "oifname != @uplinks accept",
    "rt ipsec exists accept",
    "ip daddr @protected4 ip daddr != @near4 counter name protected_in_clear drop",
    "ip6 daddr @protected6 ip6 daddr != @near6 counter name protected_in_clear drop",
)

_MSS = (
    "type filter hook forward priority mangle; policy accept;",
    "tcp flags & (syn | rst) != syn accept",
    *(
        f"{way} exists tcp option maxseg size set {word} {end} map @policed_mss{family}"
        for family, word in ((4, "ip"), (6, "ip6"))
        for way, end in (("rt ipsec", "daddr"), ("meta ipsec", "saddr"))
    ),
)


def policing_sets(filter: Filter) -> Iterator[str]:
    """Which pairs come in from where, and how large a segment fits to and from each network of theirs."""
    for family in (4, 6) if filter.policed else ():
        kind = f"ipv{family}_addr"
        mine = [pair for pair in filter.policed if pair.theirs.version == family]
        pairs = sorted({f"{pair.theirs} . {pair.ours}" for pair in mine})
        yield from render_set(f"policed{family}", f"type {kind} . {kind}; flags interval", pairs)
        sizes = {pair.theirs: min(p.mss for p in mine if p.theirs == pair.theirs) for pair in mine}
        word = "ip" if family == 4 else "ip6"
        lines = sorted(f"{network} : {size}" for network, size in sizes.items())
        about = f"typeof {word} daddr : tcp option maxseg size; flags interval"
        yield from render_set(f"policed_mss{family}", about, lines, kind="map")


def policing_chains(filter: Filter) -> Iterator[str]:
    """The chains that look into them."""
    if filter.policed:
        yield from _chain("from_uplink", _FROM_UPLINK)
        yield from _chain("policed_mss", _MSS)
        yield from _chain("leaving", _LEAVING)


def _chain(name: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"\tchain {name} {{"
    yield from (f"\t\t{rule}" for rule in rules)
    yield "\t}"
