"""A map and chains for what IPsec policies take without an interface of its own; only where there are such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.firewall.sets import render_set
from appliance.firewall.words import braces, merged
from appliance.model.address import IPNetwork
from appliance.model.filtering import Filter

FORWARD = ("iifname @uplinks jump from_uplink",)

_LEAVING = (
    "type filter hook postrouting priority srcnat + 10; policy accept;",
    # Another table may have given it a source that no policy takes any more.
    "oifname != @uplinks accept",
    "rt ipsec exists accept",
    "ip daddr @inside4 counter name protected_in_clear drop",
    "ip6 daddr @inside6 counter name protected_in_clear drop",
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
    """How large a segment fits to and from each network of theirs."""
    for family in (4, 6) if filter.policed else ():
        mine = [pair for pair in filter.policed if pair.theirs.version == family]
        sizes = {pair.theirs: min(p.mss for p in mine if p.theirs == pair.theirs) for pair in mine}
        word = "ip" if family == 4 else "ip6"
        lines = sorted(f"{network} : {size}" for network, size in sizes.items())
        about = f"typeof {word} daddr : tcp option maxseg size; flags interval"
        yield from render_set(f"policed_mss{family}", about, lines, kind="map")


def policing_chains(filter: Filter) -> Iterator[str]:
    """The chains that look into them."""
    if filter.policed:
        yield from _chain("from_uplink", (*_out_of_an_sa(filter), *_in_clear(filter)))
        yield from _chain("policed_mss", _MSS)
        yield from _chain("leaving", _LEAVING)


def _out_of_an_sa(filter: Filter) -> Iterator[str]:
    """Out of one of our SAs: the kernel has held it against the policy already."""
    return (f"meta ipsec exists {pair} accept" for pair in _pairs(filter))


def _in_clear(filter: Filter) -> Iterator[str]:
    """In clear from where only SAs come from: somebody else's, also while no SA stands."""
    return (f"{pair} counter name uninvited drop" for pair in _pairs(filter))


def _pairs(filter: Filter) -> Iterator[str]:
    """From each network of theirs to all of ours that it may reach. Rules, as with LANs: see :mod:`chains`."""
    for family, word in ((4, "ip"), (6, "ip6")):
        ours: dict[IPNetwork, list[IPNetwork]] = {}
        for pair in filter.policed:
            ours.setdefault(pair.theirs, []).append(pair.ours)
        for theirs in sorted((one for one in ours if one.version == family), key=str):
            yield f"{word} saddr {theirs} {word} daddr {braces(map(str, merged(ours[theirs], family)))}"


def _chain(name: str, rules: Iterable[str]) -> Iterator[str]:
    yield f"\tchain {name} {{"
    yield from (f"\t\t{rule}" for rule in rules)
    yield "\t}"
