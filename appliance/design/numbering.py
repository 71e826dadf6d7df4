"""Every number and name that follows from an intent: one formula each, from names and never from positions."""

from __future__ import annotations

from collections.abc import Container
from ipaddress import IPv4Address, IPv6Interface
from zlib import crc32

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.resources import CHARON_POLICIES, OWN_NEXTHOPS

BLACKHOLE_METRIC = 0xFF000000
"""Of a protected prefix's twin: zebra reads the top byte of a foreign route's metric as distance; 255 never wins."""

STATIC_BESIDE_BGP = 0xFA000000
"""Added to a static route's metric where FRR runs: what BGP brings for the same prefix goes first (distance 250)."""

FIRST_SOURCE_RULE = 17_000
"""Our rules' priorities count from here. The local table's is 0, the main table's 32766."""

OWN_PACKETS_RULE, NEARER_RULE, FIRST_DEFAULT_RULE = 27_000, 27_001, 27_010
"""Of the rules by which a LAN's packets take a default route through a tunnel: the machine's own never do, nor does
what another route takes; then one for each network of ours."""

_LINK_NAME_LIMIT = 15  # IFNAMSIZ less its terminating zero


def if_id(connection: str, tunnel: str) -> int:
    """The number that ties an XFRM interface to its SAs; never 0, which means no interface."""
    return crc32(f"{connection}/{tunnel}".encode()) % 0x7FFF_FFFE + 1


def reqid(connection: str) -> int:
    """What ties the IPsec policies of a connection in mode policy to the SAs of its tunnels. charon's own count from
    1."""
    return 0x4000_0000 + crc32(connection.encode()) % 0x3FFF_FFFE


def policy_mask(place: int) -> int:
    """In mode policy: the bits of a packet's mark that a tunnel's policies look at, by its place among the names of its
    connection's tunnels. They want them unset, and different masks make different policies."""
    return (place % 0xFF + 1) << 24


def policy_priority(rank: int) -> int:
    """Of charon's policies for a tunnel: the better its rank the earlier they are looked at."""
    return min(CHARON_POLICIES.start + rank, CHARON_POLICIES.stop - 1)


def link_name(tunnel: str) -> str:
    """The tunnel's name where the kernel takes it, else its head and a digest of the whole."""
    if len(tunnel) <= _LINK_NAME_LIMIT:
        return tunnel
    digest = f"{crc32(tunnel.encode()):08x}"[:5]
    return f"{tunnel[: _LINK_NAME_LIMIT - 6].rstrip('.-_')}-{digest}"


def link_alias(connection: str, tunnel: str) -> str:
    """What marks a link as ours, and says whose it is."""
    return f"appliance:{connection}/{tunnel}"


def link_local(connection: str, tunnel: str) -> IPv6Interface:
    """Our address on a tunnel's own link."""
    return IPv6Interface(f"fe80::{if_id(connection, tunnel) >> 16:x}:{if_id(connection, tunnel) & 0xFFFF:x}/64")


def nexthop_id(connection: str, tunnel: str, family: int) -> int:
    """A kernel nexthop object's id."""
    return OWN_NEXTHOPS.start + crc32(f"{connection}/{tunnel}/{family}".encode()) % 0x1FFF_FFFF


def group_id(connections: tuple[str, ...], family: int) -> int:
    """The id of the nexthop group that these connections' common prefixes point at."""
    return 0x6000_0000 + crc32(f"{'/'.join(connections)}/{family}".encode()) % 0x1FFF_FFE0


def nowhere_id(family: int) -> int:
    """The id of the nexthop that drops what it is given: beyond every group's."""
    return 0x7FFF_FFF0 + family


def uplink_table(uplink: str) -> int:
    """The routing table with the far ends that are reached by an uplink: named by its interface, and where that has
    several by its own name too."""
    return 0x5A00_0000 + crc32(uplink.encode()) % 0xFF_FFFF


def source_priority(address: IPAddress, link: str) -> int:
    """Of the rule that sends what comes from our address on an uplink into its table: before the main table's."""
    return FIRST_SOURCE_RULE + crc32(f"{address} {link}".encode()) % 10_000


def default_priority(network: IPNetwork, taken: Container[int]) -> int:
    """Of the rule that leads what a network of ours sends to a default route through a tunnel: the next free one."""
    found = crc32(str(network).encode()) % 4000
    while FIRST_DEFAULT_RULE + found in taken:
        found = (found + 1) % 5000
    return FIRST_DEFAULT_RULE + found


def router_id(site: str) -> IPv4Address:
    """A BGP identifier for a site that names none: any 32-bit number but zero will do (RFC 6286)."""
    return IPv4Address(crc32(site.encode()) % 0xDFFF_FFFE + 1)


def child_name(tunnel: str) -> str:
    """The child SA's name; the prefix marks the connection in charon as ours."""
    return f"appliance-{tunnel}"


def shared_key_id(tunnel: str) -> str:
    """The shared key's id in charon; the prefix is our mark."""
    return f"appliance-{tunnel}"
