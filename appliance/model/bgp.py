"""BGP's own nouns, as a speaker passes them on: what neighbours say, without the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from appliance.model.address import IPAddress, IPNetwork


class Origin(IntEnum):
    """RFC 4271, section 5.1.1; the lowest goes first."""

    IGP = 0
    EGP = 1
    INCOMPLETE = 2


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an UPDATE says of all its prefixes. ``as_path`` is flat; ``as_length`` counts a set as one and leaves
    confederations out (RFC 4271, section 9.1.2.2; RFC 5065, section 5.3). ``first_as`` is who told the neighbour's
    side of it, None for an empty path. Absent is None."""

    origin: Origin
    as_path: tuple[int, ...]
    as_length: int
    first_as: int | None
    med: int | None = None
    communities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """What a neighbour offers and takes back. ``attributes`` is None when it offers nothing, or nothing usable."""

    neighbor: IPAddress
    attributes: Attributes | None = None
    announced: tuple[tuple[IPNetwork, IPAddress], ...] = ()
    withdrawn: tuple[IPNetwork, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """All that a neighbour had at the start of a session has been told (RFC 4724, section 2)."""

    neighbor: IPAddress
    family: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A neighbour's OPEN. ``restart_s`` is its restart time (RFC 4724), None where it has no graceful restart;
    ``four_octets``: it knows AS numbers beyond 65535 (RFC 6793)."""

    neighbor: IPAddress
    asn: int
    router_id: str
    hold: int
    restart_s: int | None = None
    four_octets: bool = True


@dataclass(frozen=True, slots=True)
class StateChange:
    """A session's state: ``connected``, ``up`` or ``down``, with the speaker's reason."""

    neighbor: IPAddress
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Notified:
    """A NOTIFICATION that was sent by us, or else received."""

    neighbor: IPAddress
    sent: bool
    code: int
    subcode: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The speaker's word on the oldest command that it had not answered."""

    done: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of which nothing can be made; ``why`` is one sentence."""

    why: str


Message = Update | EndOfRib | Opened | StateChange | Notified | Answered | Unreadable
