"""What a cloud's document says, and only that: what it leaves open is ``None`` or empty."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.model.address import IPAddress, IPInterface, IPNetwork
from appliance.model.fault import Fault, Notice
from appliance.model.secret import Secret


@dataclass(frozen=True, slots=True)
class ReadIke:
    """IKE as the document states it. Proposals use strongSwan's keywords; ``lifetime`` in seconds."""

    version: int | None = None
    proposals: tuple[str, ...] = ()
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class ReadEsp:
    """ESP as the document states it. A proposal carries its PFS group; ``lifetime`` in seconds."""

    proposals: tuple[str, ...] = ()
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class ReadDpd:
    """Dead peer detection as stated: seconds between probes, retries, seconds until given up."""

    delay: int | None = None
    retries: int | None = None
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class ReadTunnel:
    """One tunnel of a document. ``inside`` is ours, ``peer_inside`` the cloud's; MTU and MSS in bytes."""

    remote: IPAddress | None = None
    public: IPAddress | None = None
    local_id: str | None = None
    remote_id: str | None = None
    role: str | None = None
    nat_t: bool | None = None
    inside: IPInterface | None = None
    peer_inside: IPAddress | None = None
    psk: Secret | None = None
    ike: ReadIke = ReadIke()
    esp: ReadEsp = ReadEsp()
    dpd: ReadDpd = ReadDpd()
    mtu: int | None = None
    mss: int | None = None


@dataclass(frozen=True, slots=True)
class ReadConnection:
    """One VPN connection of a document. ``mode`` is ``None`` when nothing in it says ``bgp`` or ``static``."""

    name: str
    cloud: str
    id: str | None = None
    cloud_gateway: str | None = None
    customer_gateway: str | None = None
    mode: str | None = None
    asn: int | None = None
    peer_asn: int | None = None
    hold_time: int | None = None
    networks: tuple[IPNetwork, ...] = ()
    local_networks: tuple[IPNetwork, ...] = ()
    tunnels: tuple[ReadTunnel, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A value the document owes: its place (``connections[0].peer_asn``), who needs it, and the flag that gives it."""

    field: str
    needed_for: str
    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A line that was understood and deliberately not taken over."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """One document as recognised: where it came from and which format it is (``aws/strongswan-text``)."""

    path: str
    format: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Everything an import found, faults included. With faults, nothing of it may be used."""

    documents: tuple[ReadDocument, ...] = ()
    connections: tuple[ReadConnection, ...] = ()
    missing: tuple[Missing, ...] = ()
    warnings: tuple[Notice, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    faults: tuple[Fault, ...] = ()
