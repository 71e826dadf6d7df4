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

    @property
    def sentence(self) -> str:
        """The speaker's words, and who said them."""
        return f"{self.text} ({'sent' if self.sent else 'received'})"


@dataclass(frozen=True, slots=True)
class BgpSession:
    """One session as the speaker sees it.

    ``state`` is in lower case: ``idle connect active opensent openconfirm established``. ``since`` is when the session
    came up, None while it is down. ``received`` counts prefixes before our policy, ``accepted`` after it,
    ``advertised`` what we told. ``last_error`` says in the speaker's words why the session was last reset or refused,
    ``reset_s`` how many seconds ago; None when nothing but our own configuring did it. ``heard_asn`` is the number
    that the far end called itself by when we refused it for that.
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
    keepalive: int | None = None  # seconds
    hold: int | None = None  # seconds
    opens_sent: int = 0
    opens_received: int = 0
    established_count: int = 0  # how often it came up
    resets: int = 0  # how often it was lost once up
    reset_s: int | None = None

    @property
    def up(self) -> bool:
        """Whether routes can be exchanged now."""
        return self.state == "established"


@dataclass(frozen=True, slots=True)
class Standing:
    """With whom sessions are up. ``life`` is another after a restart of the speaker, which begins with none."""

    life: str
    established: frozenset[IPAddress]


@dataclass(frozen=True, slots=True)
class LearnedPath:
    """One accepted path: a prefix from one neighbour. ``best`` and ``multipath`` paths carry traffic together."""

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
        """Whether traffic goes this way, alone or with others."""
        return self.best or self.multipath


@dataclass(frozen=True, slots=True)
class FilteredPath:
    """A prefix that came over a session and was kept out. ``rule`` is the line of the policy that did it."""

    prefix: IPNetwork
    neighbor: IPAddress
    rule: str
