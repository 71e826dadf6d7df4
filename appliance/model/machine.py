"""What the machine is like before we change it: facts that a design needs and an intent does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.model.address import IPAddress, IPInterface, IPNetwork


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as the kernel has it. MTU in bytes; ``running``: it has its carrier; ``accept_ra``: whether
    Linux itself goes by what routers advertise there (0 no, 1 unless it forwards, 2 always)."""

    name: str
    mtu: int
    up: bool
    addresses: tuple[IPInterface, ...] = ()
    kind: str | None = None
    alias: str | None = None
    running: bool = True
    accept_ra: int | None = None


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A default route of the main table."""

    link: str
    gateway: IPAddress | None
    metric: int
    family: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Interfaces by name and default routes, best metric first; ``release`` is the kernel's. ``redirects``: it can hand
    what leaves by one link to another."""

    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    defaults: tuple[DefaultRoute, ...] = ()
    release: str = ""
    redirects: bool = False


Learned = Mapping[str, tuple[IPNetwork, ...]]
"""Per connection name, every prefix ever accepted over BGP: protected until the connection is removed."""

Reached = frozenset[tuple[str, IPNetwork]]
"""(connection, network behind it) of which another cloud is told, and that a tunnel leads to now."""

Carrying = Mapping[str, tuple[str, ...]]
"""Per connection name, the tunnels that were chosen to carry what is routed to it; none: nothing can."""
