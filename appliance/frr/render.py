"""BGP as FRR is told: one router, its neighbours and their policies, spelled as FRR itself would print them."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, compress
from operator import attrgetter
from typing import Any

from appliance.frr.entries import Arranged, Entry, Family, PrefixList, RouteMap, Told
from appliance.frr.extra import parse_extra
from appliance.frr.marks import BEYOND_MAP, DEFAULT_LIST, MARK, SOURCE_MAP
from appliance.frr.pieces import FEW, Owners, Pieces, Row, lay_out, place
from appliance.frr.tree import merge_trees, parse_tree, render_tree, sort_tree
from appliance.model.address import IPAddress
from appliance.model.drawn import Drawn, keep, make_each, sort_each
from appliance.model.peering import CLOSED, SHUT, BgpRouter, Neighbor, PrefixRule
from appliance.model.resources import DEFAULT_TABLE
from appliance.model.sequel import changed
from appliance.templates.filling import Piece, load_template

CONNECT_RETRY = 10
"""Seconds between attempts to connect; FRR's own 120 would be the longest wait after any outage."""

RESTART, DEFER = 60, 10
"""Seconds for which the cloud may keep our routes while bgpd starts again (RFC 4724), and those bgpd waits for all of
the cloud's before it goes by them. Without a word from us both sides would drop what the tunnels could carry."""

ACTIVATION = "activation.j2"
"""The template of what depends on other clouds' networks too."""

LAST = 1_000_000
"""Sequence number of the final deny. FRR takes larger ones, but sorts those from 2**31 on before all others."""

_SAFE = re.compile(r"[A-Za-z0-9:][A-Za-z0-9 ._:/+-]*")


def render_frr(router: BgpRouter, templates: Mapping[str, str], drawn: Drawn | None = None) -> str:
    """The whole of FRR's configuration that is ours, ``router.extra`` merged in.

    ``templates`` are the files of ``frr-templates/`` by name. Networks are announced whether or not a route of
    exactly that prefix exists (``no bgp network import-check``): a summary, or a LAN reached by a wider route, would
    else never be told to the cloud, and nobody would say why. Whoever knows that a LAN is gone leaves it out of
    ``router.networks``. One of ``router.beyond`` has the least of preferences: FRR takes what it originates itself for
    better than any path, and nothing would lead into the tunnels of the cloud that brings it. What is passed on then
    is that cloud's path, in which the other must not find its own number. Raises FaultyInput for an extra text that
    cannot be passed on. ``drawn`` keeps what was made for neighbours that stay the same objects.
    """
    written = write_frr(router, templates, {} if drawn is None else drawn)
    return written if isinstance(written, str) else written.text


def write_frr(router: BgpRouter, templates: Mapping[str, str], known: Drawn) -> str | Pieces:
    """The same as the pieces that it is made of, where nothing is merged in."""
    pieces = _draw(router, templates, known)
    extra = parse_extra(router.extra, f"router bgp {router.asn}")
    return render_tree(sort_tree(merge_trees(parse_tree(pieces.text), extra))) if extra else pieces


def _draw(router: BgpRouter, templates: Mapping[str, str], known: Drawn) -> Pieces:
    """Each neighbour's pieces are the same objects as long as it is."""
    if known.get("templates", templates) != templates:
        known.clear()
    known["templates"] = templates
    asn = router.asn
    told = make_each(known, "FRR: told", router.neighbors, lambda peer: _tell(peer, asn), asn, settle=_settle)
    peers = Arranged(make_each(known, "FRR: peers", told, attrgetter("peer")), _order(known, told))
    whole = load_template(templates, "frr.conf.j2", _SAFE, "FRR")
    constants = {
        "map_name": map_name, "connect_retry": CONNECT_RETRY, "default_list": DEFAULT_LIST,
        "passes_on": lambda peer: any(rule.prefix in router.beyond for rule in peer.announce),
    }  # fmt: skip
    rows: list[Row] = []

    def pieces(name: str, **about: Sequence[Any]) -> Piece:
        """A template once for each thing. Where that stands is said now, and filled in later."""
        ((word, things),) = about.items()
        template = whole.environment.get_template(name)
        kind = (name, len(rows), router.beyond if name == ACTIVATION else None)
        rows.append(_row(known, kind, things, lambda thing: template.render({word: thing}, **constants)))
        return Piece(place(len(rows) - 1))

    text = whole.render(
        router=router,
        peers=peers,
        families=tuple(_family(router, told, peers, version, known) for version in (4, 6)),
        pieces=pieces,
        maps=_maps(router, told, known),
        restart=RESTART,
        defer=DEFER,
        source=router.source,
        source_map=SOURCE_MAP,
        beyond_map=BEYOND_MAP,
    )
    return lay_out(text, rows)


