"""What a box can hold. Each resource has a key; two with one key are the same thing, and equal ones need no change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from appliance.model.address import IPAddress, IPInterface, IPNetwork
from appliance.model.secret import Secret

ROUTE_PROTOCOL = 173
"""The rtnetlink protocol number on every route, rule and nexthop object of ours; unassigned in rt_protos."""

LEARNED_PROTOCOL = 174
"""The same for what the embedded BGP speaker learned: routes, nexthops and groups that come and go by the thousand, and
that a pass neither compares nor takes away."""

MAIN_TABLE = 254
"""The routing table that everything is looked up in where no rule says otherwise (RT_TABLE_MAIN)."""

DEFAULT_TABLE = 0x5900_0000
"""The routing table of default routes that lead through tunnels. Only what a LAN sends is looked up there, and only
what no other route of the main table takes: the machine keeps its own default route, and so do IKE and ESP."""

OWN_NEXTHOPS = range(0x4000_0000, 0x8000_0000)
"""Ids of nexthop objects that nobody else takes (zebra counts from 1). One of these that carries another's protocol
number is ours all the same: zebra sends an object that vanished under its routes back down, as its own."""

OWN_POLICIES, CHARON_POLICIES, LAST_POLICIES = range(17_300, 17_400), range(20_000, 20_100), range(40_000, 40_100)
"""Priorities of IPsec policies in mode policy, the lowest first: of ours that lead, of what charon puts there for each
tunnel, and of ours that stand when there is nothing else. By itself charon takes some 130,000 to 400,000."""

LINK_MARK = "appliance:"
"""Every link of ours carries an alias (IFLA_IFALIAS) that starts with this."""

TABLE_MARK = "appliance"
"""The name of our one nftables table (family inet)."""


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting, by its dotted name (interface names with dots use ``/``). ``machine_wide``: not only for
    links of ours; such a one is listed in the plan and restored when everything of ours goes."""

    name: str
    value: str
    machine_wide: bool = False

    @property
    def key(self) -> str:
        return f"sysctl {self.name}"


@dataclass(frozen=True, slots=True)
class XfrmLink:
    """An XFRM interface, always up. ``if_id`` ties it to its SAs; ``alias`` is our mark and names connection/tunnel.

    ``up`` is False only on one that was observed down, so that it differs from what is desired and is mended.
    """

    name: str
    if_id: int
    mtu: int
    alias: str
    up: bool = True

    @property
    def key(self) -> str:
        return f"xfrm-link {self.name}"


@dataclass(frozen=True, slots=True)
class InsideAddress:
    """Our address inside a tunnel."""

    link: str
    address: IPInterface

    @property
    def key(self) -> str:
        return f"inside-address {self.link} {self.address}"


@dataclass(frozen=True, slots=True)
class Blackhole:
    """The twin of a protected prefix: what catches its traffic when no tunnel carries it.

    ``metric`` is at least 0xFF000000 where FRR runs: zebra reads the top byte as the distance, and 255 never wins.
    """

    prefix: IPNetwork
    metric: int
    table: int = 254

    @property
    def key(self) -> str:
        return f"blackhole {self.prefix} table {self.table}"


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A kernel nexthop object: one way out, by device and, where the link has neighbours, a gateway. ``link`` None is
    the way to nowhere: what takes it is dropped."""

    id: int
    link: str | None
    family: int  # 4 or 6
    gateway: IPAddress | None = None
    protocol: int = ROUTE_PROTOCOL

    @property
    def key(self) -> str:
        return f"nexthop {self.id}"


@dataclass(frozen=True, slots=True)
class NexthopGroup:
    """A kernel nexthop group: members as (nexthop id, weight 1-256), sorted by id."""

    id: int
    members: tuple[tuple[int, int], ...]
    protocol: int = ROUTE_PROTOCOL

    @property
    def key(self) -> str:
        return f"nexthop-group {self.id}"


@dataclass(frozen=True, slots=True)
class Route:
    """A unicast route of ours: by nexthop object (``nexthop``), or by gateway and device."""

    prefix: IPNetwork
    metric: int
    table: int = 254
    nexthop: int | None = None
    gateway: IPAddress | None = None
    link: str | None = None
    protocol: int = ROUTE_PROTOCOL

    @property
    def key(self) -> str:
        return f"route {self.prefix} metric {self.metric} table {self.table}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy routing rule of ours. ``incoming`` is the interface that a packet came by: ``lo`` for our own.
    ``no_default``: what only the table's default route would take goes on to the next rule."""

    priority: int
    table: int
    source: IPNetwork | None = None
    destination: IPNetwork | None = None
    family: int = 4
    incoming: str | None = None
    no_default: bool = False

    @property
    def key(self) -> str:
        return f"rule {self.priority} family {self.family}"


