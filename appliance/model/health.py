"""Whether a path carries: what is asked of the other end, what came back, and what was concluded.

All times are seconds of a clock that never goes back (monotonic), and all of one machine since its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.model.address import IPAddress

UNARMED, ANSWERING, SUSPECT, LOST = "unarmed", "up", "suspect", "lost"
"""A target over one tunnel: never answered yet · answers · some losses in a row, being asked again quickly · lost."""

CARRYING, STANDBY, LAST_RESORT = "carrying", "standby", "last-resort"
DRAINED, HELD, DOWN, UNKNOWN = "drained", "held", "down", "unknown"
"""The states of a tunnel."""

HALF_LIFE = 600.0
"""Seconds in which the penalty of a path that flapped halves."""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who is asked, over one tunnel: the window of what came back belongs to all of this.

    ``kind`` is ``icmp``, ``tcp`` or ``udp``; ``port`` is for the last two. ``source`` None: the kernel chooses it.
    """

    tunnel: str
    interface: str
    kind: str
    address: IPAddress
    port: int | None = None
    source: IPAddress | None = None

    @property
    def question(self) -> tuple[str, IPAddress, int | None]:
        """Who is asked, over whichever tunnel."""
        return self.kind, self.address, self.port

    @property
    def name(self) -> str:
        """For people: ``icmp 192.0.2.1``, ``tcp 192.0.2.1:443``."""
        if self.port is None:
            return f"{self.kind} {self.address}"
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{self.kind} {host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target over one tunnel at one moment.

    ``answered_at`` is when the newest answered probe was *sent*; ``lost_at`` when the first of the present run of lost
    ones was. ``streak`` counts answers in a row. ``loss`` (0 to 1) and ``rtt`` (smoothed, seconds) are of the slow
    window, ``samples`` its size.
    """

    target: Target
    state: str = UNARMED
    since: float = 0.0
    streak: int = 0
    answered_at: float | None = None
    lost_at: float | None = None
    loss: float = 0.0
    rtt: float | None = None
    samples: int = 0

    @property
    def armed(self) -> bool:
        """Whether it has ever answered: only then is silence a sign."""
        return self.state != UNARMED


@dataclass(frozen=True, slots=True)
class PathEvidence:
    """Everything known of one tunnel. ``installed``: its child SA (None: the IKE daemon is silent).

    ``gone_at`` is when the SA went, None while it stands. ``bgp`` says whether the session is up, None in a mode
    without one, and while nobody can tell; ``bgp_since`` when the one that stands, or stood last, came up.
    ``inbound_at``: something came in over the inbound SA since then. ``excused``: the operator has just had the tunnel
    changed, so that a loss now is none of its faults.
    """

    installed: bool | None
    targets: tuple[TargetHealth, ...] = ()
    gone_at: float | None = None
    bgp: bool | None = None
    bgp_since: float | None = None
    inbound_at: float | None = None
    drained: bool = False
    excused: bool = False


@dataclass(frozen=True, slots=True)
class PathVerdict:
    """What is held of one tunnel. ``state`` is the operator's word for it, ``why`` the sentence beside it.

    ``health`` is what was found of the path itself, whatever it is used for: ``up``, ``poor``, ``lost``, ``down``,
    ``unrouted`` (BGP brings nothing over it) or ``unknown``. ``failed`` until it carries again. ``flaps`` are the times
    of the last hour at which it was lost by a fault of its own; ``lost_at`` is when it last was, whosever the fault,
    ``back_at`` when it came back after that. ``answering``: probes come back, though not long enough yet. ``remark`` is
    said of a path that is all right. ``long_dead``: nothing came back for so long that its routing session may be given
    up too. ``unsettled``: it is silent, and that may be its target's doing. ``together``: whoever is asked was silent
    on all tunnels, and is not back on this one for sure; ``awaited``: since when he is heard on another.
    """

    state: str
    health: str
    since: float
    why: str | None = None
    remark: str | None = None
    up_since: float | None = None
    failed: bool = False
    answering: bool = False
    flaps: tuple[float, ...] = ()
    lost_at: float | None = None
    back_at: float | None = None
    penalty: float = 0.0
    penalty_at_time: float = 0.0
    reuse_at: float | None = None
    long_dead: bool = False
    unsettled: bool = False
    together: bool = False
    awaited: float | None = None

    def penalty_at(self, now: float) -> float:
        """The penalty, decayed until now."""
        return float(self.penalty * 0.5 ** (max(0.0, now - self.penalty_at_time) / HALF_LIFE))


@dataclass(frozen=True, slots=True)
class ConnectionVerdict:
    """Which tunnels of a connection carry. Empty only when no child SA is installed and nothing answers.

    ``last_resort``: no path is known to work, and those that may are kept. ``look_again`` is when time alone may change
    the verdict. ``changed_at`` is when ``carrying`` last became what it is, ``changes`` how often it did.
    """

    carrying: tuple[str, ...] = ()
    last_resort: bool = False
    paths: Mapping[str, PathVerdict] = field(default_factory=dict)
    look_again: float | None = None
    changed_at: float = 0.0
    changes: int = 0