def _row(known: Drawn, kind: tuple[object, ...], things: Sequence[Any], draw: Callable[[Any], str]) -> Row:
    """The very row of the last time, if it is the same."""
    each, order = (things.each, things.order) if isinstance(things, Arranged) else (things, None)
    texts = make_each(known, kind, each, draw)
    names = make_each(known, ("names", *kind), each, attrgetter("tunnel"))
    owners = keep(known, ("owners", *kind[:2]), names, lambda: Owners(names))
    return keep(known, ("row", *kind[:2]), (texts, order), lambda: Row(texts, owners, order))


def _order(known: Drawn, told: Sequence[Told]) -> tuple[int, ...]:
    """The neighbours' numbers by their addresses; the very tuple of the last time, if it is the same. Of few that moved
    only the places are looked for."""
    before: Sequence[Told]
    order: tuple[int, ...]
    before, order = known.get("FRR: order", ((), ()))
    moved = sorted(changed(told, before))

    def turn(at: int) -> tuple[tuple[int, int], int]:
        return told[at].place, at

    if len(told) != len(before) or len(moved) > FEW:
        order = tuple(sorted(range(len(told)), key=turn))
    elif any(told[at].place != before[at].place for at in moved):
        found = [*order]
        for at in moved:
            found.remove(at)
        for at in moved:
            insort(found, at, key=turn)
        order = tuple(found)
    known["FRR: order"] = told, order
    return order


def _maps(router: BgpRouter, told: Sequence[Told], known: Drawn) -> Sequence[RouteMap]:
    """By name: the neighbours', and what is for all."""
    theirs = make_each(known, "FRR: maps of each", told, attrgetter("maps"))

    def flat() -> list[RouteMap]:
        more = [RouteMap(SOURCE_MAP, source=router.source)] if router.source else []
        more += [RouteMap(BEYOND_MAP, local_pref=0, weight=0)] if router.beyond else []
        return [*chain.from_iterable(theirs), *more]

    maps = keep(known, "FRR: all maps", (theirs, router.source, bool(router.beyond)), flat)
    return sort_each(known, "FRR: maps", maps, attrgetter("name"))


def map_name(peer: Neighbor, direction: str) -> str:
    """The name of a neighbour's prefix-list and route-map, ``in`` or ``out``: by its tunnel and family. One that moves
    to another address keeps its policies, which bgpd takes much longer to change than a neighbour."""
    return f"{MARK}{peer.tunnel}-{direction}{'6' if peer.address.version == 6 else ''}"


