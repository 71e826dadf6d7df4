"""One fixed connection in each format, and what editing it gives."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_interface

from appliance.model.document import ImportReport, ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.fault import Fault
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from tests.vendors.writers import generic_text, strongswan_text

ID = "vpn-0fa4e000000000001"


def tunnel(remote: str, inside: str, key: str) -> ReadTunnel:
    """A tunnel as both formats can say it; ``inside`` is its /30."""
    net = IPv4Network(inside)
    return ReadTunnel(
        remote=ip_address(remote),
        public=ip_address("203.0.113.202"),
        inside=ip_interface(f"{net[2]}/30"),
        peer_inside=net[1],
        psk=Secret(key),
        ike=ReadIke(2, ("aes256-sha256-modp2048",), 28800),
        esp=ReadEsp(("aes256-sha256-modp2048",), 3600),
        dpd=ReadDpd(10, None, 30),
        mtu=1419,
    )


STATIC = ReadConnection(
    name=ID,
    cloud="aws",
    id=ID,
    cloud_gateway="vgw-0fa4e000000000001",
    customer_gateway="cgw-0fa4e000000000001",
    tunnels=(
        tunnel("198.51.100.7", "169.254.23.4/30", "Fake.key.of.tunnel_1"),
        tunnel("198.51.100.71", "169.254.22.72/30", "Fake.key.of.tunnel_2"),
    ),
)
DYNAMIC = replace(
    STATIC,
    mode="bgp",
    asn=65000,
    peer_asn=64512,
    hold_time=30,
    tunnels=tuple(replace(known, dpd=ReadDpd(10, 3, None), mtu=1436, mss=1379) for known in STATIC.tunnels),
)
STRONGSWAN = strongswan_text(STATIC)
GENERIC = generic_text(DYNAMIC)


def read(text: str) -> ImportReport:
    """The report over one document."""
    return read_documents([("vpn.txt", text)])


def edited(text: str, old: str, new: str, count: int = -1) -> ImportReport:
    """The report after an edit that must find its place."""
    assert old in text
    return read(text.replace(old, new, count))


def the_fault(report: ImportReport) -> Fault:
    """The only fault."""
    (fault,) = report.faults
    return fault


def line_of(text: str, words: str) -> int:
    """The number of the first line with these words."""
    return next(number for number, line in enumerate(text.split("\n"), start=1) if words in line)
