"""Random connections as AWS's API and its XML can say them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadIke, ReadTunnel
from appliance.profiles.aws import AWS
from appliance.vendors.keywords import esp_proposals, ike_proposals
from tests.vendors.aws.writers import TEMPLATE
from tests.vendors.connections import CBC, GCM, HASHES, connections, identifiers

GROUPS = sorted(AWS.ike.groups)
LANS = [IPv4Network(f"172.16.{number}.0/24") for number in range(8)]


def lists(names: list[str]) -> st.SearchStrategy[list[str]]:
    """One or two of them."""
    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)


def with_ipv6(tunnel: ReadTunnel, number: int) -> ReadTunnel:
    """The same tunnel with a /126 of fd00::/8 inside."""
    net = IPv6Network((int(IPv6Address("fd00::")) + 4 * number, 126))
    return replace(tunnel, inside=IPv6Interface((net[2], 126)), peer_inside=net[1])


@st.composite
def in_xml(draw: st.DrawFn) -> ReadConnection:
    """What the CustomerGatewayConfiguration alone says: no version, no MTU, one proposal with a hash of its own."""
    connection = draw(connections(generic=True))
    tunnels = tuple(replace(tunnel, ike=replace(tunnel.ike, version=None), mtu=None) for tunnel in connection.tunnels)
    if draw(st.booleans()):
        numbers = draw(st.lists(st.integers(0, 2**118 - 1), min_size=2, max_size=2, unique=True))
        tunnels = tuple(with_ipv6(tunnel, number) for tunnel, number in zip(tunnels, numbers, strict=True))
    return replace(connection, tunnels=tunnels)


@st.composite
def in_api(draw: st.DrawFn, *, keyless: bool) -> ReadConnection:
    """What a description says: the options of each tunnel, the transit gateway, the static routes. ``keyless``: its
    keys may be in Secrets Manager."""
    connection = draw(in_xml())
    gateways = st.one_of(identifiers("vgw"), identifiers("tgw"), st.none())
    is_keyless = keyless and draw(st.booleans())
    accelerated = True if draw(st.booleans()) else None
    return replace(
        connection,
        cloud_gateway=draw(gateways),
        local_networks=tuple(draw(st.lists(st.sampled_from(LANS), unique=True)) if connection.mode == "static" else ()),
        tunnels=tuple(
            replace(draw(optioned(tunnel)), nat_t=accelerated, psk=None if is_keyless else tunnel.psk)
            for tunnel in connection.tunnels
        ),
    )


@st.composite
def optioned(draw: st.DrawFn, tunnel: ReadTunnel) -> ReadTunnel:
    """The tunnel with options of its own, or AWS's template."""
    version = draw(st.sampled_from([1, 2]))
    ciphers = CBC if version == 1 else CBC + GCM
    ike = ike_proposals(draw(lists(ciphers)), draw(lists(HASHES)), draw(lists(GROUPS)))
    cbc, aead = draw(lists(CBC)), draw(st.lists(st.sampled_from(GCM), max_size=1))
    esp = esp_proposals([*cbc, *aead], draw(lists(HASHES)), draw(lists(GROUPS)))
    return replace(
        tunnel,
        ike=ReadIke(version, draw(st.sampled_from([ike, TEMPLATE])), tunnel.ike.lifetime),
        esp=replace(tunnel.esp, proposals=draw(st.sampled_from([esp, TEMPLATE]))),
        dpd=ReadDpd(10, 3, draw(st.sampled_from([None, 30, 60]))),
    )
