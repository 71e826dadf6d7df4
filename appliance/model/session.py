"""What BGP says about its sessions and what came over them. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from appliance.model.address import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class Notification:
    """A BGP NOTIFICATION (RFC 4271, section 4.5). ``sent`` by us, or else received."""

    sent: bool
    code: int
    subcode: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class BgpSession:
    """One session as the speaker sees it.

    ``state`` is FRR's in lower case: ``idle connect active opensent openconfirm established``. ``heard_asn`` is the
    number that the far end last called itself by, where we refused it for that. ``received`` counts prefixes before
    our policy, ``accepted`` after it, ``advertised`` what we told. ``since`` is when the session came up (established)
    or went down (else); None when it never was up. ``last_error`` is the speaker's own word for the last reset,
    None when there was none that ended or prevented a session. ``resets`` counts established sessions that were lost.
    ``ready_to_dial``: there is a route to the peer's address (else no TCP connection is even tried).
    """

    address: IPAddress
    state: str
    peer_asn: int
    our_asn: int
    local_address: IPAddress | None = None
    since: datetime | None = None
    received: int = 0
    accepted: int = 0
    advertised: int = 0
    last_error: str | None = None
    notification: Notification | None = None
    heard_asn: int | None = None
    keepalive: int | None = None  # seconds, as negotiated
    hold: int | None = None  # seconds, as negotiated
    messages_received: int = 0
    messages_sent: int = 0
    resets: int = 0
    established_count: int = 0
    reachable: bool = True

    @property
    def up(self) -> bool:
        """Whether routes can be exchanged now."""
        return self.state == "established"


@dataclass(frozen=True, slots=True)
class LearnedPath:
    """One accepted path: a prefix from one neighbour. ``selected``: it carries traffic, alone or as one of several."""

    prefix: IPNetwork
    neighbor: IPAddress
    nexthop: IPAddress
    med: int = 0
    as_path: tuple[int, ...] = ()
    best: bool = False
    multipath: bool = False
    valid: bool = True

    @property
    def selected(self) -> bool:
        """Whether traffic goes this way (alone or with others)."""
        return self.best or self.multipath


@dataclass(frozen=True, slots=True)
class FilteredPath:
    """A prefix that came over a session and was not taken in. ``rule`` is the line of the policy that denied it."""

    prefix: IPNetwork
    neighbor: IPAddress
    rule: str
