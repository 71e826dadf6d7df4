"""Random connections as AWS could have made them: documentation addresses, private ASNs, keys known as fake."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.profiles.aws import AWS

HASHES = sorted(AWS.ike.integrity)
CBC = sorted(name for name in AWS.ike.encryption if "gcm" not in name)
GCM = sorted(name for name in AWS.ike.encryption if "gcm" in name)
OUTSIDE = [IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24")]
LIFETIMES = st.sampled_from([900, 1800, 3000, 3540, 3600])


def identifiers(prefix: str) -> st.SearchStrategy[str]:
    """Old and new identifiers: 8 or 17 hexadecimal digits."""
    digits = st.sampled_from("0123456789abcdef")
    return st.sampled_from([8, 17]).flatmap(
        lambda length: st.lists(digits, min_size=length, max_size=length).map(
            lambda found: f"{prefix}-{''.join(found)}"
        )
    )


def keys() -> st.SearchStrategy[Secret]:
    """Keys of AWS's alphabet, each of which says that it is fake."""
    alphabet = st.sampled_from("ABCXYZabcxyz0123456789._")
    return st.lists(alphabet, max_size=40).map(lambda found: Secret(f"Fake.Key_{''.join(found)}"))


def insides() -> st.SearchStrategy[IPv4Network]:
    """The /30s of 169.254/16 that AWS gives out."""
    nets = st.integers(0, 2**14 - 1).map(lambda index: IPv4Network((int(IPv4Address("169.254.0.0")) + 4 * index, 30)))
    return nets.filter(lambda net: net not in AWS.inside_reserved)


@st.composite
def cbc_proposals(draw: st.DrawFn) -> tuple[str, ...]:
    """One proposal that both formats can say."""
    groups = st.sampled_from(sorted(AWS.ike.groups))
    return (f"{draw(st.sampled_from(CBC))}-{draw(st.sampled_from(HASHES))}-{draw(groups)}",)


@st.composite
def ike_proposals(draw: st.DrawFn, version: int) -> tuple[str, ...]:
    """One or two IKE proposals; AEAD with version 2 only (RFC 5282)."""
    if version == 1:
        return draw(cbc_proposals())
    groups = st.sampled_from(sorted(AWS.ike.groups))
    aead = f"{draw(st.sampled_from(GCM))}-prf{draw(st.sampled_from(HASHES))}-{draw(groups)}"
    return draw(st.sampled_from([(aead,), draw(cbc_proposals()), (aead, *draw(cbc_proposals()))]))


@st.composite
def esp_proposals(draw: st.DrawFn) -> tuple[str, ...]:
    """One or two ESP proposals, AEAD or not, with PFS."""
    groups = st.sampled_from(sorted(AWS.esp.groups))
    aead = f"{draw(st.sampled_from(GCM))}-{draw(groups)}"
    return draw(st.sampled_from([(aead,), draw(cbc_proposals()), (aead, *draw(cbc_proposals()))]))


@st.composite
def connections(draw: st.DrawFn, *, generic: bool) -> ReadConnection:
    """What one download can say: the generic one knows the routing and the MSS, strongSwan's the DPD timeout."""
    hosts = st.integers(1, 254)
    remotes = draw(st.lists(hosts, min_size=2, max_size=2, unique=True))
    nets = draw(st.lists(insides(), min_size=2, max_size=2, unique=True))
    public = OUTSIDE[1][draw(hosts)]
    mode = draw(st.sampled_from(["bgp", "static"])) if generic else None
    asns = draw(st.lists(st.integers(64512, 65534), min_size=2, max_size=2, unique=True))
    bgp = mode == "bgp"
    identifier = draw(identifiers("vpn"))
    mtu = draw(st.integers(1300, 1446))
    version = draw(st.sampled_from([1, 2]))
    tunnels = tuple(
        ReadTunnel(
            remote=OUTSIDE[0][remote],
            public=public,
            inside=IPv4Interface((net[2], 30)),
            peer_inside=net[1],
            psk=draw(keys()),
            ike=ReadIke(
                version,
                draw(cbc_proposals() if generic else ike_proposals(version)),
                draw(st.sampled_from([3600, 7200, 28800, 28799])),
            ),
            esp=ReadEsp(draw(cbc_proposals() if generic else esp_proposals()), draw(LIFETIMES)),
            dpd=ReadDpd(10, 3, None) if generic else ReadDpd(10, None, 30),
            mtu=mtu,
            mss=mtu - 57 if generic else None,
        )
        for remote, net in zip(remotes, nets, strict=True)
    )
    return ReadConnection(
        name=identifier,
        cloud="aws",
        id=identifier,
        cloud_gateway=draw(st.one_of(st.none(), identifiers("vgw"))),
        customer_gateway=draw(identifiers("cgw")),
        mode=mode,
        asn=asns[0] if bgp else None,
        peer_asn=asns[1] if bgp else None,
        hold_time=draw(st.sampled_from([30, 90])) if bgp else None,
        tunnels=tunnels,
    )
