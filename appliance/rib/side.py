"""One neighbour as the tables know it: what it sent, how that is weighed, and how it is held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes
from appliance.model.peering import CLOSED, RANKS, SHUT, Neighbor
from appliance.rib.policy import Inbound
from appliance.rib.selection import DEFAULT_PREFERENCE, Candidate, Held, Source


class Offer(NamedTuple):
    """A prefix as a neighbour sent it; ``refusal`` says why it is not taken, None when it is."""

    attributes: Attributes
    nexthop: IPAddress
    refusal: str | None


@dataclass(slots=True)
class Side:
    """One neighbour: its policy, what it sent, and which of that was said in a session before this one."""

    inbound: Inbound
    source: Source
    offers: dict[IPNetwork, Offer] = field(default_factory=dict)
    stale: set[IPNetwork] = field(default_factory=set)
    accepted: int = 0
    warned: float = 0.0

    @property
    def neighbor(self) -> Neighbor:
        """As it is to be held."""
        return self.inbound.neighbor

    @property
    def closed(self) -> bool:
        """Whether nothing is taken from it now."""
        return self.neighbor.stance in (CLOSED, SHUT)


def source_of(neighbor: Neighbor, router_id: int) -> Source:
    """What its paths are weighed by, as long as it is open."""
    return Source(
        router_id=router_id,
        address=(neighbor.address.version, int(neighbor.address)),
        tunnel=neighbor.tunnel,
        preference=DEFAULT_PREFERENCE if neighbor.local_pref is None else neighbor.local_pref,
    )


def held_as(neighbor: Neighbor) -> Held:
    """The same while it is not."""
    preference = DEFAULT_PREFERENCE if neighbor.preference is None else neighbor.preference
    return Held(RANKS[neighbor.stance], preference)


def grounds(neighbor: Neighbor) -> tuple[object, ...]:
    """What it is judged by what a neighbour brings, and weighed."""
    one = neighbor
    return one.accept, one.peer_asn, one.tunnel, one.force_med, one.local_pref, one.local_asn, one.third_party


def candidate_of(side: Side, attributes: Attributes) -> Candidate:
    """The path that this neighbour offers with these."""
    med = side.neighbor.force_med if side.neighbor.force_med is not None else attributes.med
    return Candidate(side.source, attributes, 0 if med is None else med)
