"""An intent read again after a change: connections that stand in the text as they stood before are not read anew.

What comes out is what :mod:`appliance.intent.read` makes of the text. Whatever is not plainly right (a fault, a text
written in another manner, connections that could get into each other's way) is left to it: :meth:`Rereading.read`
returns None then.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from appliance.intent.apart import Apart, Span
from appliance.intent.cutting import Pieces, follow_pieces, split_text
from appliance.intent.layout import CONNECTION, INTENT
from appliance.intent.read import Reader
from appliance.intent.rules import Judgement, find_all, split
from appliance.intent.rules_nat import nat_findings
from appliance.intent.tree import MOST_NODES, Entries, Items, Node, Unreadable, count_nodes, parse_tree
from appliance.model.address import IPNetwork
from appliance.model.fault import Notice
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.profile import Profile
from appliance.profiles import PROFILES

Number = Callable[[Connection, Tunnel], int]
Named = Callable[[Connection, Tunnel], str]
MANY_PAIRS = 10_000
"""Networks within one another beyond which nobody looks at each pair."""


@dataclass(slots=True)
class Part:
    """A connection as it was read from a part of the text. ``alone``: what there is to remark on it by itself."""

    connection: Connection
    nodes: int
    alone: Alone | None = None


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
    _parts: list[Part] = field(default_factory=list)
    _frames: dict[str, tuple[Intent, int]] = field(default_factory=dict)
    _frame: Intent | None = None
    _around: Judgement | None = None
    _apart: Apart | None = None

    def read(self, text: str) -> tuple[Intent, tuple[Notice, ...]] | None:
        """The intent, and what there is to remark; None where it takes a whole reading to tell."""
        pieces = (follow_pieces(self._pieces, text) if self._pieces else None) or split_text(text)
        frame = self._framed(pieces.frame) if pieces else None
        if pieces is None or frame is None:
            return None
        parts = self._read_parts(pieces)
        if parts is None or frame[1] + sum(map(attrgetter("nodes"), parts)) > MOST_NODES:
            return None
        return self._judged(replace(frame[0], connections=tuple(map(attrgetter("connection"), parts))), parts)

    def _read_parts(self, pieces: Pieces) -> list[Part] | None:
        """Those in the places of the last time are found there; others may have been in other places."""
        before = self._pieces.items if self._pieces else []
        same = [*map(operator.is_, pieces.items, before)]
        known = dict(zip(before, self._parts, strict=True)) if len(before) != len(same) or not all(same) else {}
        found: list[Part] = []
        for at, item in enumerate(pieces.items):
            part = self._parts[at] if at < len(same) and same[at] else known.get(item) or _part(item)
            if part is None:
                return None
            found.append(part)
        self._pieces, self._parts = pieces, found
        return found

    def _framed(self, text: str) -> tuple[Intent, int] | None:
        """What stands around the connections."""
        if text not in self._frames:
            read = _read_frame(text)
            if read is None:
                return None
            self._frames = {text: read}
        return self._frames[text]

    def _judged(self, intent: Intent, parts: Sequence[Part]) -> tuple[Intent, tuple[Notice, ...]] | None:
        frame = replace(intent, connections=(), nat=())
        if frame != self._frame:
            self._frame = frame
            for part in parts:
                part.alone = None
            self._around = None
        around = self._around or split((*find_all(frame, self.profiles), *nat_findings(intent)))
        self._around = None if intent.nat else around
        faults, notices = around
        if faults:
            return None
        remarks = list(notices)
        for index, part in enumerate(parts):
            if part.alone is None:
                part.alone = self._alone(frame, part.connection)
            if part.alone is None:
                return None
            remarks += [_at(notice, index) for notice in part.alone.notices] if part.alone.notices else ()
        if not self._agree(intent, [*filter(None, map(attrgetter("alone"), parts))]):
            return None
        return intent, tuple(dict.fromkeys(remarks))

    def _agree(self, intent: Intent, alone: Sequence[Alone]) -> bool:
        """Whether no rule about several connections has anything to say."""
        if _differ(intent):
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

    def _alone(self, frame: Intent, connection: Connection) -> Alone | None:
        if connection.announce.default_route:  # which has to do with what others say, and with translations
            return None
        faults, notices = split(find_all(replace(frame, connections=(connection,)), self.profiles))
        if faults:
            return None
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


def _read_frame(text: str) -> tuple[Intent, int] | None:
    tree = _tree(text)
    if not isinstance(tree, Entries):
        return None
    lists = [entry.value for entry in tree.entries if entry.key.value == "connections"]
    if len(lists) != 1 or not isinstance(lists[0], Items) or lists[0].items:
        return None
    reader = Reader()
    intent = reader.read(INTENT, tree, "")
    return None if reader.faults else (intent, count_nodes(tree))


def _part(text: str) -> Part | None:
    tree = _tree(text)
    if not isinstance(tree, Items) or len(tree.items) != 1:
        return None
    reader = Reader()
    connection = reader.read(CONNECTION, tree.items[0], "connections[0]")
    return None if reader.faults else Part(connection, count_nodes(tree.items[0]))


def _tree(text: str) -> Node | None:
    try:
        return parse_tree(text)
    except Unreadable:
        return None


def _at(notice: Notice, index: int) -> Notice:
    """As it is said of a connection at another place."""
    place = f"connections[{index}]"
    return Notice(notice.where.replace("connections[0]", place), notice.message.replace("connections[0]", place))


def _span(network: IPNetwork) -> Span:
    first = int(network.network_address)
    return network.version, first, first | ((1 << (network.max_prefixlen - network.prefixlen)) - 1)


def _differ(intent: Intent) -> bool:
    """Whether connections may not go with each other for what they are."""
    if intent.site.asn is None and len({one.asn for one in intent.connections if one.mode == "bgp"}) > 1:
        return True
    return [*map(attrgetter("mode"), intent.connections)].count("policy") > 1


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
