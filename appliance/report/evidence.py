"""What was seen of a machine at one moment, before anything is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.forwarding import ForwardingRoute, LinkCounters
from appliance.model.health import PathVerdict
from appliance.model.intent import Intent
from appliance.model.machine import Learned
from appliance.model.resources import IkeConnection, XfrmLink
from appliance.model.sa import TunnelSa
from appliance.model.session import BgpSession, LearnedPath


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at everything. ``links`` and ``ikes`` are by tunnel name, as desired; ``blackholes`` as they stand.

    ``verdicts`` are the daemon's, by tunnel, with times of the clock that ``uptime`` is of, and ``probes`` what it
    shows of its probes; both are empty while it does not run.
    ``lacks``: by tunnel, why it cannot leave the box at all. ``told``: by connection, what the cloud is told.
    A daemon that did not answer is in ``silent`` with the reason, and what it would have said is empty.
    """

    at: datetime
    intent: Intent
    links: Mapping[str, XfrmLink]
    ikes: Mapping[str, IkeConnection]
    sas: tuple[TunnelSa, ...] = ()
    sessions: tuple[BgpSession, ...] = ()
    paths: tuple[LearnedPath, ...] = ()
    routes: tuple[ForwardingRoute, ...] = ()
    blackholes: tuple[IPNetwork, ...] = ()
    counters: Mapping[str, LinkCounters] = field(default_factory=dict)
    publics: Mapping[str, IPAddress | None] = field(default_factory=dict)
    learned: Learned = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    drift: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, PathVerdict] = field(default_factory=dict)
    uptime: float = 0.0
    probes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, tuple[IPNetwork, ...]] = field(default_factory=dict)
