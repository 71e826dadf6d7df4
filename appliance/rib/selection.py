"""Which of several paths to one prefix is used, and which share the traffic with it (RFC 4271, section 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from appliance.model.bgp import Attributes
from appliance.model.peering import CLOSED, RANKS

DEFAULT_PREFERENCE = 100


class Source(NamedTuple):
    """A neighbour, as far as its paths are weighed by it. The fields in which two of them may be equal on the way to a
    decision come first, ``address`` (its family and number) is what nobody else has.

    ``preference`` is what our policy gives to all it brings: the highest goes first (RFC 4271, section 5.1.5).
    """

    router_id: int
    address: tuple[int, int]
    tunnel: str
    preference: int = DEFAULT_PREFERENCE
    internal: bool = False


class Held(NamedTuple):
    """How a neighbour that is not open is held: its rank (``model.peering.RANKS``), and the preference of what it
    brings meanwhile."""

    rank: int
    preference: int


CLOSED_RANK = RANKS[CLOSED]


class Candidate(NamedTuple):
    """One accepted path."""

    source: Source
    attributes: Attributes
    med: int


@dataclass(frozen=True, slots=True)
class Choice:
    """``best`` first, then by router id those that share the traffic with it. ``waiting``: the tunnels of those that
    would share it too, were they not held behind these, or closed."""

    paths: tuple[Candidate, ...]
    waiting: frozenset[str] = frozenset()

    @property
    def tunnels(self) -> frozenset[str]:
        """The tunnels that the traffic goes over as soon as they are open: of these the lowest rank carries."""
        return self.waiting.union([candidate.source.tunnel for candidate in self.paths])


NOTHING = Choice(())


@dataclass(frozen=True, slots=True)
class Rules:
    """``maximum_paths`` share the traffic of a prefix at most. ``relax``: they may have come by different ASes, as long
    as their paths are equally long. ``compare_always``: the MED counts between different neighbour ASes too."""

    maximum_paths: int = 8
    relax: bool = True
    compare_always: bool = False


def choose(candidates: Mapping[object, Candidate], rules: Rules) -> Choice:
    """RFC 4271, section 9.1.2.2, deterministic: within each neighbour AS first, so that the MED of a path that comes in
    late cannot turn the order of two others (RFC 5004 is not followed: the oldest path has no advantage)."""
    if len(candidates) == 1:
        return Choice((*candidates.values(),))
    if not candidates:
        return NOTHING
    winners: dict[object, Candidate] = {}
    for candidate in candidates.values():
        group = None if rules.compare_always else candidate.attributes.first_as
        held = winners.get(group)
        if held is None or _with_med(candidate) < _with_med(held):
            winners[group] = candidate
    best = min(winners.values(), key=_without_med)
    sharing = [one for one in candidates.values() if one is not best and _shares(one, best, rules)]
    sharing.sort(key=_tie)
    return Choice((best, *sharing[: rules.maximum_paths - 1]))


def choose_held(candidates: Mapping[object, Candidate], held: Mapping[object, Held], rules: Rules) -> Choice:
    """The same where paths are held by verdicts: nothing is taken from one that is closed, unless there is no other;
    one behind has the preference that goes with that. Who would share were he open is named with the choice, so that
    to close a path, or to open it, is no new choice for any prefix."""
    free = choose(candidates, rules)
    taken = {one: path for one, path in candidates.items() if one not in held or held[one].rank < CLOSED_RANK}
    weighed = {one: _weighed(path, held.get(one)) for one, path in (taken or candidates).items()}
    choice = choose(weighed, rules)
    ranks = {candidates[one].source.tunnel: who.rank for one, who in held.items() if one in candidates}
    first = min((ranks.get(tunnel, 0) for tunnel in free.tunnels), default=0)
    if {tunnel for tunnel in free.tunnels if ranks.get(tunnel, 0) == first} != choice.tunnels:
        return choice
    return Choice(choice.paths, free.tunnels - choice.tunnels)


def _weighed(candidate: Candidate, held: Held | None) -> Candidate:
    if held is None or held.preference == candidate.source.preference:
        return candidate
    return candidate._replace(source=candidate.source._replace(preference=held.preference))


def _rank(candidate: Candidate) -> tuple[int, int, int]:
    """What goes before the MED: preference, length, origin."""
    source, attributes, _ = candidate
    return -source.preference, attributes.as_length, attributes.origin


def _tie(candidate: Candidate) -> tuple[bool, int, tuple[int, int]]:
    """What decides between paths that are equally good: external first, then router id and address."""
    return candidate.source.internal, candidate.source.router_id, candidate.source.address


def _with_med(candidate: Candidate) -> tuple[object, ...]:
    return *_rank(candidate), candidate.med, *_tie(candidate)


def _without_med(candidate: Candidate) -> tuple[object, ...]:
    return *_rank(candidate), *_tie(candidate)


def _shares(one: Candidate, best: Candidate, rules: Rules) -> bool:
    """Whether a path is as good as the best one in all but what breaks ties."""
    same_as = one.attributes.first_as == best.attributes.first_as
    if _rank(one) != _rank(best) or one.source.internal != best.source.internal:
        return False
    if (same_as or rules.compare_always) and one.med != best.med:
        return False
    return rules.relax or one.attributes.as_path == best.attributes.as_path
