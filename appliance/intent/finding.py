"""What a rule says about an intent, and the walk over an intent that gives each part its key path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.model.address import IPNetwork
from appliance.model.fault import Fault, Notice
from appliance.model.intent import Connection, Intent, Tunnel


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of a rule at ``key``; ``about`` are further keys it was judged by. A ``notice`` stops nothing.

    ``where`` names the part for people when a notice prints it.
    """

    key: str
    message: str
    found: str | None = None
    allowed: str | None = None
    fix: str | None = None
    about: tuple[str, ...] = ()
    notice: bool = False
    where: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that the finding rests on."""
        return (self.key, *self.about)

    @property
    def fault(self) -> Fault:
        """The finding as a fault, still without file and line."""
        return Fault(self.message, key=self.key, found=self.found, allowed=self.allowed, fix=self.fix)

    @property
    def remark(self) -> Notice:
        """The finding as a notice."""
        return Notice(self.where or self.key, f"{self.message}; {self.fix}" if self.fix else self.message)


def notice(key: str, where: str, message: str, *, fix: str | None = None, about: tuple[str, ...] = ()) -> Finding:
    """Something worth saying that stops nothing."""
    return Finding(key, message, fix=fix, about=about, notice=True, where=where)


@dataclass(frozen=True, slots=True)
class Place:
    """A tunnel with its key path and the connection that holds it."""

    key: str
    tunnel: Tunnel
    connection_key: str
    connection: Connection


def connections_of(intent: Intent) -> Iterator[tuple[str, Connection]]:
    """Every connection with its key path."""
    for index, connection in enumerate(intent.connections):
        yield f"connections[{index}]", connection


def tunnels_of(intent: Intent) -> Iterator[Place]:
    """Every tunnel with its key path."""
    for connection_key, connection in connections_of(intent):
        for index, tunnel in enumerate(connection.tunnels):
            yield Place(f"{connection_key}.tunnels[{index}]", tunnel, connection_key, connection)


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Whether an address can lie in both."""
    return one.version == other.version and one.overlaps(other)


def within(inner: IPNetwork, outer: IPNetwork) -> bool:
    """Whether ``inner`` lies in ``outer`` or is it."""
    return overlap(inner, outer) and inner.prefixlen >= outer.prefixlen
