"""An intent read again after a change: connections that stand in the text as they stood before are not read anew.

What comes out is what :mod:`appliance.intent.read` makes of the text. Whatever is not plainly right (a fault, a text
written in another manner, connections that could get into each other's way) is left to it: :meth:`Rereading.read`
returns None then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress, count
from operator import attrgetter

from appliance.intent.apart import Apart, Span
from appliance.intent.cutting import Pieces, follow_pieces, split_text
from appliance.intent.layout import CONNECTION, INTENT
from appliance.intent.read import Reader
from appliance.intent.rules import find_all, split
from appliance.intent.rules_nat import nat_findings
from appliance.intent.tree import MOST_NODES, Entries, Items, Node, Unreadable, count_nodes, parse_tree
from appliance.model.address import IPNetwork
from appliance.model.drawn import Drawn, keep, make_each
from appliance.model.fault import Notice
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.profile import Profile
from appliance.profiles import PROFILES

Number = Callable[[Connection, Tunnel], int]
Named = Callable[[Connection, Tunnel], str]
MANY_PAIRS = 10_000
"""Networks within one another beyond which nobody looks at each pair."""


class Unclear(Exception):
    """It takes a whole reading to tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A connection as it was read from a part of the text, and of how many values."""

    connection: Connection
    nodes: int


@dataclass(frozen=True, slots=True)
class Alone:
    """A connection without fault in an intent that has no other; and all by which others could be in its way."""

    notices: tuple[Notice, ...]
    claims: tuple[tuple[str, object], ...]
    insides: tuple[Span, ...]
    remotes: tuple[Span, ...]
    networks: tuple[Span, ...]


@dataclass(slots=True)
class Rereading:
    """What was read before. ``number`` and ``link`` derive a tunnel's if_id and interface."""

    number: Number
    link: Named
    profiles: Mapping[str, Profile] = field(default_factory=lambda: PROFILES)
    _pieces: Pieces | None = None
    _drawn: Drawn = field(default_factory=dict)
    _apart: Apart | None = None

    def read(self, text: str) -> tuple[Intent, tuple[Notice, ...]] | None:
        """The intent, and what there is to remark; None where it takes a whole reading to tell."""
        pieces = (follow_pieces(self._pieces, text) if self._pieces else None) or split_text(text, self._pieces)
        if pieces is None:
            return None
        self._pieces = pieces
        try:
            return self._judged(self._read_parts(pieces))
        except Unclear:
            return None

    def _read_parts(self, pieces: Pieces) -> Intent:
        """Those that are the same objects as last time are not read again, wherever they stand now."""
        frame, around = keep(self._drawn, "frame", pieces.frame, lambda: _read_frame(pieces.frame))
        parts = make_each(self._drawn, "parts", pieces.items, _part)
        if around + sum(make_each(self._drawn, "nodes", parts, attrgetter("nodes"))) > MOST_NODES:
            raise Unclear
        return replace(frame, connections=make_each(self._drawn, "connections", parts, attrgetter("connection")))

    def _judged(self, intent: Intent) -> tuple[Intent, tuple[Notice, ...]]:
        frame = replace(intent, connections=(), nat=())
        around = keep(self._drawn, "around", frame, lambda: find_all(frame, self.profiles))
        faults, notices = split((*around, *nat_findings(intent)))
        if faults:
            raise Unclear
        alone = make_each(self._drawn, "alone", intent.connections, partial(self._alone, frame), frame)
        if not self._agree(intent, alone):
            raise Unclear
        noted = make_each(self._drawn, "noted", alone, attrgetter("notices"))
        remarks = (_at(notice, index) for index in compress(count(), noted) for notice in noted[index])
        return intent, tuple(dict.fromkeys((*notices, *remarks)))

    def _agree(self, intent: Intent, alone: Sequence[Alone]) -> bool:
        """Whether no rule about several connections has anything to say."""
        modes = make_each(self._drawn, "modes", intent.connections, attrgetter("mode"))
        if modes.count("policy") > 1 or _differ(intent):
            return False
        known, self._apart = self._apart, None
        if known is not None and known.follow(alone):
            self._apart = known
            return True
        if _in_the_way(intent, alone):
            return False
        fresh = Apart()
        self._apart = fresh if fresh.follow(alone) else None
        return True

    def _alone(self, frame: Intent, connection: Connection) -> Alone:
        if connection.announce.default_route:  # which has to do with what others say, and with translations
            raise Unclear
        faults, notices = split(find_all(replace(frame, connections=(connection,)), self.profiles))
        if faults:
            raise Unclear
        return Alone(
            notices,
            tuple(self._claims(frame, connection)),
            tuple(_span(one.network) for t in connection.tunnels for one in (t.inside, t.inside6) if one is not None),
            tuple((t.remote.version, int(t.remote), int(t.remote)) for t in connection.tunnels),
            tuple(map(_span, connection.networks)),
        )

    def _claims(self, frame: Intent, connection: Connection) -> Iterator[tuple[str, object]]:
        """What it has for itself alone."""
        only = frame.uplinks[0].name if len(frame.uplinks) == 1 else None
        yield "connection", connection.name
        if connection.id:
            yield "id", connection.id
        for tunnel in connection.tunnels:
            yield "tunnel", tunnel.name
            yield "interface", self.link(connection, tunnel)
            yield "if_id", self.number(connection, tunnel)
            yield "remote", (str(tunnel.remote), tunnel.uplink or only)


