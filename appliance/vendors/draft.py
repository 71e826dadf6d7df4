"""A connection while its document is being read: every value with its place, so that contradictions name both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from appliance.model.address import IPAddress, IPInterface, IPNetwork
from appliance.model.document import Ignored, Missing, ReadConnection
from appliance.model.fault import Fault, Notice
from appliance.model.profile import Profile
from appliance.model.secret import Secret
from appliance.vendors.values import Place, Placeholder

T = TypeVar("T")


@dataclass(slots=True)
class Findings:
    """What a parser notes besides values: four lists of the import report, ``missing`` within its connection."""

    faults: list[Fault] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


class Field(Generic[T]):
    """One value that a document may state several times."""

    def __init__(self) -> None:
        self._said: dict[T, Place] = {}  # each value, and where it stands first
        self._stand_ins: dict[Placeholder, Place] = {}
        self.is_faulty = False  # said, but not understood or not the same everywhere: a fault has been reported

    def say(self, value: T | Placeholder | None, place: Place) -> None:
        """Note what the document says here; None: something of which a fault has been reported."""
        if isinstance(value, Placeholder):
            self._stand_ins.setdefault(value, place)
        elif value is None:
            self.is_faulty = True
        else:
            self._said.setdefault(value, place)

    @property
    def place(self) -> Place | None:
        """Where the value, or its placeholder, was found first."""
        return next(iter((self._said or self._stand_ins).values()), None)

    @property
    def written(self) -> set[str]:
        """Everything said so far, as text: to find the field that a document refers to by its value."""
        return {str(value) for value in self._said} | {literal.literal for literal in self._stand_ins}

    @property
    def stand_ins(self) -> dict[str, int]:
        """The placeholders that stand where the value belongs, each with its first line; none when a value is said."""
        if self._said:
            return {}
        return {stand_in.literal: place.line for stand_in, place in reversed(self._stand_ins.items())}

    def settle(self, faults: list[Fault]) -> T | None:
        """The one value that is said, or None. Two different ones are a fault that names both places."""
        if not self._said:
            return None
        (first, place), *others = self._said.items()
        if others:
            faults.append(_contradiction(first, place, *others[0]))
            self.is_faulty = True
            return None
        return first

    def every(self) -> tuple[T, ...]:
        """All different values, in the document's order: for fields that are lists."""
        return tuple(self._said)

    def join(self, other: Field[T]) -> None:
        """Take over what another document says about the same."""
        self.is_faulty |= other.is_faulty
        for value, place in other._said.items():
            self._said.setdefault(value, place)
        for stand_in, place in other._stand_ins.items():
            self._stand_ins.setdefault(stand_in, place)


def _contradiction(first: object, place: Place, value: object, other: Place) -> Fault:
    there = f"line {place.line}" if place.file == other.file else place.where
    return other.fault(
        f"contradicts {there} ({place.key})",
        found=_written(value),
        allowed=f"{_written(first)}, as on {there}",
        fix="find out which one is right and correct the other, or download the document again",
    )


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


class TunnelDraft:
    """One tunnel's fields (:class:`appliance.model.document.ReadTunnel`), and the place where it begins."""

    def __init__(self, begin: Place, profile: Profile) -> None:
        self.begin = begin
        self.profile = profile
        self.remote: Field[IPAddress] = Field()
        self.public: Field[IPAddress] = Field()
        self.local_id: Field[str] = Field()
        self.remote_id: Field[str] = Field()
        self.role: Field[str] = Field()
        self.nat_t: Field[bool] = Field()
        self.inside: Field[IPInterface] = Field()
        self.peer_inside: Field[IPAddress] = Field()
        self.psk: Field[Secret] = Field()
        self.ike_version: Field[int] = Field()
        self.ike_proposals: Field[tuple[str, ...]] = Field()
        self.ike_lifetime: Field[int] = Field()
        self.esp_proposals: Field[tuple[str, ...]] = Field()
        self.esp_lifetime: Field[int] = Field()
        self.dpd_delay: Field[int] = Field()
        self.dpd_retries: Field[int] = Field()
        self.dpd_timeout: Field[int] = Field()
        self.mtu: Field[int] = Field()
        self.mss: Field[int] = Field()


class ConnectionDraft:
    """One connection's fields (:class:`appliance.model.document.ReadConnection`), its tunnels, and what its format is
    like: ``never`` are the fields it has no place for, ``empty_key`` is why a key may be absent, ``announced`` how many
    tunnels the document says that it holds. ``name`` is for clouds whose id is no name. ``is_fragment``: the document
    only adds to tunnels that another one describes. ``is_template``: its algorithms and lifetimes are the cloud's
    sample, whatever was set."""

    def __init__(
        self,
        profile: Profile,
        *,
        never: frozenset[str] = frozenset(),
        empty_key: str = "the document has no key here",
        announced: int | None = None,
        is_fragment: bool = False,
        is_template: bool = False,
    ) -> None:
        self.profile = profile
        self.never = never
        self.empty_key = empty_key
        self.announced = announced
        self.is_fragment = is_fragment
        self.is_template = is_template
        self.name: Field[str] = Field()
        self.id: Field[str] = Field()
        self.cloud_gateway: Field[str] = Field()
        self.customer_gateway: Field[str] = Field()
        self.mode: Field[str] = Field()
        self.asn: Field[int] = Field()
        self.peer_asn: Field[int] = Field()
        self.hold_time: Field[int] = Field()
        self.networks: Field[IPNetwork] = Field()
        self.local_networks: Field[IPNetwork] = Field()
        self.tunnels: list[TunnelDraft] = []

    def begin_tunnel(self, place: Place) -> TunnelDraft:
        """A further tunnel, which the document begins at this place."""
        self.tunnels.append(TunnelDraft(place, self.profile))
        return self.tunnels[-1]


@dataclass(slots=True)
class Reading:
    """One connection of a document, with what was found along the way. ``finish`` makes the draft, perhaps joined with
    another document's, a connection, and adds to the findings what the cloud's rules say about it."""

    draft: ConnectionDraft
    findings: Findings
    finish: Callable[[ConnectionDraft, Findings], ReadConnection]