def _as_frr_has_it(peer: Neighbor) -> Neighbor:
    """FRR lowers the keepalive interval to a third of the hold time (RFC 4271, section 10) without saying so."""
    return replace(peer, keepalive=min(peer.keepalive, peer.hold // 3))


def _in_order(address: IPAddress) -> tuple[int, int]:
    return address.version, int(address)


def _tell(neighbor: Neighbor, asn: int) -> Told:
    peer = _as_frr_has_it(neighbor)
    lists = tuple(
        _prefix_list(_word(peer), map_name(peer, way), rules, peer.tunnel)
        for way, rules in (("in", peer.accept), ("out", peer.announce))
    )
    return Told(_in_order(peer.address), peer, lists, (_inbound(peer), _outbound(peer, asn)), _default_rules(peer))


def _settle(before: Told, now: Told) -> Told:
    """A neighbour that moves keeps its policies: the same objects."""
    lists = before.lists if before.lists == now.lists else now.lists
    return replace(now, lists=lists, maps=before.maps if before.maps == now.maps else now.maps)


def _family(router: BgpRouter, told: Sequence[Told], by_place: Arranged, version: int, known: Drawn) -> Family:
    """Where all neighbours are of one family they stay in the order in which they are given: fewer move."""
    versions = make_each(known, "FRR: versions", told, lambda one: one.place[0])
    kinds = keep(known, "FRR: kinds", versions, lambda: frozenset(versions))
    members: Sequence[Neighbor] = by_place if kinds == {version} else ()
    if len(kinds) > 1:
        members = tuple(peer for peer in by_place if peer.address.version == version)
    networks = {network for network in router.networks if network.version == version}
    return Family(
        name=f"ipv{version}",
        networks=tuple(sorted(networks, key=lambda network: (int(network.network_address), network.prefixlen))),
        peers=members,
        lists=_lists(told, members, versions, version, known),
    )


def _lists(
    told: Sequence[Told], members: Sequence[Neighbor], versions: Sequence[int], version: int, known: Drawn
) -> Sequence[PrefixList]:
    """By name: those of a family's neighbours, and the one for all where any takes the default route."""
    theirs = make_each(known, "FRR: lists of each", told, attrgetter("lists"))
    defaults = make_each(known, "FRR: defaults", told, attrgetter("default"))
    takes = keep(known, "FRR: takes default", defaults, lambda: any(defaults))
    default = next(filter(None, map(_default_rules, members)), None) if takes else None

    def flat() -> list[PrefixList]:
        more = [_prefix_list("ip" if version == 4 else "ipv6", DEFAULT_LIST, default)] if default else []
        return [*chain.from_iterable(compress(theirs, map(version.__eq__, versions))), *more]

    lists = keep(known, ("FRR: lists", version), (theirs, versions, default), flat)
    return sort_each(known, f"FRR: lists {version}", lists, attrgetter("name"))


def _prefix_list(word: str, name: str, rules: Iterable[PrefixRule], tunnel: str | None = None) -> PrefixList:
    """In the given order, each line once (FRR drops a repeated one without a word)."""
    lines = dict.fromkeys(tuple(rule.words.split(" ", 1)) for rule in rules)
    entries = [Entry(seq, action, match) for seq, (action, match) in zip(range(5, LAST, 5), lines, strict=False)]
    return PrefixList(word, name, (*entries, Entry(LAST, "deny", "any")), tunnel)


def _inbound(peer: Neighbor) -> RouteMap:
    name = map_name(peer, "in")
    shut = peer.stance in (CLOSED, SHUT)
    table = DEFAULT_TABLE if _default_rules(peer) else None
    return RouteMap(
        name, _word(peer), name, local_pref=peer.preference, metric=peer.force_med, shut=shut, default_table=table,
        tunnel=peer.tunnel,
    )  # fmt: skip


def _default_rules(peer: Neighbor) -> tuple[PrefixRule, ...]:
    """The rule that takes the default route from this neighbour, if one does."""
    return tuple(one for one in peer.accept if one.permit and one.prefix.prefixlen == 0 and not one.ge)


def _outbound(peer: Neighbor, asn: int) -> RouteMap:
    """Prepends carry the number by which this cloud knows us."""
    name = map_name(peer, "out")
    standard = [item for item in peer.communities if item.count(":") == 1]
    large = [item for item in peer.communities if item.count(":") == 2]
    return RouteMap(
        name,
        _word(peer),
        name,
        prepend=(peer.local_asn or asn,) * peer.told_prepend,
        communities=_numeric(standard),
        large_communities=_numeric(large),
        metric=peer.told_med,
        tunnel=peer.tunnel,
    )


def _numeric(communities: Iterable[str]) -> tuple[str, ...]:
    """Sorted by number and each once, as FRR prints them."""
    return tuple(sorted(set(communities), key=lambda item: [int(part) for part in item.split(":")]))


def _word(peer: Neighbor) -> str:
    return "ip" if peer.address.version == 4 else "ipv6"
