"""What the IKE daemon says about its tunnels: a security association, a line of its log. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.model.address import IPAddress

CHILD_CARRIES = frozenset({"installed", "updating", "rekeying"})
"""States in which a CHILD_SA carries traffic both ways: while it is rekeyed the old one goes on."""


@dataclass(frozen=True, slots=True)
class TunnelSa:
    """One IKE_SA with one of its CHILD_SAs (or none yet). Only the tunnel's name and ``if_id`` outlive a rekey.

    States are the daemon's in lower case (``connecting``, ``established``, ``rekeying``; ``installed``, ``rekeyed``).
    Proposals are in strongSwan's keywords; SPIs in hexadecimal (``ike_spis``: the initiator's and the responder's).
    Times in seconds; None where there is no such time.
    Byte and packet counts are of this CHILD_SA alone and start again at zero with each rekey.
    """

    name: str
    ike_id: int
    ike_state: str
    version: int
    local: IPAddress
    local_port: int
    remote: IPAddress
    remote_port: int
    local_id: str
    remote_id: str
    initiator: bool
    nat_t: bool
    ike_spis: str = ""
    ike_proposal: str | None = None
    established_s: int | None = None
    ike_rekey_in_s: int | None = None
    if_id: int = 0
    child: str | None = None
    child_id: int | None = None
    child_state: str | None = None
    esp_proposal: str | None = None
    spi_in: str | None = None
    spi_out: str | None = None
    installed_s: int | None = None
    rekey_in_s: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0

    @property
    def up(self) -> bool:
        """Whether this one carries traffic now. The IKE_SA may well be connecting: an IKEv1 tunnel that
        re-authenticates hands its CHILD_SA to the new IKE_SA before that is established."""
        return self.child_state in CHILD_CARRIES and self.ike_state not in ("deleting", "destroying")

    @property
    def settled(self) -> tuple[str, str | None]:
        """The two states with the moments of a rekey smoothed over: ``established`` and ``installed`` while up."""
        return ("established", "installed") if self.up else (self.ike_state, self.child_state)


@dataclass(frozen=True, slots=True)
class IkeLine:
    """One line the IKE daemon logged. ``connection`` is None while it has not found out which one a peer means.

    ``ike_id`` is the IKE_SA's unique id (None: about none): lines before and after that discovery share it.
    """

    connection: str | None
    ike_id: int | None
    group: str
    text: str


@dataclass(frozen=True, slots=True)
class SaEvent:
    """Something happened to a tunnel: ``ike-updown``, ``child-updown``, ``ike-rekey``, ``child-rekey``."""

    kind: str
    connection: str
    up: bool


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """How a requested rekey went. ``lines`` is what the daemon logged meanwhile: the reason when ``done`` is False."""

    done: bool
    lines: tuple[IkeLine, ...] = ()
