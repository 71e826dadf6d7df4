"""What our one nftables table has to know: typed, so that no free text reaches the ruleset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from appliance.model.address import IPAddress, IPNetwork


@dataclass(frozen=True, slots=True)
class TunnelGuard:
    """One tunnel as the filter sees it. MSS in bytes, for packets entering and leaving ``interface``, which mode policy
    has none of. Nothing to its networks ``inside`` leaves an uplink in clear."""

    interface: str | None
    remote: IPAddress  # the only source of IKE and ESP for this tunnel
    uplink: str | None  # the interface it must come in by; None: any
    neighbors: tuple[IPAddress, ...]  # the only partners of BGP on this interface
    mss: int  # over IPv4
    mss6: int  # over IPv6
    inside: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class LanGuard:
    """Networks forwarded to and from the tunnels; ``interface`` None: whatever is no uplink and no tunnel."""

    interface: str | None
    networks: tuple[IPNetwork, ...]


@dataclass(frozen=True, slots=True)
class ManagementGuard:
    """From where a box of our own is administered: TCP ``ports`` by any of ``interfaces`` from any of ``sources``; an
    empty tuple of those two means any."""

    interfaces: tuple[str, ...] = ()
    sources: tuple[IPNetwork, ...] = ()
    ports: tuple[int, ...] = (22,)


@dataclass(frozen=True, slots=True)
class Translation:
    """New sources for what leaves by ``links`` and comes from ``sources``: the address ``to``, or, where that is None,
    whatever address the interface has."""

    links: tuple[str, ...]
    sources: tuple[IPNetwork, ...]
    to: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Transit:
    """What the cloud behind any of ``links`` was told of another: ``networks``, reached by any of ``beyond``."""

    links: tuple[str, ...]
    beyond: tuple[str, ...]
    networks: tuple[IPNetwork, ...]


@dataclass(frozen=True, slots=True)
class PolicedPair:
    """A network of ours and one of theirs, between which IPsec policies take what uplinks would carry. MSS in bytes."""

    ours: IPNetwork
    theirs: IPNetwork
    mss: int


@dataclass(frozen=True)
class Filter:
    """The whole table. ``protected`` never leaves an uplink in clear; with ``deny_private``, neither do private
    destinations of LAN traffic (RFC 1918, RFC 6598, RFC 4193, link-local) other than ``uplink_networks``.

    ``host_is_ours``: on our own image the table also judges everything else (default drop); on
    another host it does not. ``management`` counts only there; None: SSH from whatever is no uplink and no tunnel.
    ``captured`` are the families of which a LAN's default route leads into a tunnel: nothing that a LAN sends further
    than an uplink's own network leaves by it.
    ``outward`` are tunnels whose cloud reaches the Internet through us, and is answered from there.
    """

    tunnels: tuple[TunnelGuard, ...]
    uplinks: tuple[str, ...]
    lans: tuple[LanGuard, ...]
    protected: tuple[IPNetwork, ...]
    deny_private: bool
    uplink_networks: tuple[IPNetwork, ...] = ()
    host_is_ours: bool = False
    management: ManagementGuard | None = None
    translations: tuple[Translation, ...] = ()
    policed: tuple[PolicedPair, ...] = ()
    captured: tuple[int, ...] = ()
    transits: tuple[Transit, ...] = ()
    outward: tuple[str, ...] = ()

    @cached_property
    def every_uplink(self) -> tuple[str, ...]:
        """The uplinks, those that only a tunnel names among them; sorted."""
        named = set(map(attrgetter("uplink"), self.tunnels))
        return tuple(sorted({*self.uplinks, *(link for link in named if link)}))