def _read_frame(text: str) -> tuple[Intent, int]:
    """With the number of its values."""
    tree = _tree(text)
    lists = [one.value for one in tree.entries if one.key.value == "connections"] if isinstance(tree, Entries) else []
    if len(lists) != 1 or not isinstance(lists[0], Items) or lists[0].items:
        raise Unclear
    reader = Reader()
    intent = reader.read(INTENT, tree, "")
    if reader.faults:
        raise Unclear
    return intent, count_nodes(tree)


def _part(text: str) -> Part:
    tree = _tree(text)
    if not isinstance(tree, Items) or len(tree.items) != 1:
        raise Unclear
    reader = Reader()
    connection = reader.read(CONNECTION, tree.items[0], "connections[0]")
    if reader.faults:
        raise Unclear
    return Part(connection, count_nodes(tree.items[0]))


def _tree(text: str) -> Node:
    try:
        return parse_tree(text)
    except Unreadable:
        raise Unclear from None


def _at(notice: Notice, index: int) -> Notice:
    """As it is said of a connection at another place."""
    place = f"connections[{index}]"
    return Notice(notice.where.replace("connections[0]", place), notice.message.replace("connections[0]", place))


def _span(network: IPNetwork) -> Span:
    first = int(network.network_address)
    return network.version, first, first | ((1 << (network.max_prefixlen - network.prefixlen)) - 1)


def _differ(intent: Intent) -> bool:
    """Whether connections may not go with each other for the number that we have in them."""
    return intent.site.asn is None and len({one.asn for one in intent.connections if one.mode == "bgp"}) > 1


def _in_the_way(intent: Intent, alone: Sequence[Alone]) -> bool:
    """Whether a rule about what several connections have may have something to say."""
    claims = Counter(claim for one in alone for claim in one.claims)
    if len(claims) != sum(len(one.claims) for one in alone):
        return True
    if any(_within((span, number) for number, one in enumerate(alone) for span in one.insides)):
        return True
    apart = [(span, number) for number, one in enumerate(alone) for span in one.networks]
    beside = [(span, -1) for one in alone for span in one.remotes]
    for pairs, (one, other) in enumerate(_within((*apart, *beside))):
        if pairs > MANY_PAIRS or (min(one, other) < 0 <= max(one, other)):
            return True
        if one != other and one >= 0 and _may_disagree(intent.connections[one], intent.connections[other]):
            return True
    return False


def _may_disagree(one: Connection, other: Connection) -> bool:
    """Over a network that both have: where they are of one mode, each with a priority, they do not."""
    return one.mode != other.mode or one.priority is None or other.priority is None


def _within(spans: Iterable[tuple[Span, int]]) -> Iterator[tuple[int, int]]:
    """The owners of any two networks of which one lies in the other: networks overlap in no other way."""
    open_: list[tuple[Span, int]] = []
    for span, owner in sorted(spans, key=lambda one: (one[0][0], one[0][1], -one[0][2])):
        while open_ and (open_[-1][0][0] != span[0] or open_[-1][0][2] < span[1]):
            open_.pop()
        yield from ((other, owner) for _, other in open_)
        open_.append((span, owner))
