"""Everything a design follows from: the intent, and the facts it is drawn for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from appliance.model.drawn import chain_each, make_each, sort_each
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.machine import Carrying, Learned, Machine, Reached
from appliance.model.peering import Stances
from appliance.model.profile import Profile
from appliance.model.secret import Secret
from appliance.profiles import PROFILES


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent with its facts. ``machine`` None: drawn offline, so addresses of ours stay open.

    ``secrets`` are by tunnel name; ``fingerprint`` digests one under a key of this machine; ``templates`` are FRR's by
    file name; ``down`` names connections that are taken down for now: only their blackholes stay,
    but for those in ``unprotected``. ``carrying`` names the tunnels that carry now for a connection with static routes;
    one that is not in it has not been judged yet. ``stances`` are those of tunnels with BGP that should not carry.
    ``bridged`` names, by connection, prefixes to be routed by us while the daemon that brought them is gone.
    ``reached`` is what can be reached of what one cloud is told of another; None: nobody looked.
    """

    intent: Intent
    templates: Mapping[str, str]
    machine: Machine | None = None
    learned: Learned = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    fingerprint: Callable[[Secret], str] = lambda secret: ""
    frr_extra: str = ""
    host_is_ours: bool = False
    down: frozenset[str] = frozenset()
    unprotected: frozenset[str] = frozenset()
    carrying: Carrying = field(default_factory=dict)
    stances: Stances = field(default_factory=dict)
    bridged: Learned = field(default_factory=dict)
    reached: Reached | None = None
    drawn: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was drawn for wishes before this one, by all that it was drawn from."""
    memory: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was found out from all this before. A wish with other facts begins with none."""

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that should be up, by name: their order in the file means nothing."""
        if "connections" not in self.memory:
            known = self.intent.connections
            up = tuple(one for one in known if one.name not in self.down) if self.down else known
            self.memory["connections"] = sort_each(self.drawn, "connections", up, attrgetter("name"))
        found: tuple[Connection, ...] = self.memory["connections"]
        return found

    @property
    def has_tunnels(self) -> bool:
        """Whether any should be up."""
        return any(one.tunnels for one in self.connections)

    @property
    def tunnels(self) -> tuple[tuple[Connection, Tunnel], ...]:
        """Every tunnel that should be up, with its connection, by name."""
        if "tunnels" not in self.memory:
            pairs = make_each(self.drawn, "pairs", self.connections, _pairs)
            self.memory["tunnels"] = chain_each(self.drawn, "tunnels by name", pairs)
        found: tuple[tuple[Connection, Tunnel], ...] = self.memory["tunnels"]
        return found


def _pairs(connection: Connection) -> tuple[tuple[Connection, Tunnel], ...]:
    return tuple((connection, tunnel) for tunnel in sorted(connection.tunnels, key=lambda tunnel: tunnel.name))


def profile_of(connection: Connection) -> Profile:
    """The rules of the connection's cloud."""
    return PROFILES[connection.cloud]
