"""How verdicts are come to: what the operator set, and the limits nobody needs to set."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.model.intent import Failback


@dataclass(frozen=True, slots=True)
class Manner:
    """``prefer`` is ``equal`` (all that work share) or ``ordered`` (the first that works). Times in seconds.

    ``need``: how many of a tunnel's targets must answer. ``pinned``: the tunnel an operator switched to.
    ``poor_loss`` and ``poor_rtt``: a path beyond either in its slow window gives way to a better one; it is good again
    below half of the first and four fifths of the second. ``long_dead``: silence after which a session may be given up.
    Each loss of a path costs ``penalty``, which decays by half in model.health.HALF_LIFE; beyond ``suppress`` the path
    is held back until it has decayed to ``reuse`` (the idea of RFC 2439). ``ceiling`` bounds how long that takes.
    """

    prefer: str = "equal"
    need: int = 1
    failback: Failback = field(default_factory=Failback)
    pinned: str | None = None
    poor_loss: float = 0.2
    poor_rtt: float | None = None
    poor_samples: int = 50
    long_dead: float = 10.0
    penalty: float = 1000.0
    suppress: float = 3000.0
    reuse: float = 1500.0
    ceiling: float = 12000.0
    recovered: int = 20
