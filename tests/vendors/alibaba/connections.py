"""Random connections as Alibaba Cloud could have made them: documentation addresses, private ASNs, fake keys."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.profiles.alibaba import ALIBABA

CIPHERS = sorted(ALIBABA.ike.encryption)
HASHES = sorted(ALIBABA.ike.integrity)
GROUPS = sorted(ALIBABA.ike.groups)
LANS = [IPv4Network(f"172.16.{number}.0/24") for number in range(8)]
VPCS = [IPv4Network(f"10.{number}.0.0/16") for number in range(8)]


def keys() -> st.SearchStrategy[Secret]:
    """Keys of the cloud's alphabet, quotes, braces and signs of comments in it; some begin as numbers do elsewhere."""
    beginnings = st.sampled_from(["Fake.Key_", "0xFake.Key_", "0sFake.Key_"])
    rest = st.text(st.sampled_from("abcXYZ019~`!@#$%^&*()_-+={}[]|;:',.<>/?\""), max_size=30)
    return st.builds(lambda begin, more: Secret(f"{begin}{more}."), beginnings, rest)


def identifiers(prefix: str) -> st.SearchStrategy[str]:
    """As the cloud makes them: small letters and digits."""
    letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789")
    return st.lists(letters, min_size=18, max_size=18).map(lambda found: f"{prefix}-bp1{''.join(found)}")


def insides() -> st.SearchStrategy[IPv4Network]:
    """The /30s of 169.254/16 that the cloud takes."""
    nets = st.integers(0, 2**14 - 1).map(lambda index: IPv4Network((int(IPv4Address("169.254.0.0")) + 4 * index, 30)))
    return nets.filter(lambda net: net not in ALIBABA.inside_reserved)


@st.composite
def _tunnel(draw: st.DrawFn, remote: int, net: IPv4Network | None, role: str | None) -> ReadTunnel:
    public = IPv4Network("203.0.113.0/24")[draw(st.integers(1, 254))]
    outside = IPv4Network("198.51.100.0/24")[remote]
    ours, theirs = draw(st.permutations([1, 2]))
    algorithms = st.tuples(st.sampled_from(CIPHERS), st.sampled_from(HASHES), st.sampled_from(GROUPS)).map("-".join)
    lifetime = draw(st.sampled_from([3600, 28800, 86400]))
    without = draw(st.booleans())
    return ReadTunnel(
        remote=outside,
        public=public,
        local_id=str(public),
        remote_id=draw(st.sampled_from([str(outside), "gateway.example.com"])),
        role=role,
        nat_t=draw(st.booleans()),
        inside=IPv4Interface((net[ours], 30)) if net else None,
        peer_inside=net[theirs] if net else None,
        psk=draw(keys()),
        ike=ReadIke(draw(st.sampled_from([1, 2])), (draw(algorithms),), lifetime),
        esp=ReadEsp((draw(algorithms).rpartition("-")[0] if without else draw(algorithms),), lifetime),
    )


@st.composite
def connections(draw: st.DrawFn, tunnels: int | None = None) -> ReadConnection:
    """What a description can say, of one tunnel or two."""
    count = draw(st.sampled_from([1, 2])) if tunnels is None else tunnels
    bgp = draw(st.booleans())
    remotes = draw(st.lists(st.integers(1, 254), min_size=count, max_size=count, unique=True))
    nets = draw(st.lists(insides(), min_size=count, max_size=count, unique=True))
    roles = ("master", "slave") if count == 2 else (None,)
    identifier = draw(identifiers("vco"))
    parts = zip(remotes, nets, roles, strict=True)
    return ReadConnection(
        name=identifier,
        cloud="alibaba",
        id=identifier,
        cloud_gateway=draw(st.one_of(identifiers("vpn"), identifiers("tr"))),
        customer_gateway=draw(identifiers("cgw")),
        mode="bgp" if bgp else "static",
        asn=draw(st.one_of(st.integers(64512, 65534), st.integers(4200000000, 4294967294))) if bgp else None,
        peer_asn=45104 if bgp else None,
        networks=tuple(draw(st.lists(st.sampled_from(VPCS), unique=True, max_size=3))),
        local_networks=tuple(draw(st.lists(st.sampled_from(LANS), unique=True, max_size=3))),
        tunnels=tuple(draw(_tunnel(remote, net if bgp else None, role)) for remote, net, role in parts),
    )


def downloaded(connection: ReadConnection) -> ReadConnection:
    """What is left of it in the configuration for the customer's device: no names, no roles, no NAT traversal; of a
    single tunnel without BGP not even that it is so."""
    silent = len(connection.tunnels) == 1 and connection.mode == "static"
    return replace(
        connection,
        name="alibaba",
        id=None,
        cloud_gateway=None,
        customer_gateway=None,
        mode=None if silent else connection.mode,
        tunnels=tuple(replace(tunnel, role=None, nat_t=None) for tunnel in connection.tunnels),
    )


def in_terraform(connection: ReadConnection) -> ReadConnection:
    """The same where each tunnel has a customer gateway of its own."""
    return replace(connection, customer_gateway=None) if len(connection.tunnels) == 2 else connection
