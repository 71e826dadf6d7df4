"""Random connections as Oracle Cloud could have made them: documentation addresses, private ASNs, fake keys."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.profiles.oracle import ORACLE
from appliance.vendors.keywords import is_aead

LANS = [IPv4Network(f"172.16.{number}.0/24") for number in range(8)]
DIGITS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"), min_size=20, max_size=20)


@st.composite
def _algorithms(draw: st.DrawFn) -> tuple[str, str]:
    group = st.sampled_from(sorted(ORACLE.ike.groups))
    two = draw(st.sampled_from(sorted(ORACLE.esp.encryption)))
    digest = [] if is_aead(two) else [draw(st.sampled_from(sorted(ORACLE.esp.integrity)))]
    pfs = [draw(group)] if draw(st.booleans()) else []
    one, hashes = (
        draw(st.sampled_from(sorted(ORACLE.ike.encryption))),
        draw(st.sampled_from(sorted(ORACLE.ike.integrity))),
    )
    return f"{one}-{hashes}-{draw(group)}", "-".join([two, *digest, *pfs])


@st.composite
def connections(draw: st.DrawFn, *, keys: bool) -> ReadConnection:
    """Two tunnels, with BGP or static. ``keys``: as Terraform knows them."""
    bgp, narrowed = draw(st.booleans()), draw(st.booleans())
    remotes = draw(st.lists(st.integers(1, 254), min_size=2, max_size=2, unique=True))
    nets = draw(st.lists(st.integers(0, 2**14 - 1), min_size=2, max_size=2, unique=True))
    asn = draw(st.integers(64512, 65534))
    public = IPv4Network("203.0.113.0/24")[draw(st.integers(1, 254))]
    tunnels = []
    for remote, number in zip(remotes, nets, strict=True):
        one, two = draw(_algorithms())
        base, slash31 = IPv4Address("10.0.0.0") + 4 * number, draw(st.booleans())
        tunnels.append(
            ReadTunnel(
                remote=IPv4Network("198.51.100.0/24")[remote],
                public=public,
                nat_t=draw(st.sampled_from([None, True, False])),
                inside=IPv4Interface((base + (1 if slash31 else 2), 31 if slash31 else 30)),
                peer_inside=base + (0 if slash31 else 1),
                psk=Secret(f"Fake Key {draw(st.integers(0, 10**12))}") if keys else None,
                ike=ReadIke(draw(st.sampled_from([1, 2])), (one,) if narrowed else (), 28800),
                esp=ReadEsp((two,) if narrowed else (), 3600),
                dpd=ReadDpd(None, None, draw(st.sampled_from([20, 60]))),
            )
        )
    identifier = f"ocid1.ipsecconnection.oc1.phx.{draw(DIGITS)}"
    return ReadConnection(
        name="to-dc1",
        cloud="oci",
        id=identifier,
        cloud_gateway=f"ocid1.drg.oc1.phx.{draw(DIGITS)}",
        customer_gateway=f"ocid1.cpe.oc1.phx.{draw(DIGITS)}",
        mode="bgp" if bgp else "static",
        asn=asn if bgp else None,
        peer_asn=31898 if bgp else None,
        local_networks=() if bgp else tuple(draw(st.lists(st.sampled_from(LANS), unique=True))),
        tunnels=tuple(tunnels),
    )


FIXED = ReadConnection(
    name="to-dc1",
    cloud="oci",
    id="ocid1.ipsecconnection.oc1.phx.fake1",
    cloud_gateway="ocid1.drg.oc1.phx.fake1",
    customer_gateway="ocid1.cpe.oc1.phx.fake1",
    mode="bgp",
    asn=65010,
    peer_asn=31898,
    tunnels=tuple(
        ReadTunnel(
            remote=IPv4Address(f"198.51.100.{number}"),
            public=IPv4Address("203.0.113.202"),
            inside=IPv4Interface(f"10.0.0.{2 * number + 1}/31"),
            peer_inside=IPv4Address(f"10.0.0.{2 * number}"),
            ike=ReadIke(2, ("aes256-sha384-ecp384",), 28800),
            esp=ReadEsp(("aes256gcm16-ecp384",), 3600),
            dpd=ReadDpd(None, None, 20),
        )
        for number in (1, 2)
    ),
)
WITH_KEYS = replace(
    FIXED,
    tunnels=tuple(replace(tunnel, psk=Secret(f"Fake key {turn}")) for turn, tunnel in enumerate(FIXED.tunnels)),
)
