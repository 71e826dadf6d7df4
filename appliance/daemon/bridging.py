"""Routes that carry over the death of a routing daemon: what it had put into the kernel, kept by us meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from appliance.model.address import IPNetwork
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute
from appliance.model.machine import Learned

SETTLED_AFTER, AT_MOST = 10.0, 120.0
"""Seconds after which a connection's routes are BGP's alone again: since its first session stands, and since the daemon
answers though none does."""


@dataclass(slots=True)
class Bridge:
    """``spans`` are, by connection, the prefixes that are kept. Times are monotonic; ``answering`` is since when the
    daemon answers again, ``up`` since when a connection has a session."""

    spans: Learned = field(default_factory=dict)
    silent: bool = False
    answering: float = 0.0
    up: dict[str, float] = field(default_factory=dict)

    def begin(self, routes: Iterable[ForwardingRoute], owners: Mapping[str, str], learned: Learned) -> None:
        """The daemon fell silent: keep what it has in the kernel. ``owners``: the connection of each link. Where it
        took its routes along, what connections with a session had ``learned``."""
        found: dict[str, set[IPNetwork]] = {}
        for route in routes:
            for via in route.vias if route.protocol == BGP_PROTOCOL else ():
                if via.link in owners:
                    found.setdefault(owners[via.link], set()).add(route.prefix)
        kept: dict[str, set[IPNetwork]] = {name: set(nets) for name, nets in learned.items()} | found
        for name, nets in self.spans.items():
            kept.setdefault(name, set()).update(nets)
        self.spans = {name: tuple(sorted(nets, key=lambda net: (net.version, net))) for name, nets in kept.items()}
        self.silent, self.up = True, {}

    def follow(self, established: Iterable[str], now: float) -> bool:
        """The daemon answers; connections of which a session stands. Whether some of what was kept is let go."""
        if self.silent:
            self.silent, self.answering = False, now
        there = set(established)
        self.up = {name: self.up.get(name, now) for name in there}
        done = {name for name in self.spans if self._is_done(name, now)}
        self.spans = {name: nets for name, nets in self.spans.items() if name not in done}
        return bool(done)

    def _is_done(self, name: str, now: float) -> bool:
        since = self.up.get(name)
        return now - self.answering >= AT_MOST or (since is not None and now - since >= SETTLED_AFTER)
