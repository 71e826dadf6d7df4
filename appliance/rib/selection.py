"""Which of several paths to one prefix is used, and which share the traffic with it (RFC 4271, section 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from appliance.model.bgp import Attributes

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


class Candidate(NamedTuple):
    """One accepted path."""

    source: Source
    attributes: Attributes
    med: int


@dataclass(frozen=True, slots=True)
class Choice:
    """``best`` first, then by router id those that share the traffic with it."""

    paths: tuple[Candidate, ...]

    @property
    def tunnels(self) -> frozenset[str]:
        """The tunnels that the traffic goes over."""
        return frozenset([candidate.source.tunnel for candidate in self.paths])


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
