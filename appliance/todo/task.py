"""One thing to do on the cloud's side, and the facts that such things follow from."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from appliance.intent.crypto import WeakChoice, weak_choices
from appliance.model.address import IPNetwork
from appliance.model.document import ReadConnection
from appliance.model.intent import Connection, Tunnel
from appliance.model.profile import Profile


@dataclass(frozen=True, slots=True)
class Task:
    """``why`` it is needed, in a sentence, and the ``command`` of the cloud's own command line that does it; None when
    there is none, or none that is safe. Words in capitals are to be filled in. A command never holds a key."""

    cloud: str
    why: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A connection as it is configured; ``networks`` of ours that the cloud must send back over it; ``read``, what a
    document said about it, None when there was none; ``before``, the connection as the document alone would have it;
    ``behind_nat``: the cloud knows us by an address that is not our own."""

    connection: Connection
    profile: Profile
    networks: tuple[IPNetwork, ...]
    read: ReadConnection | None = None
    before: Connection | None = None
    behind_nat: bool = False

    @property
    def id(self) -> str:
        """The cloud's id of the connection, or a word to be filled in."""
        return self.connection.id or "CONNECTION-ID"

    @property
    def gateway(self) -> str | None:
        """The cloud's gateway, where the document names it."""
        return self.read.cloud_gateway if self.read else None

    @property
    def our_gateway(self) -> str | None:
        """How the cloud calls our end, where the document says it."""
        return self.read.customer_gateway if self.read else None

    @property
    def missing_routes(self) -> tuple[IPNetwork, ...]:
        """Our networks that the document does not show the cloud to have."""
        known = self.read.local_networks if self.read else ()
        return tuple(network for network in self.networks if network not in known)

    def weak(self, tunnel: Tunnel) -> tuple[WeakChoice, ...]:
        """What is weak in the tunnel as it is configured."""
        return weak_choices(tunnel, self.profile)

    def was_weak(self, tunnel: Tunnel) -> bool:
        """Whether the document had weak choices for the tunnel, so that the cloud accepts them still."""
        twins = (twin for twin in (self.before.tunnels if self.before else ()) if twin.remote == tunnel.remote)
        return any(weak_choices(twin, self.profile) for twin in twins)


def words_of(weak: tuple[WeakChoice, ...]) -> str:
    """Weak choices in a sentence: ``IKE sha1, modp1024; ESP sha1``."""
    phases: dict[str, list[str]] = {}
    for choice in weak:
        phases.setdefault(choice.phase, []).append(choice.keyword)
    return "; ".join(f"{phase} {', '.join(words)}" for phase, words in phases.items())


def shell(*words: str) -> str:
    """The words as a shell takes them."""
    return " ".join(shlex.quote(word) for word in words)
