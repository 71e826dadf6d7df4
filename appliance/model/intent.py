"""What the operator wants: the intent, version 1. ``None`` means "not said": derived or defaulted where it is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from appliance.model.address import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: ``kind`` is ``file`` (relative to the intent), ``env`` or ``credential`` (systemd)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Site:
    """Our side. ``networks`` are announced or selected."""

    name: str
    asn: int | None = None
    router_id: IPv4Address | None = None
    networks: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class Lan:
    """Networks behind us, on an interface, perhaps behind another router (``via``)."""

    name: str
    networks: tuple[IPNetwork, ...]
    interface: str | None = None
    via: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Management:
    """From where the box itself is administered."""

    sources: tuple[IPNetwork, ...] = ()
    interfaces: tuple[str, ...] = ()
    ssh: bool = True
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class Uplink:
    """An interface towards the Internet. ``address``, ``gateway`` None: ``auto``; ``public`` is set when behind NAT."""

    name: str
    interface: str
    address: IPAddress | None = None
    gateway: IPAddress | None = None
    public: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Ike:
    """IKE of one tunnel: proposals in strongSwan's keywords, the lifetime both sides agreed on in seconds."""

    version: int = 2
    proposals: tuple[str, ...] = ()
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class Esp:
    """The child SA of one tunnel, as :class:`Ike`. A proposal with a group means PFS."""

    proposals: tuple[str, ...] = ()
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class Dpd:
    """Dead peer detection: seconds between probes; ``timeout`` counts for IKEv1 only."""

    delay: int | None = None
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class TunnelAnnounce:
    """What this tunnel says differently to the cloud: MED and AS-path prepends."""

    med: int | None = None
    prepend: int | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One IKE, one child SA, one XFRM interface."""

    name: str
    remote: IPAddress
    psk: SecretRef | None = None
    uplink: str | None = None
    inside: IPv4Interface | None = None
    peer_inside: IPv4Address | None = None
    inside6: IPv6Interface | None = None
    peer_inside6: IPv6Address | None = None
    ike: Ike = Ike()
    esp: Esp = Esp()
    peer_asn: int | None = None
    if_id: int | None = None
    interface: str | None = None
    mtu: int | None = None
    mss: int | None = None
    metric: int | None = None
    dpd: Dpd = Dpd()
    local_id: str | None = None
    remote_id: str | None = None
    encap: bool | None = None
    weight: int | None = None
    announce: TunnelAnnounce = TunnelAnnounce()


@dataclass(frozen=True, slots=True)
class MaxPrefixes:
    """A limit on accepted prefixes and what happens beyond it: ``warn`` only, in this version."""

    limit: int
    action: str = "warn"


@dataclass(frozen=True, slots=True)
class Accept:
    """What is taken from the cloud."""

    max_length: int = 28
    max_length6: int = 64
    default_route: bool = False
    max_prefixes: MaxPrefixes | None = None


@dataclass(frozen=True, slots=True)
class Announce:
    """What the cloud is told. ``networks`` None means the site's, ``med`` None the usual one."""

    networks: tuple[IPNetwork, ...] | None = None
    default_route: bool = False
    med: int | None = None
    prepend: int = 0
    communities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bgp:
    """Session manners: ``med`` is ``honour`` or ``ignore``; timers are (keepalive, hold) in seconds. ``password`` is
    the key of RFC 2385, the same on every session of the connection. ``ttl_security``: both ends send a TTL of 255 and
    take no less (RFC 5082). ``extended_messages``: beyond 4096 bytes (RFC 8654). ``third_party``: prefixes with another
    next hop than the neighbour's inside address are taken too (RFC 4271, section 5.1.3)."""

    med: str = "honour"
    timers: tuple[int, int] | None = None
    password: SecretRef | None = None
    ttl_security: bool = False
    extended_messages: bool = True
    third_party: bool = False


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Who is asked over every tunnel: ``kind`` is ``peer-inside`` (the tunnel's own other end), ``icmp``, ``tcp`` or
    ``udp``. ``port`` is for the last two."""

    kind: str
    address: IPAddress | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectionProbe:
    """What is asked over the tunnels of a connection, and how many of them must answer."""

    targets: tuple[ProbeTarget, ...] = (ProbeTarget("peer-inside"),)
    need: int = 1


@dataclass(frozen=True, slots=True)
class Probing:
    """The pace of all probes: seconds between two, how many lost in a row make a path suspect, how many answered in a
    row make it good again."""

    interval: float = 0.1
    lost: int = 3
    recovered: int = 20


@dataclass(frozen=True, slots=True)
class Failback:
    """What happens when a better path is good again: ``revert`` to it, ``stay`` where we are, or ``manual``.

    ``after``: seconds for which it must have been good.
    """

    policy: str = "revert"
    after: int = 60


@dataclass(frozen=True, slots=True)
class Selector:
    """What goes into the tunnels in mode policy: from any of ``local`` to any of ``remote``, and back."""

    local: tuple[IPNetwork, ...]
    remote: tuple[IPNetwork, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """One cloud VPN connection with its tunnels. ``fallback`` is ``static`` where its networks go to the tunnels that
    work also while BGP brings no route to them."""

    name: str
    cloud: str
    mode: str
    tunnels: tuple[Tunnel, ...]
    id: str | None = None
    speaker: str = "frr"
    asn: int | None = None
    peer_asn: int | None = None
    prefer: str | None = None
    priority: int | None = None
    networks: tuple[IPNetwork, ...] = ()
    fallback: str | None = None
    accept: Accept = Accept()
    announce: Announce = Announce()
    bgp: Bgp = Bgp()
    clear_text: str = "deny-private"
    probe: ConnectionProbe = ConnectionProbe()
    selectors: tuple[Selector, ...] = ()

    @property
    def password_name(self) -> str:
        """Of its BGP sessions' key among all secrets; no tunnel can be called so."""
        return f"_bgp-{self.name}"

    @property
    def preference(self) -> str:
        """Among its tunnels: ``equal`` (all that work carry) or ``ordered`` (the best that works does)."""
        return self.prefer or ("equal" if self.mode == "bgp" else "ordered")


@dataclass(frozen=True, slots=True)
class BestPath:
    """How BGP chooses between the paths to one prefix, whichever connections bring them. ``always_compare_med``: the
    MED counts between different neighbour ASes too (RFC 4271, section 9.1.2.2 c, has it count within one).
    ``maximum_paths`` share a prefix's traffic at most."""

    always_compare_med: bool = False
    maximum_paths: int = 8


@dataclass(frozen=True, slots=True)
class Nat:
    """Sources that are translated: ``masquerade`` to whatever address the uplink ``out`` has, ``snat`` on the way into
    the tunnels of ``connection``, to the address ``to``."""

    type: str
    out: str | None = None
    connection: str | None = None
    sources: tuple[IPNetwork, ...] = ()
    to: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One box. ``frr_extra`` is the path of text merged into FRR's configuration."""

    site: Site
    connections: tuple[Connection, ...] = ()
    lans: tuple[Lan, ...] = ()
    management: Management | None = None
    uplinks: tuple[Uplink, ...] = ()
    frr_extra: str | None = None
    probe: Probing = Probing()
    failback: Failback = Failback()
    bgp: BestPath = BestPath()
    nat: tuple[Nat, ...] = ()
    version: int = field(default=1)

    @property
    def secrets(self) -> dict[str, SecretRef]:
        """Where all are: the tunnels' keys by tunnel name, those of BGP by the connection's ``password_name``."""
        refs = {one.name: one.psk for connection in self.connections for one in connection.tunnels if one.psk}
        return refs | {one.password_name: one.bgp.password for one in self.connections if one.bgp.password}
