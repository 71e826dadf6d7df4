"""Random connections as far as a device's configuration can say them, and what the writers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadIke, ReadTunnel
from tests.vendors.connections import connections
from tests.vendors.writers import header

BEHIND = IPv4Network("10.20.0.0/16")
"""The network that a statically routed connection leads to."""


def spoken(tell: Callable[[ReadTunnel], ReadTunnel], *, alike: bool = False) -> st.SearchStrategy[ReadConnection]:
    """A connection whose tunnels are reduced by ``tell``; ``alike``: one set of algorithms for both."""

    def reduced(found: ReadConnection) -> ReadConnection:
        one = found.tunnels[0]
        tunnels = (replace(t, ike=one.ike, esp=one.esp) if alike else t for t in found.tunnels)
        networks = () if found.mode == "bgp" else (BEHIND,)
        return replace(found, networks=networks, tunnels=tuple(map(tell, tunnels)))

    return connections(generic=True).map(reduced)


def told(
    tunnel: ReadTunnel, *, version: int, dpd: ReadDpd, mtu: bool, mss: bool, peer: bool = True, public: bool = True
) -> ReadTunnel:
    """The tunnel with what the device's text has a place for."""
    return replace(
        tunnel,
        ike=ReadIke(version, tunnel.ike.proposals, tunnel.ike.lifetime),
        dpd=dpd,
        mtu=tunnel.mtu if mtu else None,
        mss=tunnel.mss if mss else None,
        peer_inside=tunnel.peer_inside if peer else None,
        public=tunnel.public if public else None,
    )


def commented(connection: ReadConnection, sign: str) -> str:
    """AWS's header behind a comment sign."""
    return "".join(f"{sign} {line}\n" if line else f"{sign}\n" for line in header(connection).splitlines())


def heading(number: int, sign: str) -> str:
    """What AWS writes above a tunnel."""
    rule = f"{sign} {'-' * 80}\n"
    return f"{rule}{sign} IPSec Tunnel #{number}\n{rule}"


def download(connection: ReadConnection, sign: str, write: Callable[[ReadTunnel, ReadConnection, int], str]) -> str:
    """AWS's header, then each tunnel under its heading."""
    intro = f"{sign} This configuration consists of two tunnels. Both tunnels must be\n{sign} configured.\n{sign}\n"
    tunnels = (
        heading(number, sign) + write(tunnel, connection, number)
        for number, tunnel in enumerate(connection.tunnels, start=1)
    )
    return commented(connection, sign) + intro + "".join(tunnels)


def parts(proposals: tuple[str, ...]) -> tuple[str, str, str]:
    """Cipher, hash and group of the only proposal."""
    cipher, digest, group = proposals[0].split("-")
    return cipher, digest, group


def policy_based(connection: ReadConnection) -> ReadConnection:
    """The connection of a device without tunnel interfaces: nothing of the inside, nothing of routing."""
    tunnels = tuple(
        replace(tunnel, inside=None, peer_inside=None, mss=connection.tunnels[0].mss) for tunnel in connection.tunnels
    )
    return replace(unrouted(connection), tunnels=tunnels)


def anonymous(connection: ReadConnection) -> ReadConnection:
    """The connection without the identifiers that only a header has."""
    return replace(connection, cloud_gateway=None, customer_gateway=None)


def unrouted(connection: ReadConnection) -> ReadConnection:
    """The connection without its routing."""
    return replace(connection, mode=None, asn=None, peer_asn=None, hold_time=None, networks=())
