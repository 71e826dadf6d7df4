"""Random connections as Azure could have made them: documentation addresses, private ASNs, fake keys."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret

GROUPS = ["modp768", "modp1024", "modp2048", "modp2048s256", "ecp256", "ecp384"]
CBC = ["aes128", "aes192", "aes256", "3des"]
GCM = ["aes128gcm16", "aes256gcm16"]
LANS = [IPv4Network(f"172.16.{number}.0/24") for number in range(8)]
PATH = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Network"
APIPA = IPv4Address("169.254.21.0")


@st.composite
def _policy(draw: st.DrawFn) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The proposals that one policy makes."""
    group, pfs = draw(st.sampled_from(GROUPS)), draw(st.sampled_from([*GROUPS, ""]))
    one, two = draw(st.sampled_from(CBC + GCM)), draw(st.sampled_from(CBC + GCM))
    hashes = (
        [f"prf{name}" for name in ("sha384", "sha256")] if one in GCM else [draw(st.sampled_from(["sha1", "sha384"]))]
    )
    digest = "" if two in GCM else draw(st.sampled_from(["sha1", "sha256"]))
    return tuple(f"{one}-{each}-{group}" for each in hashes), ("-".join(filter(None, (two, digest, pfs))),)


@st.composite
def connections(draw: st.DrawFn) -> ReadConnection:
    """One tunnel, or two of an active-active gateway; BGP over its subnet's addresses or over 169.254/16."""
    count, bgp = draw(st.sampled_from([1, 2])), draw(st.booleans())
    remotes = draw(st.lists(st.integers(1, 254), min_size=count, max_size=count, unique=True))
    asns = draw(st.lists(st.integers(64512, 65514), min_size=2, max_size=2, unique=True))
    apipa = bgp and count == 1 and draw(st.booleans())
    proposals = draw(st.one_of(st.just(((), ())), _policy()))
    name = draw(st.from_regex(r"[a-z][a-z0-9]{2,10}(-[a-z0-9]{1,6}){0,2}", fullmatch=True))
    key = draw(st.one_of(st.none(), st.integers(0, 10**12).map(lambda number: Secret(f"Fake.Key_{number}"))))
    timeout = draw(st.sampled_from([None, 9, 45, 3600]))
    public = IPv4Network("203.0.113.0/24")[draw(st.integers(1, 254))]
    tunnel = ReadTunnel(
        public=public,
        psk=key,
        ike=ReadIke(
            draw(st.sampled_from([1, 2])) if proposals[0][:1] and "gcm" not in proposals[0][0] else 2, proposals[0]
        ),
        esp=ReadEsp(proposals[1], 27000 if proposals[1] else None),
        dpd=ReadDpd(None, None, timeout),
    )
    number = 4 * draw(st.integers(0, 100))
    return ReadConnection(
        name=name,
        cloud="azure",
        id=f"{PATH}/connections/{name}",
        cloud_gateway="vnet-gw",
        customer_gateway="dc1",
        mode="bgp" if bgp else "static",
        asn=asns[0] if bgp else None,
        peer_asn=asns[1] if bgp else None,
        local_networks=tuple(draw(st.lists(st.sampled_from(LANS), unique=True))),
        tunnels=tuple(
            replace(
                tunnel,
                remote=IPv4Network("198.51.100.0/24")[remote],
                inside=_inside(apipa, number) if bgp else None,
                peer_inside=(APIPA + number + 1 if apipa else IPv4Address(f"10.0.255.{4 + turn}")) if bgp else None,
            )
            for turn, remote in enumerate(remotes)
        ),
    )


def _inside(apipa: bool, number: int) -> IPv4Interface:
    return IPv4Interface((APIPA + number + 2, 30)) if apipa else IPv4Interface("10.250.0.1/32")
