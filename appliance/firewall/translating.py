"""The chain that translates sources, for boxes that translate at all."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.firewall.words import braces, merged, quoted
from appliance.model.filtering import Filter, Translation

_HEAD = (
    "type nat hook postrouting priority srcnat; policy accept;",
    # What an IPsec policy takes, and what belongs into a tunnel, keeps its source whatever leads out: a tunnel that is
    # down must not turn it into somebody's clear text.
    "rt ipsec exists return",
)
_TO_CLOUDS = (
    "oifname @uplinks ip daddr @protected4 return",
    "oifname @uplinks ip6 daddr @protected6 return",
)


def translating_chain(filter: Filter) -> Iterator[str]:
    """The chain, or nothing where no source is translated."""
    if filter.translations:
        yield "\tchain translate {"
        yield from (f"\t\t{rule}" for rule in (*_HEAD, *_TO_CLOUDS))
        yield from (f"\t\t{rule}" for translation in filter.translations for rule in _rules(translation))
        yield "\t}"


def _rules(translation: Translation) -> Iterator[str]:
    """One rule a family; a translation without links (its tunnels are down) makes none."""
    links = braces(sorted(map(quoted, translation.links)))
    for family, word in ((4, "ip"), (6, "ip6")):
        sources = braces(map(str, merged(translation.sources, family)))
        if not translation.links or not merged(translation.sources, family):
            continue
        if translation.to is None:
            yield f"oifname {links} {word} saddr {sources} masquerade"
        elif translation.to.version == family:
            yield f"oifname {links} {word} saddr {sources} snat {word} to {translation.to}"