@dataclass(frozen=True, slots=True)
class XfrmPolicy:
    """An IPsec policy, which stands whether there is an SA for it or not: without one its packets are dropped.

    ``direction``: ``out`` sends into the SA of ``reqid`` between the outer addresses; ``in`` and ``fwd`` demand that a
    packet came out of an SA of ``reqid``, of any sender when ``outer_source`` is None. ``reqid`` 0: nothing may pass.
    """

    direction: str
    source: IPNetwork
    destination: IPNetwork
    priority: int
    reqid: int = 0
    outer_source: IPAddress | None = None
    outer_destination: IPAddress | None = None

    @property
    def key(self) -> str:
        return f"xfrm-policy {self.direction} {self.source} to {self.destination}"


Stay = tuple[IPNetwork | None, IPNetwork | None]
"""Packets from here to there; None: from or to anybody."""


@dataclass(frozen=True, slots=True)
class Detour:
    """What would leave by ``link`` leaves by ``via``, but for what ``stays``, of which a ``digest`` is kept beside it.
    ``via`` empty: the other link has gone, and what was to leave by it is dropped."""

    link: str
    via: str
    digest: int
    stays: tuple[Stay, ...] = field(default=(), compare=False, repr=False)

    @property
    def key(self) -> str:
        return f"detour {self.link}"


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A pre-shared key for a pair of identities. Equal when the fingerprints are: the secret is not compared or shown.

    ``fingerprint`` is a keyed digest under a key that never leaves this machine.
    """

    id: str
    owners: tuple[str, ...]
    fingerprint: str
    secret: Secret | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        return f"shared-key {self.id}"


@dataclass(frozen=True, slots=True)
class ChildSa:
    """The one child of a tunnel. Times in seconds, ``replay_window`` in packets. In mode policy ours find its SAs by
    ``reqid``, and charon's policies have ``priority`` and want the bits of ``mask`` unset in a packet's mark."""

    name: str
    local_ts: tuple[IPNetwork, ...]
    remote_ts: tuple[IPNetwork, ...]
    proposals: tuple[str, ...]
    rekey_time: int
    rand_time: int
    life_time: int
    replay_window: int
    start_action: str = "start"
    dpd_action: str = "restart"
    close_action: str = "none"
    reqid: int = 0
    mask: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class IkeConnection:
    """One IKE connection of charon with its child. ``local`` None means any address of ours. Times in seconds."""

    name: str
    version: int
    local: IPAddress | None
    remote: IPAddress
    local_id: str
    remote_id: str
    proposals: tuple[str, ...]
    rekey_time: int
    rand_time: int
    over_time: int
    dpd_delay: int
    unique: str
    if_id: int
    child: ChildSa
    encap: bool = False
    dpd_timeout: int | None = None  # IKEv1 only; IKEv2 goes by retransmission

    @property
    def key(self) -> str:
        return f"ike-connection {self.name}"


@dataclass(frozen=True, slots=True)
class FirewallTable:
    """Our whole nftables table as the text that nft loads in one transaction; ``parts`` make it up, where known."""

    text: str
    parts: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __hash__(self) -> int:
        """Without reading the text, which may be long."""
        return hash((type(self), len(self.text)))

    @property
    def key(self) -> str:
        return "firewall-table"


class Written(Protocol):
    """A text that is put together when somebody asks for it; equal to another of its kind where the text is."""

    @property
    def text(self) -> str:
        """All of it."""


@dataclass(frozen=True, slots=True, eq=False)
class FrrConfig:
    """Our whole part of FRR's configuration, in FRR's canonical spelling and order: as a text, or as what gives it.
    ``secrets`` are what tokens in it stand for: a changed secret has another token."""

    written: str | Written = field(repr=False)
    secrets: tuple[tuple[str, Secret], ...] = field(default=(), repr=False)

    def __eq__(self, other: object) -> bool:
        """The same text, which is put together only where it cannot be told without."""
        if not isinstance(other, FrrConfig):
            return NotImplemented
        if self.written is other.written:
            return True
        alike = type(self.written) is type(other.written)
        return self.written == other.written if alike else self.text == other.text

    def __hash__(self) -> int:
        """There is one on a machine: nothing is gained by reading the text, which may be long."""
        return hash(FrrConfig)

    @property
    def text(self) -> str:
        """All of it."""
        return self.written if isinstance(self.written, str) else self.written.text

    @property
    def key(self) -> str:
        return "frr-config"


@dataclass(frozen=True, slots=True)
class ExabgpConfig:
    """The whole configuration of the embedded speaker, ExaBGP; ``secrets`` as with FRR."""

    text: str
    secrets: tuple[tuple[str, Secret], ...] = field(default=(), compare=False, repr=False)

    @property
    def key(self) -> str:
        return "exabgp-config"


Resource = (
    Sysctl
    | XfrmLink
    | InsideAddress
    | Blackhole
    | Nexthop
    | NexthopGroup
    | Route
    | Rule
    | XfrmPolicy
    | Detour
    | SharedKey
    | IkeConnection
    | FirewallTable
    | FrrConfig
    | ExabgpConfig
)
