"""The one nftables table of ours as text: what a :class:`Filter` says, the same text for the same filter.

The chains are always the same ones; what differs from box to box stands in sets. A verdict of ours binds only as a
refusal: nftables goes on to other tables after an ``accept``, so nothing here opens what somebody else's table closes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv6Address
from itertools import chain
from operator import attrgetter

from appliance.firewall.chains import host_chains, shared_chains
from appliance.firewall.policing import policing_chains, policing_sets
from appliance.firewall.sets import render_sets
from appliance.firewall.translating import translating_chain
from appliance.model.drawn import Drawn, keep, keep_equal, make_each
from appliance.model.fault import Fault, FaultyInput
from appliance.model.filtering import Filter, TunnelGuard
from appliance.model.resources import TABLE_MARK

COUNTERS = (
    "ike_from_stranger",
    "bgp_from_stranger",
    "between_tunnels",
    "from_tunnel_astray",
    "to_tunnel_astray",
    "protected_in_clear",
    "private_in_clear",
    "to_metadata",
    "uninvited",
)
"""What the table refuses, by reason: nftables counts packets and bytes under these names."""

_LINK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
"""Narrower than the kernel's own rule: no wildcard, quote, blank or line break reaches the text."""

REMOVAL = f"table inet {TABLE_MARK}\ndelete table inet {TABLE_MARK}\n"
"""Takes the table away, also when it is not there (naming it first creates it)."""


def render_ruleset(filter: Filter) -> str:
    """The text that replaces our table in one transaction. FaultyInput lists every value that has no place in it."""
    return "".join(ruleset_parts(filter, {}))


def ruleset_parts(filter: Filter, known: Drawn) -> tuple[str, ...]:
    """The same as texts that make it up: each set by itself, what stands before them, and what after. ``known`` keeps
    them from one time to the next: a part of which nothing changed is the same object."""
    rest, tunnels = replace(filter, tunnels=()), filter.tunnels
    links = make_each(known, "interfaces", tunnels, attrgetter("interface"), settle=keep_equal)
    used = make_each(known, "uplinks used", tunnels, attrgetter("uplink"), settle=keep_equal)
    uplinks = keep(known, "every uplink", (used, filter.uplinks), lambda: filter.every_uplink)
    misnamed = keep(known, "misnamed", (links, uplinks, rest), lambda: tuple(_misnamed(filter, links, uplinks)))
    unfit = make_each(known, "unfit", tunnels, _unfit, settle=keep_equal)
    if faults := (*misnamed, *keep(known, "all unfit", unfit, lambda: tuple(chain.from_iterable(unfit)))):
        raise FaultyInput("the firewall table cannot be written", faults=faults)
    head = keep(known, "head", bool(uplinks), lambda: _text(_head(bool(uplinks))))
    chains = keep(known, "chains", (uplinks, rest), lambda: _text((*_rules(filter), "}")))
    return head, *render_sets(filter, uplinks, known), chains


def _head(guarded: bool) -> Iterable[str]:
    note = () if guarded else ("# No uplink is known: nothing is guarded there.",)
    return *note, *REMOVAL.splitlines(), f"table inet {TABLE_MARK} {{", *_counters()


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _rules(filter: Filter) -> Iterator[str]:
    """Of the tunnels it depends on their uplinks alone."""
    yield from policing_sets(filter)
    yield from host_chains(filter) if filter.host_is_ours else shared_chains(filter)
    yield from policing_chains(filter)
    yield from translating_chain(filter)


def _misnamed(filter: Filter, tunnels: Iterable[str | None], uplinks: Collection[str]) -> Iterator[Fault]:
    """Interfaces that cannot be called so, or are two things at once."""
    named = Counter(link for link in tunnels if link is not None)
    guarded = filter.management.interfaces if filter.management else ()
    lans = [lan.interface for lan in filter.lans if lan.interface is not None]
    translated = [link for translation in filter.translations for link in translation.links]
    for name in sorted({*named, *lans, *uplinks, *guarded, *translated}):
        if not _LINK_NAME.fullmatch(name):
            yield Fault("not an interface name", found=repr(name), allowed="1 to 15 of A-Z a-z 0-9 . _ -")
    for name in sorted(named.keys() & set(uplinks)):
        yield Fault("an interface is both a tunnel and an uplink", found=name)
    for name in sorted(name for name, count in named.items() if count > 1):
        yield Fault("two tunnels share an interface", found=name)


def _unfit(tunnel: TunnelGuard) -> tuple[Fault, ...]:
    return tuple(_found_unfit(tunnel))


def _found_unfit(tunnel: TunnelGuard) -> Iterator[Fault]:
    for address in (tunnel.remote, *tunnel.neighbors):
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            yield Fault("an address with a zone cannot be filtered", found=str(address), fix="leave out the %zone")
    for mss in (tunnel.mss, tunnel.mss6):
        if not 0 < mss <= 0xFFFF:
            yield Fault(f"no MSS for {tunnel.interface}", found=str(mss), allowed="1 to 65535")


def _counters() -> Iterable[str]:
    return (f"\tcounter {name} {{ }}" for name in COUNTERS)
